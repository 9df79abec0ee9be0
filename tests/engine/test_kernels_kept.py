"""The kernels are compiled once and kept; where they cannot be had, that is said and another engine is taken."""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from engine_samples import CPU, clips, error, small_model, trained
from inference_samples import write_sample

from faster_video.cli import main
from faster_video.engine import NativeNetwork, c_compiler, kept, library, on_engine
from faster_video.errors import EngineError


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine on which nothing has been compiled yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    c_compiler.forget()
    yield tmp_path
    c_compiler.forget()


def test_compiled_code_is_kept(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library.load_library()
    (file,) = (empty_cache / "faster_video" / "kernels").glob("kernels-*.so")
    c_compiler.forget()
    monkeypatch.setenv("CC", "false")
    assert library.load_library().lanes() in (8, 16)
    assert [file] == list((empty_cache / "faster_video" / "kernels").iterdir())


def test_a_folder_that_others_can_write_is_not_used(empty_cache: Path) -> None:
    folder = empty_cache / "faster_video" / "kernels"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    library.load_library()
    assert not list(folder.iterdir())
    folder.rmdir()
    folder.symlink_to(empty_cache)
    c_compiler.forget()
    library.load_library()
    assert [path.name for path in empty_cache.iterdir()] == ["faster_video"]


def test_a_temporary_folder_that_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(kept, "cache_folder", none)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    parent = tmp_path / f"faster_video-{os.getuid()}"
    assert kept.own_folder("kernels") == parent / "kernels"
    parent.chmod(0o777)
    with pytest.raises(EngineError, match="no folder that only this user can write"):
        kept.own_folder("kernels")


@pytest.mark.usefixtures("empty_cache")
def test_without_any_folder_the_engine_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(kept, "cache_folder", none)
    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(EngineError, match="no folder that only this user can write"):
        library.load_library()


@pytest.mark.usefixtures("empty_cache")
def test_a_compiler_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(EngineError, match=r"false cannot compile kernels\.c"):
        library.load_library()


@pytest.mark.usefixtures("empty_cache")
@torch.inference_mode()
def test_a_compiler_without_openmp_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "plain-cc"
    compiler.write_text(
        '#!/bin/sh\ncase "$*" in *-fopenmp*) echo "unknown -fopenmp" >&2; exit 1;; esac\nexec cc "$@"\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    network = trained("r3d50", 1 / 8)
    clip = clips(1, 3, 16, 48, 48)
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            assert error(NativeNetwork(network)(clip), network(clip)) < 1e-5
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("empty_cache")
def test_without_a_compiler_auto_takes_eager_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    with pytest.warns(RuntimeWarning, match="there is no C compiler here .* eager is used instead"):
        _, name = on_engine(small_model(), "auto", CPU)
    assert name == "eager"
    with pytest.raises(EngineError, match="install one, such as gcc"):
        on_engine(small_model(), "native", CPU)


def test_the_command_says_in_one_line_that_it_falls_back(tmp_path: Path) -> None:
    video = write_sample(tmp_path / "sample.mp4")
    told = subprocess.run(
        [sys.executable, "-m", "faster_video", "classify", str(video), "--top", "1", "--bundle", "motion"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"CC": "false", "XDG_CACHE_HOME": str(tmp_path)},
    )
    reason = "false cannot compile kernels.c: exit code 1"
    assert told.stderr.splitlines() == [f"faster-video: engine native: {reason}; eager is used instead"]


@pytest.mark.usefixtures("empty_cache")
def test_the_command_refuses_an_engine_that_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "false")
    assert main(["classify", str(write_sample(tmp_path / "sample.mp4")), "--engine", "native"]) == 2
    assert capsys.readouterr().err.splitlines() == ["faster-video: error: false cannot compile kernels.c: exit code 1"]


@pytest.mark.usefixtures("empty_cache")
def test_code_that_cannot_be_loaded_is_named(empty_cache: Path) -> None:
    library.load_library()
    (file,) = (empty_cache / "faster_video" / "kernels").glob("kernels-*.so")
    c_compiler.forget()
    program = (
        "from faster_video.engine.library import load_library\n"
        "from faster_video.errors import EngineError\n"
        "try:\n    load_library()\nexcept EngineError as error:\n    print(error)\n"
    )
    file.unlink()  # written over, it would change under this process, which has it loaded
    file.write_bytes(b"no library")
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert f"{file}: cannot be loaded" in told.stdout and "delete it" in told.stdout


def test_nothing_is_said_where_all_is_well() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_engine(small_model(), "auto", CPU)
