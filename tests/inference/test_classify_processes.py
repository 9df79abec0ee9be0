"""Files shared out among processes."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from inference_samples import small_bundle, write_sample

from faster_video.cli import main
from faster_video.errors import ConfigError, EngineError
from faster_video.inference import Classification, Classifier, Failure
from faster_video.inference.processes import classify_in_processes


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path | Failure]:
    """Five videos, among them a broken file and a failure known before."""
    folder = tmp_path_factory.mktemp("videos")
    videos: list[Path | Failure] = [write_sample(folder / f"{number}.mp4") for number in range(5)]
    broken = folder / "broken.mp4"
    broken.write_bytes(b"no video")
    return [*videos[:2], broken, Failure(folder / "empty", "no video in this folder"), *videos[2:]]


def told(results: list[Classification | Failure]) -> list[Classification | Failure]:
    """Without what differs from run to run."""
    return [
        replace(result, seconds=0.0, seconds_decoding=0.0, seconds_model=0.0)
        if isinstance(result, Classification)
        else result
        for result in results
    ]


@pytest.mark.slow
def test_processes_give_what_one_gives_in_the_order_of_the_files(files: list[Path | Failure]) -> None:
    classifier = Classifier(small_bundle(), "cpu")
    alone, shared = (told(list(classifier.classify_many(files, processes))) for processes in (1, 2))
    assert [result.path for result in shared] == [file if isinstance(file, Path) else file.path for file in files]
    assert [isinstance(result, Failure) for result in shared] == [False, False, True, True, False, False, False]
    assert shared == alone


@pytest.mark.slow
def test_a_process_that_is_killed_is_said(files: list[Path | Failure]) -> None:
    with pytest.raises(EngineError, match=r"one of 2 processes that classify has died, .* give --processes 1"):
        list(classify_in_processes(killed, files, 2))


def killed() -> Classifier:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


@pytest.mark.slow
def test_a_process_without_a_classifier_says_why(files: list[Path | Failure]) -> None:
    with pytest.raises(ConfigError, match="no classifier today"):
        list(classify_in_processes(refusing, files, 2))


def refusing() -> Classifier:
    raise ConfigError("no classifier today")


def test_many_files_and_a_small_network_take_a_process_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 6)
    classifier = Classifier(small_bundle(), "cpu", "eager")
    assert [classifier.processes_for(files) for files in (1, 299, 300, 10_000)] == [1, 1, 6, 6]
    monkeypatch.setattr("faster_video.inference.classify.SMALL_GMACS", 1e-9)
    assert classifier.processes_for(10_000) == 1


def test_no_process_at_all_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_sample(tmp_path / "video.mp4")
    assert main(["classify", str(video), "--processes", "0"]) == 2
    assert capsys.readouterr().err == "faster-video: error: processes is 0; it must be at least 1\n"


def test_more_processes_than_cores_are_refused(tmp_path: Path) -> None:
    classifier = Classifier(small_bundle(), "cpu", "eager")
    with pytest.raises(ConfigError, match="processes is 100000; it must be at most"):
        list(classifier.classify_many([tmp_path / "any.mp4"], 100_000))


def test_a_gpu_is_not_shared_out(tmp_path: Path) -> None:
    classifier = Classifier(small_bundle(), "cpu", "eager")
    classifier.device = torch.device("cuda")
    with pytest.raises(ConfigError, match="only cores can be shared out"):
        list(classifier.classify_many([tmp_path / "any.mp4"], 2))
