"""Small made-up sets and recipes that the training tests share."""

from dataclasses import replace
from pathlib import Path

from faster_video.config import BackboneConfig, ClipConfig, Recipe, StageConfig, TransformConfig
from faster_video.datasets.motion_config import MotionConfig
from faster_video.datasets.motion_set import write_motion_set
from faster_video.recipes import motion

SMALL_VIDEOS = MotionConfig(videos=24, size=32, frames=32, phase_frames=(6, 7), pause_frames=4, clutter=0, seed=5)


def write_small_set(folder: Path) -> Path:
    """Twelve labels, one training and one test video each; returns the folder."""
    write_motion_set(folder, replace(SMALL_VIDEOS, videos=36, test_share=0.3))
    return folder


def small_recipe(*, epochs: int = 2, stored_views: int = 0) -> Recipe:
    """Networks of a sixty-fourth of the paper's width, so that an epoch takes a second."""
    base = motion()
    stage = StageConfig(epochs=epochs, warmup_epochs=1, batch_size=8, optimizer="adamw", learning_rate=4e-3)
    return replace(
        base,
        clips=ClipConfig(num_clips=3, frames_per_clip=8),
        transform=TransformConfig(crop_size=32, test_short_side=32, train_short_side=(32, 36), flip_probability=0.0),
        model=replace(
            base.model,
            expensive=BackboneConfig(name="r2plus1d50", width=1 / 32),
            cheap=BackboneConfig(name="r2d26", width=1 / 64),
            pattern="1:1",
        ),
        stage1_expensive=stage,
        stage1_cheap=stage,
        stage2=stage,
        stage2_stored_views=stored_views,
    )
