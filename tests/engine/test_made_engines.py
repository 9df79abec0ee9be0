"""Engines whose networks are made by others' compilers and kept: AOTInductor, OpenVINO; and PyTorch's CUDA graphs."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch
from engine_samples import CPU, clips, error, needs_openvino, small_model, trained
from hypothesis import given, settings
from hypothesis import strategies as st

from faster_video.backbones import BACKBONES
from faster_video.engine import CompiledNetwork, OpenVinoNetwork, compiled, on_engine
from faster_video.engine.eager import folded
from faster_video.engine.kept import network_key
from faster_video.errors import ConfigError, EngineError


@needs_openvino
@pytest.mark.parametrize("name", BACKBONES)
@settings(deadline=None, max_examples=4)
@given(
    width=st.sampled_from([1 / 32, 1 / 8, 3 / 16]),
    frames=st.sampled_from([8, 24]),
    height=st.integers(32, 80),
    wide=st.integers(32, 80),
    count=st.integers(1, 3),
)
@torch.inference_mode()
def test_openvinos_maps_are_those_of_the_network(
    name: str, width: float, frames: int, height: int, wide: int, count: int
) -> None:
    network = trained(name, width)
    clip = clips(count, 3, frames, height, wide)
    assert error(OpenVinoNetwork(network)(clip), network(clip)) < 1e-4


@needs_openvino
@torch.inference_mode()
def test_one_network_of_openvino_takes_clips_of_any_size_layout_and_number_of_threads() -> None:
    network = trained("r3d50", 1 / 16)
    made = OpenVinoNetwork(network)
    before = torch.get_num_threads()
    try:
        for threads, side in ((1, 32), (2, 48), (1, 33), (2, 32)):
            torch.set_num_threads(threads)
            clip = clips(1, 3, 8, side, side, seed=side).contiguous(memory_format=torch.channels_last_3d)
            assert error(made(clip), network(clip)) < 1e-4
    finally:
        torch.set_num_threads(before)


@needs_openvino
def test_openvino_keeps_networks_by_their_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "faster_video" / "openvino"
    network, clip = trained("r2d26", 1 / 16), clips(1, 3, 8, 32, 32)
    first = OpenVinoNetwork(network)(clip)
    kept = sorted(folder.iterdir())
    assert [file.suffix for file in kept] == [".bin", ".xml"]
    times = [file.stat().st_mtime_ns for file in kept]
    assert torch.equal(OpenVinoNetwork(network)(clip), first)
    assert [file.stat().st_mtime_ns for file in sorted(folder.iterdir())] == times
    network.stages[0][0].reduce[1].bias.data += 1  # type: ignore[index]
    assert not torch.equal(OpenVinoNetwork(network)(clip), first)
    assert len(list(folder.iterdir())) == 4


def test_compiled_refuses_what_it_cannot_compute() -> None:
    made = CompiledNetwork(trained("r2d26", 1 / 16))
    with pytest.raises(ConfigError, match="compiled does not learn, but this clip asks for a gradient; choose eager"):
        made(clips(1, 3, 8, 32, 32).requires_grad_())
    with pytest.raises(ConfigError, match=r"clips are torch.float64 on cpu; the engine compiled takes float32 on cpu"):
        made(clips(1, 3, 8, 32, 32).double())


@needs_openvino
def test_openvino_refuses_what_it_cannot_compute() -> None:
    made = OpenVinoNetwork(trained("r2d26", 1 / 16))
    with pytest.raises(ConfigError, match="openvino does not learn, but this clip asks for a gradient; choose eager"):
        made(clips(1, 3, 8, 32, 32).requires_grad_())
    with pytest.raises(ConfigError, match=r"clips are torch.float64 on cpu; the engine openvino takes float32"):
        made(clips(1, 3, 8, 32, 32).double())
    with pytest.raises(ConfigError, match="a clip has shape"):
        made(clips(1, 3, 4, 32, 32))
    with pytest.raises(ConfigError, match=r"a clip has values that are no finite numbers, .* choose eager"):
        made(clips(1, 3, 8, 32, 32).fill_(torch.nan))
    broken = trained("r2d26", 1 / 16)
    broken.stages[0][0].reduce[0].weight.data.view(-1)[7] = torch.nan  # type: ignore[index]
    with pytest.raises(EngineError, match=r"the network has weights that are no finite numbers, .* choose eager"):
        OpenVinoNetwork(broken)


def test_openvino_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match=r"not installed; pip install 'faster-video\[openvino\]'"):
        on_engine(small_model(), "openvino", CPU)


def test_openvino_is_refused_on_a_gpu() -> None:
    with pytest.raises(ConfigError, match="engine is 'openvino', which runs on processors, and device is cuda"):
        on_engine(small_model(), "openvino", torch.device("cuda"))


@needs_openvino
def test_nothing_is_told_to_intel() -> None:
    program = (
        "import sys\nfrom faster_video.engine.openvino import load_openvino\nload_openvino()\n"
        "print(sys.modules['openvino_telemetry'], 'openvino.tools.ovc.telemetry_stub' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "None True\n"


def test_engines_are_not_imported_before_they_are_wanted() -> None:
    program = (
        "import sys, faster_video.inference\n"
        "print([name for name in ('openvino', 'nncf', 'torch._inductor', 'torch._dynamo') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


@pytest.mark.slow
@torch.inference_mode()
def test_compiled_maps_are_those_of_the_network_and_the_code_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network = trained("r3d50", 1 / 16)
    two = clips(2, 3, 16, 40, 33)
    first = CompiledNetwork(network)(two)
    assert error(first, network(two)) < 1e-4
    (file,) = (tmp_path / "faster_video" / "compiled").iterdir()  # and nothing of the compiler's is left
    assert file.suffix == ".pt2" and not file.stat().st_mode & 0o077
    assert compiled.is_kept(network, "float32", two.shape[1:])
    monkeypatch.setattr(compiled, "_compile", None)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        last = two.contiguous(memory_format=torch.channels_last_3d)
        assert error(CompiledNetwork(network)(last), first) < 1e-6
    finally:
        torch.set_num_threads(before)


def test_what_the_compiled_code_is_kept_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network, size = trained("r2d26", 1 / 16), torch.Size((3, 8, 32, 32))
    key = network_key(network)
    names = {compiled._file(key, "float32", size), compiled._file(key, "bf16", size)}
    names.add(compiled._file(key, "float32", torch.Size((3, 16, 32, 32))))
    network.stages[0][0].reduce[1].running_mean[0] += 1  # type: ignore[index]
    names.add(compiled._file(network_key(network), "float32", size))
    monkeypatch.setattr(compiled, "processor", lambda: ("another",))
    names.add(compiled._file(key, "float32", size))
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    names.add(compiled._file(key, "float32", size))
    assert len(names) == 6 and not compiled.is_kept(network, "float32", size)


def test_code_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network, clip = trained("r2d26", 1 / 16), clips(1, 3, 8, 32, 32)
    file = compiled._file(network_key(network), "float32", clip.shape[1:])
    file.write_bytes(b"no code")
    with pytest.raises(EngineError, match="cannot be loaded; delete it to have it made again"):
        CompiledNetwork(network)(clip)


@pytest.mark.slow
def test_a_cpp_compiler_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(EngineError, match=r"false cannot compile the network .*; choose eager"):
        CompiledNetwork(trained("r2d26", 1 / 16))(clips(1, 3, 8, 32, 32))
    assert not list((tmp_path / "faster_video" / "compiled").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(
    not (Path(sysconfig.get_path("include")) / "Python.h").exists(), reason="torch.compile needs Python's headers"
)
@torch.inference_mode()
def test_what_gpus_run_gives_the_same_maps_here() -> None:
    network = trained("r2d26", 1 / 16)
    run = compiled._compiled_for_gpu(folded(network))
    for seed in (1, 2):
        clip = clips(2, 3, 8, 32, 32, seed=seed)
        assert error(run(clip), network(clip)) < 1e-4
