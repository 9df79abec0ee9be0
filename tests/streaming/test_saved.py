"""A stream that is saved goes on as if it had never stopped."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inference_samples import small_bundle, write_sample
from safetensors.torch import save_file
from torch import no_grad, zeros

from faster_video.errors import ConfigError, StreamError
from faster_video.inference import Classifier
from faster_video.streaming import Source, Stream, StreamConfig, restore_stream, save_stream, stream_answers

FRAMES = np.random.default_rng(1).integers(0, 256, (120, 40, 44, 3), np.uint8)
CONFIGS = (
    StreamConfig(),
    StreamConfig(every_seconds=0.2),
    StreamConfig(every_seconds=1.0, reset_seconds=2.0),
    StreamConfig(window_seconds=1.5, smoothing=0.8),
    StreamConfig(cut_threshold=0.3),
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(small_bundle(), "cpu", "eager")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=st.sampled_from(CONFIGS), at=st.integers(0, len(FRAMES)))
def test_saved_anywhere_it_goes_on_exactly(
    classifier: Classifier, tmp_path: Path, config: StreamConfig, at: int
) -> None:
    whole = Stream(classifier, config)
    wanted = [replace(answer, latency_seconds=0) for frame in FRAMES if (answer := whole.push(frame)) is not None]
    stream, got = Stream(classifier, config), []
    for number, frame in enumerate(FRAMES):
        if number == at:
            save_stream(stream, tmp_path / "stream.safetensors")
            stream = restore_stream(classifier, tmp_path / "stream.safetensors")
        if (answer := stream.push(frame)) is not None:
            got.append(replace(answer, latency_seconds=0))
    assert got == wanted


def test_a_file_goes_on_where_it_was(classifier: Classifier, tmp_path: Path) -> None:
    video = write_sample(tmp_path / "a.mp4", num_frames=110)
    with Source(str(video)) as source:
        wanted = list(stream_answers(Stream(classifier, fps=source.fps), source))
    got = []
    with Source(str(video)) as source:
        stream = Stream(classifier, fps=source.fps)
        for item in source:
            got.append(stream.push(item.frame, item.seconds))
            if stream.cutter.frames_seen == 50:
                save_stream(stream, tmp_path / "s")
                break
    with Source(str(video)) as source:
        got += stream_answers(restore_stream(classifier, tmp_path / "s"), source)
    found = [replace(answer, latency_seconds=0) for answer in got if answer is not None]
    assert found == [replace(answer, latency_seconds=0) for answer in wanted]


def test_another_source_goes_on_after_what_was_seen(classifier: Classifier, tmp_path: Path) -> None:
    stream = Stream(classifier)
    for frame in FRAMES[:40]:
        stream.push(frame)
    save_stream(stream, tmp_path / "s")
    restored = restore_stream(classifier, tmp_path / "s")
    assert restored.seconds == stream.seconds == pytest.approx(39 / 25)
    assert restored.push(FRAMES[40]) is None and restored.seconds == pytest.approx(40 / 25)


def test_another_bundle_or_pattern_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    save_stream(Stream(classifier), tmp_path / "s")
    trained_on = small_bundle()
    with no_grad():
        trained_on.model.classifier.linear.bias.add_(1)
    for other in (small_bundle("1:4"), small_bundle("1:2", "gru"), trained_on):
        with pytest.raises(
            ConfigError, match="was saved with another bundle or pattern; give the same, or another file"
        ):
            restore_stream(Classifier(other, "cpu", "eager"), tmp_path / "s")


def test_what_is_no_saved_stream_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    save_file({"a": zeros(2)}, tmp_path / "other")
    save_file({"a": zeros(2)}, tmp_path / "later", metadata={"stream": json.dumps({"format": "faster_video stream 9"})})
    save_stream(Stream(classifier), tmp_path / "cut")
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:100])
    for name in ("text", "other", "later", "cut", "none"):
        with pytest.raises(StreamError, match=f"{name}: is no saved stream"):
            restore_stream(classifier, tmp_path / name)
