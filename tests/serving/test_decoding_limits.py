"""Decoders of files that die, hang or take too much cost one request, and leave nothing."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from ended import has_ended
from inference_samples import write_sample
from serving_samples import BOUNDARY, FORM_HEADERS, Held, decoding_processes, form, serving, wait_for

from faster_video.serving.config import ServeConfig
from faster_video.serving.jobs import Jobs
from faster_video.video import write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("videos") / "a.mp4")


def test_a_decoding_process_that_died_at_rest_is_replaced(video: Path) -> None:
    others = set(decoding_processes())
    with serving() as server:
        assert server.classify(video.read_bytes())[0] == 200
        (process,) = set(decoding_processes()) - others
        process.kill()
        process.wait()
        assert server.classify(video.read_bytes())[0] == 200


def test_a_file_that_is_no_video_costs_no_process(video: Path) -> None:
    others = set(decoding_processes())
    with serving(ServeConfig(port=0, at_once=1)) as server:
        processes = set(decoding_processes()) - others
        assert [server.classify(content)[0] for content in (b"hello", b"", video.read_bytes())] == [422, 422, 200]
        assert set(decoding_processes()) - others == processes


def test_the_server_ends_though_a_decoder_hangs(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    others = set(decoding_processes())
    with serving(ServeConfig(port=0, at_once=1, decode_seconds=1000)) as server:
        thread = Thread(target=lambda: server.ask("POST", "/v1/classify", form(video.read_bytes()), FORM_HEADERS))
        thread.start()
        wait_for(lambda: held.seen == 1)
        (process,) = set(decoding_processes()) - others
        process.suspend()
        held.go.set()
    thread.join()  # and `serving` has waited for less than the thousand seconds
    wait_for(lambda: has_ended(process))


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (signal.SIGKILL, "decoding it ended the process that did it"),
        (signal.SIGSEGV, "decoding it ended the process that did it"),
        (signal.SIGSTOP, "decoding it took longer than the 3 seconds that it may take"),
    ],
)
def test_a_decoder_that_crashes_or_hangs_costs_one_request(
    tmp_path: Path, number: signal.Signals, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    video = write_sample(tmp_path / "a.mp4", 400)
    others = set(decoding_processes())
    with serving(ServeConfig(port=0, at_once=1, decode_seconds=3)) as server:
        answers: list[tuple[int, dict[str, object]]] = []
        thread = Thread(target=lambda: answers.append(server.classify(video.read_bytes())))
        thread.start()
        wait_for(lambda: held.seen == 1)
        (process,) = set(decoding_processes()) - others
        os.kill(process.pid, number)
        held.go.set()
        thread.join()
        assert answers == [(422, {"detail": f"a.mp4: {sentence}"})]
        assert server.classify(video.read_bytes())[0] == 200
        wait_for(lambda: has_ended(process))
    wait_for(lambda: not set(decoding_processes()) - others)


@pytest.mark.parametrize(("megabytes", "status"), [(40, 422), (1024, 200)])
def test_memory_is_limited(tmp_path: Path, megabytes: int, status: int) -> None:
    large = tmp_path / "large.mp4"  # of 30 kB, whose pictures take 50 MB each
    write_video(large, (np.zeros((4096, 8192, 3), np.uint8) for _ in range(2)), 25)
    video = write_sample(tmp_path / "a.mp4")
    with serving(ServeConfig(port=0, decode_megabytes=megabytes)) as server:
        assert server.classify(large.read_bytes())[0] == status
        assert server.classify(video.read_bytes())[0] == 200


def test_time_is_limited_by_the_length_of_the_video(tmp_path: Path) -> None:
    video = write_sample(tmp_path / "a.mp4", 100)
    with serving(ServeConfig(port=0, video_seconds=3)) as server:
        assert server.classify(video.read_bytes()) == (
            422,
            {"detail": "a.mp4: lasts 4.0 seconds; at most 3 are taken"},
        )


def test_a_slow_decoder_does_not_pay_for_slow_networks(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Jobs._classified

    def slow(jobs: Jobs, job: object, clips: Iterator[object], began: float) -> object:
        def slowly() -> Iterator[object]:
            for clip in clips:
                time.sleep(1)
                yield clip

        return usual(jobs, job, slowly(), began)  # type: ignore[arg-type]

    monkeypatch.setattr(Jobs, "_classified", slow)
    with serving(ServeConfig(port=0, decode_seconds=3)) as server:  # and five clips take five
        assert server.classify(video.read_bytes())[0] == 200


def test_the_boundary_is_none_of_a_video(video: Path) -> None:
    assert BOUNDARY.encode() not in video.read_bytes()
