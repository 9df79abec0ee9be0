"""Streams on a CUDA GPU, and several threads with one classifier there; all of it is skipped where there is none."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from inference_samples import small_bundle, write_sample

from faster_video.engine import BF16, FLOAT32
from faster_video.inference import Classifier
from faster_video.streaming import (
    Source,
    Stream,
    StreamAnswer,
    StreamConfig,
    restore_stream,
    save_stream,
    stream_answers,
)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")

SPAN, CLIPS = 15, 5
"""Of a clip in frames, and of a video in clips."""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("videos") / "a.mp4", num_frames=SPAN * CLIPS)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(small_bundle(), "cuda")


def answers(stream: Stream, video: Path) -> list[StreamAnswer]:
    with Source(str(video)) as source:
        return list(stream_answers(stream, source))


@pytest.mark.parametrize("aggregator", ["fast_gru", "lstm", "average"])
@pytest.mark.parametrize("pattern", ["1:2", "first"])
def test_a_file_gets_the_answers_of_classify(video: Path, pattern: str, aggregator: str) -> None:
    classifier = Classifier(small_bundle(pattern, aggregator), "cuda")
    wanted, got = classifier.classify(video), answers(Stream(classifier, fps=25), video)
    assert [answer.expensive for answer in got] == [clip.expensive for clip in wanted.clips]
    assert [answer.label for answer in got] == [clip.label for clip in wanted.clips]
    for mine, theirs in zip(got, wanted.clips, strict=True):  # several clips at once round otherwise, in TF32
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=0.02)


@pytest.mark.parametrize("precision", [FLOAT32, BF16])
def test_it_is_the_processors_stream(video: Path, precision: str) -> None:
    wanted = answers(Stream(Classifier(small_bundle(), "cpu", "eager"), fps=25), video)
    got = answers(Stream(Classifier(small_bundle(), "cuda", precision=precision), fps=25), video)
    for mine, theirs in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=0.02 if precision == FLOAT32 else 0.3)


@pytest.mark.parametrize("at", [0, 20, 37])
@pytest.mark.parametrize("config", [StreamConfig(), StreamConfig(every_seconds=0.2, window_seconds=1.0)])
def test_saved_anywhere_it_goes_on_as_if_it_had_not_stopped(
    classifier: Classifier, tmp_path: Path, config: StreamConfig, at: int
) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (60, 40, 44, 3), np.uint8)
    whole = Stream(classifier, config)
    wanted = [answer for frame in frames if (answer := whole.push(frame)) is not None]
    stream, got = Stream(classifier, config), []
    for number, frame in enumerate(frames):
        if number == at:
            save_stream(stream, tmp_path / "stream.safetensors")
            stream = restore_stream(classifier, tmp_path / "stream.safetensors")
            states = [one.state for one in stream.memory.held if one.state is not None]
            assert all(state.hidden.device.type == "cuda" for state in states)
        if (answer := stream.push(frame)) is not None:
            got.append(answer)
    assert len(got) == len(wanted) > 1
    for mine, theirs in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=1e-4)
        unlike = {"latency_seconds": 0.0, "probability": 0.0, "smoothed_probability": 0.0, "probabilities": []}
        assert replace(mine, **unlike) == replace(theirs, **unlike)  # type: ignore[arg-type]


def test_a_stream_saved_on_the_gpu_goes_on_on_the_processor(classifier: Classifier, tmp_path: Path) -> None:
    frames = np.random.default_rng(2).integers(0, 256, (2 * SPAN, 40, 44, 3), np.uint8)
    stream = Stream(classifier)
    for frame in frames[:20]:
        stream.push(frame)
    save_stream(stream, tmp_path / "s")
    restored = restore_stream(Classifier(small_bundle(), "cpu"), tmp_path / "s")
    mine, theirs = ([one.push(frame) for frame in frames[20:]][-1] for one in (restored, stream))
    assert mine is not None and theirs is not None and mine.expensive == theirs.expensive
    np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=0.02)


def test_threads_that_share_a_classifier_get_their_own_videos_answers(tmp_path: Path) -> None:
    videos = [write_sample(tmp_path / f"{seed}.mp4", num_frames=90, seed=seed) for seed in range(4)]
    alone = Classifier(small_bundle(), "cuda")
    wanted = [alone.classify(video) for video in videos]
    shared, together = Classifier(small_bundle(), "cuda"), Barrier(len(videos), timeout=60)

    def classified(number: int) -> list[list[float]]:
        together.wait()  # the first captures too are asked for at once
        return [clip.probabilities for _ in range(3) for clip in shared.classify(videos[number]).clips]

    with ThreadPoolExecutor(len(videos)) as threads:
        found = list(threads.map(classified, range(len(videos))))
    for mine, theirs in zip(found, wanted, strict=True):
        for got, clip in zip(mine, 3 * theirs.clips, strict=True):
            np.testing.assert_allclose(got, clip.probabilities, atol=1e-3)


def test_threads_with_classifiers_of_their_own_capture_one_at_a_time(tmp_path: Path) -> None:
    video = write_sample(tmp_path / "a.mp4", num_frames=90)
    wanted = Classifier(small_bundle(), "cuda").classify(video)
    several, together = [Classifier(small_bundle(), "cuda") for _ in range(3)], Barrier(3, timeout=60)

    def classified(classifier: Classifier) -> list[list[float]]:
        together.wait()
        return [clip.probabilities for clip in classifier.classify(video).clips]

    with ThreadPoolExecutor(3) as threads:
        for found in threads.map(classified, several):
            for got, clip in zip(found, wanted.clips, strict=True):
                np.testing.assert_allclose(got, clip.probabilities, atol=1e-3)
