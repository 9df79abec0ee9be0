"""In what numbers networks are computed, and what is refused."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from engine_samples import CPU, clips, error, small_model, trained
from inference_samples import small_bundle, write_sample

from faster_video.backbones import BACKBONES
from faster_video.cli import main
from faster_video.engine import EagerNetwork, on_engine, precision
from faster_video.engine.precision import has_bf16, require_precision
from faster_video.errors import ConfigError, DataError, EngineError
from faster_video.inference import Classifier
from faster_video.inference.calibration import _Clips, calibration_of, spread


@pytest.fixture
def processor_with_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_has_bf16", lambda: True)


@pytest.fixture
def processor_without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_has_bf16", lambda: False)


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu avx2 fma", False), ("avx512f avx512_bf16", True), ("asimd bf16 i8mm", True)]
)
def test_a_processor_has_bf16_where_it_says_so(flags: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "processor", lambda: ("x86_64", "some model with bf16-ish name", flags))
    precision._processor_has_bf16.cache_clear()
    assert has_bf16(CPU) is expected
    precision._processor_has_bf16.cache_clear()


@pytest.mark.parametrize("name", BACKBONES)
@torch.inference_mode()
def test_bf16_gives_float32_maps_that_are_near(name: str) -> None:
    network, clip = trained(name, 1 / 8), clips(2, 3, 8, 48, 40)
    maps = EagerNetwork(network, "bf16")(clip)
    assert maps.dtype == torch.float32
    assert 1e-4 < error(maps, network(clip)) < 0.05


@pytest.mark.usefixtures("processor_with_bf16")
@torch.inference_mode()
def test_auto_runs_bf16_by_pytorch() -> None:
    model = small_model()
    video = clips(1, 3, 3, 8, 32, 32)
    running, name = on_engine(model, "auto", CPU, precision="bf16")
    assert name == "eager"
    torch.testing.assert_close(running(video), model(video), atol=0.05, rtol=0.05)


@pytest.mark.usefixtures("processor_without_bf16")
def test_bf16_is_refused_where_it_would_be_slower() -> None:
    with pytest.raises(ConfigError, match=r"bf16, but cpu has no instructions for it, .*; choose float32"):
        on_engine(small_model(), "auto", CPU, precision="bf16")


@pytest.mark.parametrize("engine", ["native", "openvino"])
@pytest.mark.usefixtures("processor_with_bf16")
def test_engines_that_do_not_know_bf16_refuse_it(engine: str) -> None:
    with pytest.raises(ConfigError, match=f"the engine '{engine}' does not compute in; choose eager or compiled or"):
        require_precision("bf16", engine, CPU)


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown precision 'half'; choose one of bf16, float32, int8"):
        require_precision("half", "auto", CPU)


def test_int8_is_refused_elsewhere() -> None:
    with pytest.raises(ConfigError, match="the engine 'native' does not compute in; choose openvino or auto"):
        require_precision("int8", "native", CPU)
    with pytest.raises(ConfigError, match="int8, which is for processors, and device is cuda"):
        require_precision("int8", "auto", torch.device("cuda"))


def test_int8_needs_videos_to_calibrate_with_and_nothing_else_does(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name a folder of videos like those to come with --calibrate"):
        Classifier(small_bundle(), "cpu", precision="int8")
    with pytest.raises(DataError, match="no video to calibrate with; name a folder"):
        Classifier(small_bundle(), "cpu", precision="int8", calibrate=tmp_path)
    with pytest.raises(ConfigError, match="calibrate is 'videos', which is for the precision int8"):
        Classifier(small_bundle(), "cpu", calibrate="videos")


def test_int8_without_nncf_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    write_sample(tmp_path / "one.mp4")
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(EngineError, match=r"needs NNCF, which is not installed; pip install 'faster-video\[int8\]'"):
        Classifier(small_bundle(), "cpu", precision="int8", calibrate=tmp_path)


def test_calibration_takes_clips_spread_over_the_folder_and_leaves_out_what_cannot_be_read(tmp_path: Path) -> None:
    classifier = Classifier(small_bundle(), "cpu")
    write_sample(tmp_path / "a" / "one.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"none")
    one = calibration_of(tmp_path, classifier.decoder)
    found = list(one.clips)
    assert [clip.shape for clip in found] == [torch.Size((1, 3, 8, 32, 32))] * 4
    assert all(torch.equal(clip, again) for clip, again in zip(found, one.clips, strict=True))
    with pytest.raises(DataError, match="none of 1 videos to calibrate with could be read; name another folder"):
        list(_Clips([tmp_path / "broken.mp4"], [0], classifier.decoder))
    write_sample(tmp_path / "a" / "one.mp4", seed=1)
    assert calibration_of(tmp_path, classifier.decoder).key != one.key


@pytest.mark.parametrize(
    ("count", "most", "expected"), [(3, 4, [0, 1, 2]), (5, 4, [0, 1, 2, 3]), (32, 4, [0, 8, 16, 24])]
)
def test_numbers_are_spread(count: int, most: int, expected: list[int]) -> None:
    assert spread(count, most) == expected


@pytest.mark.skipif(find_spec("nncf") is None, reason="NNCF is not installed (pip install 'faster-video[int8]')")
@pytest.mark.slow
def test_int8_answers_are_near_and_the_networks_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    video = write_sample(tmp_path / "videos" / "one.mp4")
    plain = Classifier(small_bundle(), "cpu", "eager").classify(video)
    found = Classifier(small_bundle(), "cpu", precision="int8", calibrate=tmp_path / "videos")
    assert (found.engine, found.precision) == ("openvino", "int8")
    answers = torch.tensor([clip.probabilities for clip in found.classify(video).clips])
    wanted = torch.tensor([clip.probabilities for clip in plain.clips])
    assert 1e-6 < (answers - wanted).abs().max() < 0.2
    assert capsys.readouterr().out == ""
    kept = sorted((tmp_path / "cache" / "faster_video" / "openvino").glob("*-int8.xml"))
    times = [file.stat().st_mtime_ns for file in kept]
    again = Classifier(small_bundle(), "cpu", precision="int8", calibrate=tmp_path / "videos").classify(video)
    assert again.clips[-1].probabilities == pytest.approx(answers[-1].tolist(), abs=1e-5)
    assert len(kept) == 2 and [file.stat().st_mtime_ns for file in kept] == times


@pytest.mark.usefixtures("processor_without_bf16")
def test_the_command_says_in_one_line_what_it_cannot_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", str(write_sample(tmp_path / "one.mp4")), "--precision", "bf16"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("faster-video: error: precision is bf16, but cpu has no instructions for it")
