"""A stream is the same steps as a file, and forgets when it should."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_samples import small_bundle, write_sample

from faster_video.errors import ConfigError
from faster_video.inference import Classifier
from faster_video.streaming import Source, Stream, StreamAnswer, StreamConfig, stream_answers
from faster_video.video import VideoReader

SPAN, CLIPS = 15, 5
"""Of a clip in frames, and of a video in clips."""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("videos") / "a.mp4", num_frames=SPAN * CLIPS)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(small_bundle(), "cpu", "eager")


def pictures(video: Path) -> np.ndarray:
    """[frames, H, W, 3]."""
    with VideoReader(video) as reader:
        return reader.frames(range(reader.info.num_frames)).data


def answers(classifier: Classifier, video: Path, config: StreamConfig | None = None) -> list[StreamAnswer]:
    with Source(str(video)) as source:
        return list(stream_answers(Stream(classifier, config, fps=source.fps), source))


@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("pattern", ["1:2", "1:0", "first"])
def test_a_file_gets_exactly_the_answers_of_classify(video: Path, engine: str, pattern: str) -> None:
    classifier = Classifier(small_bundle(pattern), "cpu", engine)
    classifier.clips_together = 1  # clip by clip, as a stream has them
    wanted, got = classifier.classify(video), answers(classifier, video)
    assert len(got) == CLIPS
    for mine, theirs in zip(got, wanted.clips, strict=True):
        assert mine.probabilities == theirs.probabilities
        assert (mine.label, mine.probability, mine.expensive) == (theirs.label, theirs.probability, theirs.expensive)
        assert mine.gmacs == pytest.approx(theirs.gmacs)
        assert (mine.start_seconds, mine.end_seconds) == pytest.approx((theirs.start_seconds, theirs.end_seconds))
    assert [answer.number for answer in got] == list(range(CLIPS))


@pytest.mark.parametrize("frames", [1, 7, SPAN - 1])
def test_a_file_shorter_than_a_clip_gets_its_first_answer(tmp_path: Path, classifier: Classifier, frames: int) -> None:
    video = write_sample(tmp_path / "short.mp4", num_frames=frames)
    (only,) = answers(classifier, video)
    assert only.probabilities == pytest.approx(classifier.classify(video).clips[0].probabilities, abs=1e-6)


def test_arrays_are_frames_too(video: Path, classifier: Classifier) -> None:
    stream = Stream(classifier, fps=25)
    got = [answer for frame in pictures(video) if (answer := stream.push(frame)) is not None]
    assert [answer.number for answer in got] == list(range(CLIPS))
    assert [answer.end_seconds for answer in got] == pytest.approx([(n + 1) * SPAN / 25 for n in range(CLIPS)])


def test_the_size_of_arrays_may_change(classifier: Classifier) -> None:
    stream = Stream(classifier)
    sizes = [(48, 64)] * 7 + [(96, 72)] * 8
    assert stream.push(np.zeros((48, 64, 3), np.uint8)) is None
    last = [stream.push(np.zeros((*size, 3), np.uint8)) for size in sizes[1:]][-1]
    assert last is not None


@settings(max_examples=10, deadline=None)
@given(every=st.integers(1, 40))
def test_clips_that_overlap_or_leave_gaps_are_those_of_their_frames(every: int) -> None:
    classifier = Classifier(small_bundle("1:0", "average"), "cpu", "eager")
    frames = np.random.default_rng(0).integers(0, 256, (90, 40, 44, 3), np.uint8)
    stream = Stream(classifier, StreamConfig(every_seconds=every / 25), fps=25)
    got = [answer for frame in frames if (answer := stream.push(frame)) is not None]
    starts = [start for start in range(0, 90, every) if start + SPAN <= 90]
    assert [round(answer.start_seconds * 25) for answer in got] == starts
    alone = Stream(classifier, fps=25)
    first_of_second = [alone.push(frame) for frame in frames[starts[1] : starts[1] + SPAN]][-1] if starts[1:] else None
    if first_of_second is not None:  # scores are averaged: of two clips half of each
        mean = (np.array(got[0].probabilities) + np.array(first_of_second.probabilities)) / 2
        np.testing.assert_allclose(got[1].probabilities, mean, atol=1e-5)


def test_the_past_is_forgotten_after_its_time(video: Path, classifier: Classifier) -> None:
    length = SPAN / 25
    whole = answers(classifier, video)
    got = answers(classifier, video, StreamConfig(reset_seconds=2 * length))
    assert [answer.resets for answer in got] == [0, 0, 1, 1, 2]
    assert [answer.expensive for answer in got] == [True, False, True, False, True]
    assert [round(answer.covered_seconds / length) for answer in got] == [1, 2, 1, 2, 1]
    assert [mine.probabilities == theirs.probabilities for mine, theirs in zip(got, whole, strict=True)][:3] == [
        True,
        True,
        False,
    ]
    frames = pictures(video)
    alone = Stream(classifier, fps=25)
    fresh = [alone.push(frame) for frame in frames[2 * SPAN : 3 * SPAN]][-1]
    assert fresh is not None
    assert got[2].probabilities == pytest.approx(fresh.probabilities, abs=0.02)  # frames by another scaler


def test_of_two_states_the_older_answers(video: Path, classifier: Classifier) -> None:
    length = SPAN / 25
    got = answers(classifier, video, StreamConfig(window_seconds=4 * length))
    # The first one lives for clips 0 to 3, the second one begins with clip 2 and answers from clip 4 on.
    assert [round(answer.covered_seconds / length) for answer in got] == [1, 2, 3, 4, 3]
    # Where either's pattern, 1:2, wants it; with clip 4 a third one begins.
    assert [answer.expensive for answer in got] == [True, False, True, True, True]
    cost = classifier.cost
    expensive_first = cost.step_gmacs(expensive=True, first=True)
    assert got[0].gmacs == pytest.approx(expensive_first)
    assert got[1].gmacs - got[0].gmacs == pytest.approx(cost.step_gmacs(expensive=False, first=False))
    one, both = cost.step_gmacs(expensive=True, first=False), got[3].gmacs - got[2].gmacs
    assert one < both < 2 * one  # the network looks once, both fold


def test_a_cut_forgets_and_begins_a_clip(classifier: Classifier) -> None:
    stream = Stream(classifier, StreamConfig(cut_threshold=0.25))
    dark, bright = np.full((40, 40, 3), 20, np.uint8), np.full((40, 40, 3), 200, np.uint8)
    got = [stream.push(frame) for frame in [dark] * 20 + [bright] * SPAN]
    found = [answer for answer in got if answer is not None]
    assert [round(answer.start_seconds * 25) for answer in found] == [0, 20]
    assert [answer.resets for answer in found] == [0, 1]
    assert [answer.expensive for answer in found] == [True, True]
    alone = Stream(classifier)
    fresh = [alone.push(frame) for frame in [bright] * SPAN][-1]
    assert fresh is not None and found[1].probabilities == fresh.probabilities


def test_probabilities_are_smoothed(video: Path, classifier: Classifier) -> None:
    got = answers(classifier, video, StreamConfig(smoothing=0.75))
    expected = np.array(got[0].probabilities)
    for answer in got[1:]:
        expected = 0.75 * expected + 0.25 * np.array(answer.probabilities)
        assert answer.smoothed_probability == pytest.approx(expected.max())
    none = answers(classifier, video, StreamConfig(smoothing=0))
    assert [answer.smoothed_probability for answer in none] == [answer.probability for answer in none]


def test_a_dropped_clip_is_counted_and_costs_nothing(video: Path, classifier: Classifier) -> None:
    stream = Stream(classifier, fps=25)
    got = [stream.push(frame, late=number < SPAN + 1) for number, frame in enumerate(pictures(video))]
    found = [answer for answer in got if answer is not None]
    assert len(found) == CLIPS - 2
    assert found[0].clips_dropped == 2 and found[0].expensive and found[0].number == 0
    assert found[0].gmacs == pytest.approx(classifier.cost.step_gmacs(expensive=True, first=True))


def test_memory_does_not_grow(classifier: Classifier) -> None:
    stream = Stream(classifier)
    frame = np.zeros((40, 40, 3), np.uint8)
    for _ in range(40 * SPAN):
        stream.push(frame)
        assert len(stream.cutter.kept) <= SPAN and len(stream.memory.held) <= 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"every_seconds": 0}, "every_seconds is 0; it must be a number above 0, or left out"),
        ({"reset_seconds": -1}, "reset_seconds is -1; it must be a number above 0, or left out"),
        ({"window_seconds": float("inf")}, "window_seconds is inf; it must be a number above 0, or left out"),
        ({"window_seconds": 4, "reset_seconds": 2}, "a sliding window forgets by itself: choose one"),
        ({"cut_threshold": 2}, "cut_threshold is 2; it must be at most 1"),
        ({"smoothing": 1}, "smoothing is 1; it must be at most 0.99"),
    ],
)
def test_wrong_rules_are_refused(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        StreamConfig(**settings)


def test_wrong_frames_are_refused_and_nothing_is_lost(classifier: Classifier) -> None:
    stream = Stream(classifier)
    good = np.zeros((40, 40, 3), np.uint8)
    stream.push(good, 1.0)
    for frame in (np.zeros((40, 40), np.uint8), np.zeros((40, 40, 3), np.float32), np.zeros((0, 40, 3), np.uint8)):
        with pytest.raises(ConfigError, match=r"it must be uint8 \[height, width, 3\]"):
            stream.push(frame)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"a frame must be shown later than the one before it, at 1\.0"):
        stream.push(good, 1.0)
    with pytest.raises(ConfigError, match="fps is 0; it must be a number above 0"):
        Stream(classifier, fps=0)
    assert stream.cutter.frames_seen == 1
    assert stream.push(good) is None and stream.seconds == pytest.approx(1.04)


def test_step_and_fold_take_the_network_that_is_named() -> None:
    model = small_bundle("1:2").model
    clip = torch.randn(1, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        _, state = model.step(clip)
        named, _ = model.step(clip, state, expensive=True)
        usual, _ = model.step(clip, state)
        dear, _ = model.with_pattern(replace(model.pattern, expensive=2)).step(clip, state)
    assert torch.equal(named, dear) and not torch.equal(named, usual)


def test_with_gaps_nothing_is_kept_that_cuts_alone_are_looked_for_in(classifier: Classifier) -> None:
    stream = Stream(classifier, StreamConfig(every_seconds=8, cut_threshold=0.9))
    frame = np.zeros((40, 40, 3), np.uint8)
    for _ in range(450):
        stream.push(frame)
        assert len(stream.cutter.kept) <= SPAN


def test_a_camera_may_write_over_its_picture(classifier: Classifier) -> None:
    frames = np.random.default_rng(5).integers(0, 256, (SPAN, 36, 36, 3), np.uint8)
    kept, shared = Stream(classifier), Stream(classifier)
    buffer = np.empty_like(frames[0])
    for frame in frames:
        buffer[:] = frame
        wanted, got = kept.push(frame.copy()), shared.push(buffer)
    assert wanted is not None and got is not None and got.probabilities == wanted.probabilities


def test_after_a_pause_no_state_is_older_than_the_window(classifier: Classifier) -> None:
    stream = Stream(classifier, StreamConfig(window_seconds=4))
    frame = np.zeros((40, 40, 3), np.uint8)
    for number in range(4 * SPAN):
        stream.push(frame, number / 10)
    got = [stream.push(frame, 100 + number / 10) for number in range(SPAN)][-1]
    assert got is not None and got.covered_seconds < 4
    with pytest.raises(ConfigError, match="seconds is nan; a frame must be shown later"):
        stream.push(frame, float("nan"))
