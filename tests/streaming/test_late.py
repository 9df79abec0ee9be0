"""A live source is never fallen behind: clips that begin too late are dropped, whole, and nothing is spent on them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from av.video.frame import VideoFrame
from inference_samples import small_bundle, write_sample

from faster_video.errors import ConfigError
from faster_video.inference import Classifier
from faster_video.streaming import Source, Stream, StreamAnswer, StreamConfig, stream_answers
from faster_video.streaming.times import TimedFrame
from faster_video.streaming.waiting import WaitingFrames, frame_bytes

FPS, SPAN = 25, 15
CLIP_SECONDS = SPAN / FPS


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(small_bundle(), "cpu", "eager")


class Camera:
    """A live source whose clock is the test's: frames come every twenty-fifth of a second, taken or not."""

    name, live, fps = "rtsp://test", True, FPS

    def __init__(self, frames: int) -> None:
        self.now = 0.0
        self.frames = frames

    def make_room(self, clip_frames: int) -> None:
        assert clip_frames == SPAN

    def __iter__(self) -> Iterator[TimedFrame]:
        for number in range(self.frames):
            self.now = max(self.now, number / FPS)
            yield TimedFrame(VideoFrame(64, 48, "yuv420p"), number / FPS, number / FPS)


class Watched:
    """A stream of a camera, where converting a frame and answering take so many seconds."""

    def __init__(
        self,
        classifier: Classifier,
        patch: pytest.MonkeyPatch,
        *,
        conversion: float = 0.0,
        answer: float = 0.0,
        config: StreamConfig | None = None,
    ) -> None:
        self.stream, self.camera = Stream(classifier, config, fps=FPS), Camera(30 * SPAN)
        self.converted = 0
        seen, answered = self.stream.viewer, self.stream._answer

        def slow_seen(frame: VideoFrame) -> np.ndarray:
            self.converted += 1
            self.camera.now += conversion
            return seen(frame)

        def slow_answer(clip: list[object], arrived: float) -> StreamAnswer:
            self.camera.now += answer
            return answered(clip, arrived)  # type: ignore[arg-type]

        patch.setattr(self.stream, "viewer", slow_seen)
        patch.setattr(self.stream, "_answer", slow_answer)
        for module in ("run", "stream"):
            patch.setattr(f"faster_video.streaming.{module}.perf_counter", lambda: self.camera.now)

    def answers(self, late_seconds: float | None = None) -> list[StreamAnswer]:
        source = cast("Source", self.camera)
        return list(stream_answers(self.stream, source, late_seconds=late_seconds))


