"""Settings: wrong values are refused by name, right ones mean what they say."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faster_video.config import (
    AGGREGATOR_NAMES,
    BACKBONE_NAMES,
    PUBLISHED_NAMES,
    BackboneConfig,
    ClipConfig,
    ModelConfig,
    Recipe,
    StageConfig,
    TransformConfig,
)
from faster_video.datasets.motion_config import MOTIONS, MotionConfig
from faster_video.errors import ConfigError, FasterVideoError

NAMES = ", ".join(sorted((*BACKBONE_NAMES, *PUBLISHED_NAMES, "features")))
FRAMES = "the backbones shorten time by 8, so it must be a multiple of 8, such as 8, 16 or 32"
RISE = "it must rise and start at crop_size (224) or above"
WRONG: list[tuple[Callable[..., object], dict[str, Any], str]] = [
    (ClipConfig, {"num_clips": 0}, "num_clips is 0; it must be at least 1"),
    (ClipConfig, {"frame_stride": 0}, "frame_stride is 0; it must be at least 1"),
    (ClipConfig, {"frames_per_clip": 7}, f"frames_per_clip is 7; {FRAMES}"),
    (ClipConfig, {"frames_per_clip": 0}, f"frames_per_clip is 0; {FRAMES}"),
    (ClipConfig, {"frames_per_clip": -8}, f"frames_per_clip is -8; {FRAMES}"),
    (TransformConfig, {"crop_size": 31}, "crop_size is 31; it must be at least 32"),
    (TransformConfig, {"test_short_side": 223}, "test_short_side is 223; it must be at least 224"),
    (TransformConfig, {"train_short_side": (223, 320)}, f"train_short_side is 223 to 320; {RISE}"),
    (TransformConfig, {"train_short_side": (320, 256)}, f"train_short_side is 320 to 256; {RISE}"),
    (TransformConfig, {"flip_probability": 1.1}, "flip_probability is 1.1; it must lie between 0 and 1"),
    (TransformConfig, {"flip_probability": nan}, "flip_probability is nan; it must lie between 0 and 1"),
    (TransformConfig, {"std": (0.2, 0.0, 0.2)}, "std is [0.2, 0.0, 0.2]; each of the three must be above 0"),
    (TransformConfig, {"std": (0.2, nan, 0.2)}, "std is [0.2, nan, 0.2]; each of the three must be above 0"),
    (ClipConfig, {"num_clips": 4097}, "num_clips is 4097; it must be at most 4096"),
    (ClipConfig, {"frames_per_clip": 1032}, "frames_per_clip is 1032; it must be at most 1024"),
    (ClipConfig, {"frame_stride": 1025}, "frame_stride is 1025; it must be at most 1024"),
    (TransformConfig, {"crop_size": 2049}, "crop_size is 2049; it must be at most 2048"),
    (TransformConfig, {"test_short_side": 4097}, "test_short_side is 4097; it must be at most 4096"),
    (TransformConfig, {"train_short_side": (256, 4097)}, "train_short_side is 4097; it must be at most 4096"),
    (TransformConfig, {"mean": (0.4, nan, 0.4)}, "mean is [0.4, nan, 0.4]; each of the three must be a finite number"),
    (TransformConfig, {"std": (0.2, inf, 0.2)}, "std is [0.2, inf, 0.2]; each of the three must be a finite number"),
    (BackboneConfig, {"name": "r18"}, f"unknown backbone 'r18'; choose one of {NAMES}"),
    (BackboneConfig, {"name": "r3d50", "width": 0.01}, "width of r3d50 is 0.01; it must lie between 1/64 and 8"),
    (BackboneConfig, {"name": "r3d50", "width": 9.0}, "width of r3d50 is 9.0; it must lie between 1/64 and 8"),
    (BackboneConfig, {"name": "r3d50", "width": nan}, "width of r3d50 is nan; it must lie between 1/64 and 8"),
    (
        ModelConfig,
        {"aggregator": "mean"},
        "unknown aggregator 'mean'; choose one of average, concat, fast_gru, gru, lstm",
    ),
    (
        ModelConfig,
        {"pattern": "1:-1"},
        "pattern is '1:-1'; write it E:C with whole numbers that are not both 0, such as 1:3 "
        "(one expensive clip, then three cheap ones), or 'first'",
    ),
    (StageConfig, {"optimizer": "adam"}, "unknown optimizer 'adam'; choose one of adamw, sgd"),
    (StageConfig, {"epochs": -1}, "epochs is -1; it must be at least 0"),
    (StageConfig, {"batch_size": 0}, "batch_size is 0; it must be at least 1"),
    (StageConfig, {"views_per_video": 0}, "views_per_video is 0; it must be at least 1"),
    (StageConfig, {"weight_decay": -0.1}, "weight_decay is -0.1; it must be at least 0"),
    (StageConfig, {"max_gradient_norm": nan}, "max_gradient_norm is nan; it must be at least 0"),
    (StageConfig, {"learning_rate": 0.0}, "learning_rate is 0.0; it must be above 0"),
    (StageConfig, {"learning_rate": nan}, "learning_rate is nan; it must be above 0"),
    (StageConfig, {"momentum": 1.0}, "momentum is 1.0; it must be at least 0 and below 1"),
    (StageConfig, {"momentum": -0.1}, "momentum is -0.1; it must be at least 0 and below 1"),
    (StageConfig, {"warmup_epochs": 46}, "warmup_epochs is 46; it must lie between 0 and epochs (45)"),
    (StageConfig, {"warmup_epochs": -1}, "warmup_epochs is -1; it must lie between 0 and epochs (45)"),
    (StageConfig, {"epochs": 100_001}, "epochs is 100001; it must be at most 100000"),
    (StageConfig, {"batch_size": 65_537}, "batch_size is 65537; it must be at most 65536"),
    (StageConfig, {"views_per_video": 4097}, "views_per_video is 4097; it must be at most 4096"),
    (StageConfig, {"weight_decay": inf}, "weight_decay is inf; it must be at most 1"),
    (StageConfig, {"max_gradient_norm": inf}, "max_gradient_norm is inf; it must be at most 1000000"),
    (StageConfig, {"learning_rate": inf}, "learning_rate is inf; it must be at most 100"),
    (Recipe, {"stage2_stored_views": 4097}, "stage2_stored_views is 4097; it must be at most 4096"),
    (MotionConfig, {"videos": 1_000_001}, "videos is 1000001; it must be at most 1000000"),
    (MotionConfig, {"size": 1026}, "size is 1026; it must be at most 1024"),
    (MotionConfig, {"fps": 1001}, "fps is 1001; it must be at most 1000"),
    (MotionConfig, {"clutter": 101}, "clutter is 101; it must be at most 100"),
    (MotionConfig, {"frames": 1_000_000}, "frames is 1000000; it must be at most 2000"),
    (
        MotionConfig,
        {"frames": 128, "size": 1024},
        "frames is 128; at size 1024 it must be at most 64, so that a video fits into memory",
    ),
    (Recipe, {"stage2_stored_views": -1}, "stage2_stored_views is -1; it must be at least 0"),
    (MotionConfig, {"phases": 0}, "phases is 0; it must be at least 1"),
    (MotionConfig, {"phases": 7}, "phases is 7; there are only 6 motions to choose from"),
    (MotionConfig, {"videos": 23}, "videos is 23; it must be at least 24"),
    (MotionConfig, {"size": 30}, "size is 30; it must be at least 32"),
    (MotionConfig, {"size": 73}, "size is 73; video files want an even number of pixels"),
    (MotionConfig, {"fps": 0}, "fps is 0; it must be at least 1"),
    (MotionConfig, {"pause_frames": -1}, "pause_frames is -1; it must be at least 0"),
    (MotionConfig, {"clutter": -1}, "clutter is -1; it must be at least 0"),
    (MotionConfig, {"seed": -1}, "seed is -1; it must be at least 0"),
    (MotionConfig, {"phase_frames": (1, 9)}, "phase_frames is 1 to 9; it must rise and start at 2 or above"),
    (MotionConfig, {"phase_frames": (9, 8)}, "phase_frames is 9 to 8; it must rise and start at 2 or above"),
    (MotionConfig, {"frames": 55}, "frames is 55; 2 moves of up to 20 frames with pauses of 8 need at least 56"),
    (
        MotionConfig,
        {"frames": 139, "repeats": 2, "distractions": 1},
        "frames is 139; 5 moves of up to 20 frames with pauses of 8 need at least 140",
    ),
    (MotionConfig, {"repeats": 0}, "repeats is 0; it must be at least 1"),
    (MotionConfig, {"distractions": -1}, "distractions is -1; it must be at least 0"),
    (MotionConfig, {"ordered": False, "videos": 29}, "videos is 29; it must be at least 30"),
    (
        MotionConfig,
        {"ordered": False, "phases": 6, "frames": 168},
        "phases is 6; where order does not count, all 6 motions make a single label, so it must be at most 5",
    ),
    (MotionConfig, {"kinds": 1}, "kinds is 1; it must be at least 2"),
    (MotionConfig, {"kinds": 10}, "kinds is 10; it must be at most 9"),
    (MotionConfig, {"kinds": 2, "phases": 3}, "phases is 3; there are only 2 motions to choose from"),
    (MotionConfig, {"kinds": 9, "videos": 35}, "videos is 35; it must be at least 36"),
    (
        MotionConfig,
        {"kinds": 2, "ordered": False},
        "phases is 2; where order does not count, all 2 motions make a single label, so it must be at most 1",
    ),
    (MotionConfig, {"scenes": -1}, "scenes is -1; it must be at least 0"),
    (MotionConfig, {"scenes": 1_000_001}, "scenes is 1000001; it must be at most 1000000"),
    (
        MotionConfig,
        {"misleading": True},
        "misleading is true, but distractions is 0; give 1 or more, or leave misleading out",
    ),
    (
        MotionConfig,
        {"misleading": True, "repeats": 2, "distractions": 2, "frames": 256},
        "distractions is 2; misleading ones must be fewer than repeats (2), or the label would not be what is seen "
        "most",
    ),
    (
        MotionConfig,
        {"misleading": True, "kinds": 2, "repeats": 2, "distractions": 1, "frames": 256},
        "misleading is true, but all 2 motions are in every label; choose fewer phases than that",
    ),
    (MotionConfig, {"test_share": 0.0}, "test_share is 0.0; it must lie between 0 and 1, both excluded"),
    (MotionConfig, {"test_share": 1.0}, "test_share is 1.0; it must lie between 0 and 1, both excluded"),
    (MotionConfig, {"speed": 0.0}, "speed is 0.0; it must be above 0 and at most 4"),
    (MotionConfig, {"speed": nan}, "speed is nan; it must be above 0 and at most 4"),
    (MotionConfig, {"shape_size": 0.6}, "shape_size is 0.6; it must lie between 0.1 and 0.5"),
]


def written(case: object) -> str | None:
    """A readable test id: the settings that are wrong."""
    return ",".join(f"{name}={value}" for name, value in case.items()) if isinstance(case, dict) else ""


@pytest.mark.parametrize("config, values, sentence", WRONG, ids=written)
def test_wrong_value_is_refused_by_name(config: Callable[..., object], values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**values)
    assert str(caught.value) == sentence
    assert isinstance(caught.value, FasterVideoError) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "config, values",
    [
        (ClipConfig, {"num_clips": 1, "frames_per_clip": 8}),
        (TransformConfig, {"crop_size": 32, "test_short_side": 32, "train_short_side": (32, 32)}),
        (TransformConfig, {"flip_probability": 0}),
        (BackboneConfig, {"name": "r2d26", "width": 1 / 64}),
        (StageConfig, {"epochs": 0, "warmup_epochs": 0}),
        (StageConfig, {"warmup_epochs": 45}),
        (ClipConfig, {"num_clips": 4096, "frames_per_clip": 1024, "frame_stride": 1024}),
        (MotionConfig, {"frames": 64, "size": 1024}),
        (MotionConfig, {"frames": 2000, "size": 182}),
        (MotionConfig, {"videos": 24, "frames": 56, "seed": 0}),
        (MotionConfig, {"phases": 1, "videos": 12, "frames": 28}),
        (MotionConfig, {"phases": 6, "videos": 1440, "frames": 168}),
        (MotionConfig, {"frames": 140, "repeats": 2, "distractions": 1}),
        (MotionConfig, {"ordered": False, "videos": 30, "frames": 57}),
        (MotionConfig, {"kinds": 9, "videos": 36, "scenes": 1_000_000}),
        (MotionConfig, {"kinds": 2, "phases": 1, "misleading": True, "repeats": 2, "distractions": 1, "frames": 84}),
        (MotionConfig, {"ordered": False, "phases": 5, "videos": 12, "frames": 140}),
    ],
)
def test_the_outermost_allowed_values_are_taken(config: Callable[..., object], values: dict[str, Any]) -> None:
    made = config(**values)
    assert {name: getattr(made, name) for name in values} == values


def test_settings_are_given_by_name_and_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        ClipConfig(16)  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        ClipConfig().num_clips = 2  # type: ignore[misc]


@given(frames=st.integers(1, 20), stride=st.integers(1, 20))
def test_span_counts_the_frames_from_the_first_to_the_last(frames: int, stride: int) -> None:
    clip = ClipConfig(frames_per_clip=8 * frames, frame_stride=stride)
    covered = range(0, 8 * frames * stride, stride)
    assert clip.span == covered[-1] - covered[0] + 1


@pytest.mark.parametrize("batch_size, peak", [(32, 0.01), (8, 0.0025), (256, 0.08)])
def test_learning_rate_follows_the_batch_size(batch_size: int, peak: float) -> None:
    assert StageConfig(batch_size=batch_size).peak_learning_rate == pytest.approx(peak)


def test_names_here_are_those_of_the_tables_that_build() -> None:
    from faster_video.aggregators import AGGREGATORS
    from faster_video.backbones import BACKBONES

    assert tuple(sorted(BACKBONES)) == BACKBONE_NAMES
    assert tuple(sorted(AGGREGATORS)) == AGGREGATOR_NAMES


@pytest.mark.parametrize("phases, expected", [(1, 6), (2, 12), (3, 36), (6, 720)])
def test_labels_are_neighbouring_motions_in_every_order(phases: int, expected: int) -> None:
    frames = 28 * phases
    labels = MotionConfig(phases=phases, frames=frames, videos=2 * expected).labels
    assert len(labels) == len(set(labels)) == expected
    for label in labels:
        assert len(set(label)) == phases and set(label) <= set(MOTIONS)
        assert label[::-1] in labels  # whatever order: the other one is a label too


@pytest.mark.parametrize("phases, expected", [(1, 6), (2, 15), (3, 20), (5, 6)])
def test_unordered_labels_are_all_sets_of_motions_each_once(phases: int, expected: int) -> None:
    labels = MotionConfig(ordered=False, phases=phases, frames=28 * phases, videos=2 * expected).labels
    assert len(labels) == len({frozenset(label) for label in labels}) == expected
    assert all(len(set(label)) == phases and set(label) <= set(MOTIONS) for label in labels)


@pytest.mark.parametrize("phases, repeats, distractions, share", [(2, 1, 0, 128), (2, 2, 1, 51), (3, 1, 4, 36)])
def test_every_move_has_an_equal_share_of_the_frames(phases: int, repeats: int, distractions: int, share: int) -> None:
    config = MotionConfig(phases=phases, repeats=repeats, distractions=distractions, frames=256)
    assert config.num_moves == phases * repeats + distractions
    assert config.frames_per_move == share
