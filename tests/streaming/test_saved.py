"""A stream that is saved goes on as if it had never stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from budget_samples import gated_bundle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inference_samples import small_bundle, write_sample
from safetensors import safe_open
from safetensors.torch import save_file
from torch import no_grad, zeros

from faster_video.errors import ConfigError, StreamError
from faster_video.inference import Classifier
from faster_video.streaming import (
    SegmentMark,
    Source,
    Stream,
    StreamConfig,
    restore_segments,
    restore_stream,
    save_stream,
    stream_answers,
)
from faster_video.streaming.identity import SourceMark
from faster_video.streaming.segments import GrowingSegment

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
            ConfigError, match="was saved with another bundle, pattern or gate; give the same, or another file"
        ):
            restore_stream(Classifier(other, "cpu", "eager"), tmp_path / "s")


def test_another_gate_is_refused(tmp_path: Path) -> None:
    gated = gated_bundle(0.5)
    save_stream(Stream(Classifier(gated, "cpu", "eager")), tmp_path / "s")
    restore_stream(Classifier(gated, "cpu", "eager"), tmp_path / "s")
    for threshold in (None, 0.6):
        other = replace(gated, model=gated.model.with_gate(threshold))
        with pytest.raises(ConfigError, match="was saved with another bundle, pattern or gate"):
            restore_stream(Classifier(other, "cpu", "eager"), tmp_path / "s")


def test_what_is_no_saved_stream_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    save_file({"a": zeros(2)}, tmp_path / "other")
    save_file({"a": zeros(2)}, tmp_path / "later", metadata={"format": "faster_video stream 9", "stream": "{}"})
    save_file({"a": zeros(2)}, tmp_path / "bare", metadata={"stream": "{}"})
    save_stream(Stream(classifier), tmp_path / "cut")
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:100])
    for name in ("text", "other", "later", "bare", "cut", "none"):
        with pytest.raises(StreamError, match=f"{name}: is no saved stream"):
            restore_stream(classifier, tmp_path / name)


MARK = SegmentMark(length=10, growing=GrowingSegment(start_seconds=0, end_seconds=1, label="run", sum=0.5, clips=1))


@pytest.fixture(scope="module")
def sound(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved stream of which everything is there."""
    path = tmp_path_factory.mktemp("sound") / "stream.safetensors"
    stream = Stream(classifier, StreamConfig(window_seconds=1.5, cut_threshold=0.9))
    for frame in FRAMES[:70]:
        stream.push(frame)
    save_stream(stream, path, MARK)
    return path


def parts(path: Path) -> tuple[dict[str, str], dict[str, bytes]]:
    with safe_open(path, framework="np") as file:
        return file.metadata(), {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_told_in_one_sentence(
    classifier: Classifier, tmp_path: Path, sound: Path, data: st.DataObject
) -> None:
    path = tmp_path / "stream.safetensors"
    content = bytearray(sound.read_bytes())
    header = int.from_bytes(content[:8], "little") + 8
    places = st.integers(0, header - 1) | st.integers(0, len(content) - 1)
    match data.draw(st.sampled_from(["change", "digit", "cut", "insert"])):
        case "change":
            for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=4)):
                content[place] = byte
        case "digit":  # what is still JSON afterwards
            digits = [place for place in range(8, header) if content[place : place + 1].isdigit()]
            content[data.draw(st.sampled_from(digits))] = ord("0") + data.draw(st.integers(0, 9))
        case "cut":
            del content[data.draw(places) :]
        case "insert":
            place = data.draw(places)
            content[place:place] = data.draw(st.binary(min_size=1, max_size=9))
    path.write_bytes(content)
    try:
        restored = restore_stream(classifier, path)
        assert restore_segments(path) == MARK
    except StreamError as error:
        assert "stream.safetensors: is no saved stream" in str(error) and "\n" not in str(error)
        return
    save_stream(restored, path, MARK)  # where it can be read, nothing that matters has changed
    assert parts(path) == parts(sound)


def test_another_file_with_a_files_state_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    video, other = (write_sample(tmp_path / name, num_frames=frames) for name, frames in (("a.mp4", 40), ("b.mp4", 41)))
    with Source(str(video)) as source:
        stream = Stream(classifier, fps=source.fps)
        list(stream_answers(stream, source))
    save_stream(stream, tmp_path / "s")
    restored = restore_stream(classifier, tmp_path / "s")
    assert restored.source == SourceMark.of(str(video)) and restored.ended
    with (
        Source(str(other)) as source,
        pytest.raises(ConfigError, match=r"b.mp4: is not the source that the stream was saved with; give the same, or"),
    ):
        list(stream_answers(restored, source))
    moved = video.rename(tmp_path / "moved.mp4")
    with Source(str(moved)) as source:
        assert list(stream_answers(restored, source)) == []


def test_a_source_is_known_by_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.ts"
    file.write_bytes(bytes(range(256)) * 10_000)
    mark = SourceMark.of(str(file))
    assert mark.is_of(str(file))
    with file.open("ab") as growing:
        growing.write(b"more")
    assert mark.is_of(str(file)) and SourceMark.of(str(file)) != mark
    for content in (b"\1" + file.read_bytes()[1:], file.read_bytes()[:1000], b""):
        (tmp_path / "b.ts").write_bytes(content)
        assert not mark.is_of(str(tmp_path / "b.ts"))
    address = "rtsp://user:secret@camera/1"
    assert SourceMark.of(address).is_of(address) and "secret" not in str(SourceMark.of(address))
    assert not SourceMark.of(address).is_of("rtsp://camera/2") and not SourceMark.of(address).is_of("-")
    assert not mark.is_of("-") and not SourceMark.of("-").is_of(str(file))
    with pytest.raises(StreamError, match=r"none.mp4: cannot be read \(No such file or directory\)"):
        SourceMark.of(str(tmp_path / "none.mp4"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(every=st.sampled_from([None, 0.2, 1.0]), at=st.integers(1, 70), late=st.sets(st.integers(0, 69), max_size=40))
def test_clips_that_are_being_dropped_stay_so(
    classifier: Classifier, tmp_path: Path, every: float | None, at: int, late: set[int]
) -> None:
    def told(stop: int | None) -> tuple[list[object], int]:
        stream, got = Stream(classifier, StreamConfig(every_seconds=every)), []
        for number, frame in enumerate(FRAMES[:70]):
            if number == stop:
                save_stream(stream, tmp_path / "s")
                stream = restore_stream(classifier, tmp_path / "s")
            answer = stream.push(frame, late=number in late and number < at)
            got += [] if answer is None else [replace(answer, latency_seconds=0)]
        return got, stream.clips_dropped  # type: ignore[return-value]

    assert told(at) == told(None)
