"""Wall time of several bundles: who is timed on what, how often and in which order. How long it takes is not tested."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, TransformConfig
from faster_video.errors import ConfigError, DataError
from faster_video.inference import Classification, Classifier
from faster_video.model import build_model
from faster_video.reproduce import timing
from faster_video.reproduce.timing import Timing, measure_seconds
from faster_video.video import write_video

CLIPS = ClipConfig(num_clips=3, frames_per_clip=8)


def bundle_of(pattern: str, *, clips: ClipConfig = CLIPS) -> Bundle:
    config = BundleConfig(
        labels=["one", "two"],
        model=ModelConfig(
            expensive=BackboneConfig(name="r3d50", width=1 / 64),
            cheap=BackboneConfig(name="r2d26", width=1 / 64),
            pattern=pattern,
        ),
        clips=clips,
        transform=TransformConfig(crop_size=32, test_short_side=32, train_short_side=(32, 36)),
    )
    return Bundle(model=build_model(config.model, 2).eval(), config=config)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    frames = torch.zeros(26, 32, 32, 3, dtype=torch.uint8).numpy()
    paths = [folder / f"{name}.mp4" for name in "abc"]
    for path in paths:
        write_video(path, iter(frames), 25)
    return paths


@pytest.fixture
def classified(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Pattern and video of every classification, in order."""
    seen: list[tuple[str, str]] = []
    classify = Classifier.classify

    def watched(self: Classifier, path: str | Path) -> Classification:
        answer = classify(self, path)
        seen.append((answer.pattern, Path(path).stem))
        return answer

    monkeypatch.setattr(Classifier, "classify", watched)
    yield seen


def test_bundles_take_turns_at_every_video_after_a_warm_up(
    videos: list[Path], classified: list[tuple[str, str]]
) -> None:
    patterns = ["0:1", "1:0", "1:1"]
    measured = measure_seconds({p: bundle_of(p) for p in patterns}, videos, rounds=3, device="cpu")
    assert list(measured) == patterns
    warm_up, timed = classified[:3], classified[3:]
    assert warm_up == [(pattern, "a") for pattern in patterns]
    assert Counter(timed) == {(pattern, video): 3 for pattern in patterns for video in "abc"}
    turns = [timed[start : start + 3] for start in range(0, len(timed), 3)]
    assert [{video for _, video in turn} for turn in turns] == [{"a"}, {"b"}, {"c"}] * 3
    assert all({pattern for pattern, _ in turn} == set(patterns) for turn in turns)
    assert Counter(turn[0][0] for turn in turns) == dict.fromkeys(patterns, 3)  # each as often first


def test_every_round_has_its_times(videos: list[Path]) -> None:
    measured = measure_seconds({"one": bundle_of("1:1")}, videos, rounds=2, device="cpu")["one"]
    assert measured.videos == 3
    assert len(measured.seconds) == len(measured.network_seconds) == 2
    assert min(measured.seconds + measured.network_seconds) > 0


def test_networks_alone_see_the_clips_that_classification_sees(
    videos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    original = timing._network_seconds

    def watched(classifier: Classifier, clips: list[Tensor]) -> float:
        seen.extend(clips)
        return original(classifier, clips)

    monkeypatch.setattr(timing, "_network_seconds", watched)
    bundles = {
        "short": bundle_of("1:1"),
        "long": bundle_of("1:1", clips=replace(CLIPS, num_clips=2, frames_per_clip=16)),
    }
    measure_seconds(bundles, videos[:1], rounds=1, device="cpu")
    assert [tuple(clip.shape) for clip in seen] == [(1, 3, 8, 32, 32)] * 3 + [(1, 3, 16, 32, 32)] * 2


def test_unreadable_videos_are_passed_over_by_all(
    videos: list[Path], tmp_path: Path, classified: list[tuple[str, str]]
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    bundles = {pattern: bundle_of(pattern) for pattern in ("0:1", "1:0")}
    measured = measure_seconds(bundles, [broken, videos[0], broken, videos[1]], rounds=1, device="cpu")
    assert [timing.videos for timing in measured.values()] == [2, 2]
    assert "broken" not in {video for _, video in classified}


def test_what_cannot_be_measured_is_refused(videos: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(DataError, match=r"no video to measure wall time on: .*broken\.mp4"):
        measure_seconds({"one": bundle_of("1:1")}, [broken], device="cpu")
    with pytest.raises(DataError, match="no video to measure wall time on: none was given"):
        measure_seconds({"one": bundle_of("1:1")}, [], device="cpu")
    with pytest.raises(ConfigError, match="rounds is 0; it must be at least 1"):
        measure_seconds({"one": bundle_of("1:1")}, videos, rounds=0, device="cpu")


def test_medians_are_those_of_the_rounds() -> None:
    measured = Timing(videos=1, seconds=(5.0, 1.0, 2.0), network_seconds=(1.0, 2.0))
    assert (measured.median, measured.network_median) == (2.0, 1.5)