def test_a_network_that_keeps_up_drops_nothing(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(classifier, monkeypatch, conversion=0.01, answer=0.3)
    assert len(watched.answers()) == 30 and not watched.stream.clips_dropped


@pytest.mark.parametrize("clips_long", [1.5, 3.2, 10.0])
def test_a_slow_network_answers_about_now(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, clips_long: float
) -> None:
    watched = Watched(classifier, monkeypatch, answer=clips_long * CLIP_SECONDS)
    got = watched.answers()
    assert len(got) + watched.stream.clips_dropped == 30
    assert 30 // (clips_long + 1) <= len(got) <= 30 / clips_long + 2
    assert max(answer.latency_seconds for answer in got) <= (clips_long + 1) * CLIP_SECONDS + 0.001
    assert watched.converted == 8 * len(got) + 7  # of the first clip all frames, of those that are dropped none


@pytest.mark.parametrize("config", [StreamConfig(), StreamConfig(cut_threshold=0.5), StreamConfig(every_seconds=0.2)])
def test_a_slow_conversion_starves_nothing(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, config: StreamConfig
) -> None:
    watched = Watched(classifier, monkeypatch, conversion=5 / FPS, config=config)
    got = watched.answers()
    assert len(got) >= 5 and watched.stream.clips_dropped > 5
    # A clip that begins when its frames have waited for two clips, and all frames of which take five of their time.
    assert max(answer.latency_seconds for answer in got) <= (1 + 5) * CLIP_SECONDS + 0.001


def test_a_cut_in_a_dropped_clip_is_found_after_it(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(classifier, StreamConfig(cut_threshold=0.25))
    dark, bright = np.full((40, 40, 3), 20, np.uint8), np.full((40, 40, 3), 200, np.uint8)
    seen, looked_at = stream.viewer, []

    def watched(frame: np.ndarray) -> np.ndarray:
        looked_at.append(stream.cutter.frames_seen)
        return seen(frame)

    monkeypatch.setattr(stream, "viewer", watched)
    frames = [dark] * (SPAN + 5) + [bright] * (2 * SPAN - 5)
    got = [stream.push(frame, late=number == SPAN) for number, frame in enumerate(frames)]
    found = [answer for answer in got if answer is not None]
    assert [round(answer.start_seconds / CLIP_SECONDS) for answer in found] == [0, 2]
    assert [(answer.resets, answer.clips_dropped) for answer in found] == [(0, 0), (1, 1)]
    assert not set(looked_at) & set(range(SPAN, 2 * SPAN))


@pytest.mark.parametrize("every_seconds", [1 / FPS, 0.2, 0.4])
def test_clips_that_overlap_do_not_pile_up(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, every_seconds: float
) -> None:
    watched = Watched(classifier, monkeypatch, answer=CLIP_SECONDS, config=StreamConfig(every_seconds=every_seconds))
    got = watched.answers()
    assert 10 <= len(got) <= 31
    assert max(answer.latency_seconds for answer in got) <= (2 + 1) * CLIP_SECONDS + 0.001


def test_how_late_is_late_may_be_said(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(classifier, monkeypatch, answer=1.5 * CLIP_SECONDS)
    patient = watched.answers(late_seconds=1000)
    assert len(patient) == 30 and patient[-1].latency_seconds > 10 * CLIP_SECONDS
    watched = Watched(classifier, monkeypatch, answer=1.5 * CLIP_SECONDS)
    assert len(watched.answers(late_seconds=0.01)) == 10  # while one is answered, the next two have begun


@pytest.mark.parametrize(
    ("live", "late_seconds", "sentence"),
    [
        (True, 0.0, r"late_seconds is 0\.0; it must be a number above 0, or left out"),
        (True, float("nan"), "late_seconds is nan; it must be a number above 0"),
        (
            False,
            1.0,
            r"late_seconds is 1\.0, but .*a\.mp4 waits until it is read; leave it out, or have the source live",
        ),
    ],
)
def test_lateness_that_makes_no_sense_is_refused(
    classifier: Classifier, tmp_path: Path, live: bool, late_seconds: float, sentence: str
) -> None:
    video = write_sample(tmp_path / "a.mp4", num_frames=5)
    with Source(str(video), live=live) as source, pytest.raises(ConfigError, match=sentence):
        list(stream_answers(Stream(classifier), source, late_seconds=late_seconds))


def test_a_live_source_drops_what_has_waited_too_long(classifier: Classifier, tmp_path: Path) -> None:
    video = write_sample(tmp_path / "a.mp4", num_frames=5 * SPAN)
    with Source(str(video), live=True) as source:
        while source.waiting < 5 * SPAN:  # all of it waits before the first one is taken
            time.sleep(0.01)
        time.sleep(0.1)
        stream = Stream(classifier, fps=source.fps)
        got = list(stream_answers(stream, source, late_seconds=0.05))
    assert got == [] and stream.clips_dropped == 5
    with Source(str(video), live=True) as source:
        got = list(stream_answers(Stream(classifier, fps=source.fps), source, late_seconds=60))
    assert len(got) == 5


def test_frames_that_found_no_room_are_told_as_whole_clips(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_sample(tmp_path / "a.mp4", num_frames=12 * SPAN)
    with Source(str(video)) as source:
        size = frame_bytes(next(iter(source)).frame)

    def small(*, live: bool) -> WaitingFrames:
        frames = WaitingFrames(live=live, most_bytes=40 * size)
        frames.clip_frames = SPAN  # before the first one comes
        return frames

    monkeypatch.setattr("faster_video.streaming.source.WaitingFrames", small)
    with Source(str(video), live=True) as source:
        while source.waiting + source.frames_dropped < 12 * SPAN:
            time.sleep(0.01)
        stream = Stream(classifier, fps=source.fps)
        got = list(stream_answers(stream, source, late_seconds=60))
    assert source.frames_dropped == 12 * SPAN - 40
    # The first clip stays; of the 25 newest frames the last clip is whole.
    assert [round(answer.start_seconds / CLIP_SECONDS) for answer in got] == [0, 11]
    assert stream.clips_dropped == got[-1].clips_dropped == 10
    assert stream.cutter.frames_seen == 12 * SPAN
