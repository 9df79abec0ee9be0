"""Named settings as functions: the paper's two, and small ones for a laptop."""

from collections.abc import Callable
from dataclasses import replace

from faster_video.config import (
    BackboneConfig,
    ClipConfig,
    ModelConfig,
    Recipe,
    StageConfig,
    TransformConfig,
    require_choice,
)


def faster16() -> Recipe:
    """FASTER16 of Table 7: 16 clips of 16 frames, 1:7, R(2+1)D-50 with R2D-26."""
    return Recipe(stage2=StageConfig(epochs=20, warmup_epochs=4, batch_size=32))


def faster32() -> Recipe:
    """FASTER32 of Table 7: 8 clips of 32 frames, 1:1, R3D-50 with R2D-26."""
    return Recipe(
        clips=ClipConfig(num_clips=8, frames_per_clip=32),
        model=ModelConfig(expensive=BackboneConfig(name="r3d50"), pattern="1:1"),
        stage2=StageConfig(epochs=20, warmup_epochs=4, batch_size=32),
    )


def tiny() -> Recipe:
    """Quarter width, 112 px, 8 clips of 8 frames, 1:3: trains on a few hundred videos in minutes on two CPU cores."""
    stage1 = StageConfig(
        epochs=24,
        warmup_epochs=2,
        batch_size=8,
        views_per_video=2,
        optimizer="adamw",
        learning_rate=2e-3,
        weight_decay=0.02,
    )
    return Recipe(
        clips=ClipConfig(num_clips=8, frames_per_clip=8),
        transform=TransformConfig(crop_size=112, test_short_side=128, train_short_side=(128, 160)),
        model=ModelConfig(
            expensive=BackboneConfig(name="r2plus1d50", width=0.25),
            cheap=BackboneConfig(name="r2d26", width=0.25),
            pattern="1:3",
        ),
        stage1_expensive=stage1,
        stage1_cheap=stage1,
        stage2=replace(stage1, epochs=16, warmup_epochs=2, views_per_video=1, learning_rate=1e-3),
        stage2_stored_views=2,
    )


def motion() -> Recipe:
    """For the made-up motion videos: 3/16 width, 48 px, the whole 64 frames as 8 clips, nothing mirrored.

    Mirroring would turn one label into another.
    """
    stage1 = StageConfig(
        epochs=10,
        warmup_epochs=1,
        views_per_video=2,
        optimizer="adamw",
        learning_rate=3e-3,
        weight_decay=0.02,
    )
    return Recipe(
        clips=ClipConfig(num_clips=8, frames_per_clip=8),
        transform=TransformConfig(crop_size=48, test_short_side=48, train_short_side=(48, 54), flip_probability=0.0),
        model=ModelConfig(
            expensive=BackboneConfig(name="r3d50", width=0.1875),
            cheap=BackboneConfig(name="r2d26", width=0.1875),
            pattern="1:3",
        ),
        stage1_expensive=stage1,
        stage1_cheap=stage1,
        stage2=replace(stage1, epochs=12, warmup_epochs=1, views_per_video=1, learning_rate=1e-3),
        stage2_stored_views=2,
    )


def long_motion() -> Recipe:
    """For long made-up videos: 256 frames as 32 clips of 8 at 48 px, the cheap network a tenth of the expensive one.

    Stage 1 is meant for short videos of one motion each; `reproduce --pretrain` then goes on with the long ones. Both
    networks are so narrow that they leave chance late: R2D-26 (4 filters over time) has twice the passes, and R3D-50
    stayed behind in one seed of three until its gradients were limited and its warm-up was longer. Stage 2 learns at
    three times the rate of the other small recipes: at 1e-3 FAST-GRU had not finished (docs/results.md).
    """
    stage1 = StageConfig(
        epochs=8,
        warmup_epochs=2.4,
        optimizer="adamw",
        learning_rate=3e-3,
        weight_decay=0.02,
    )
    return Recipe(
        clips=ClipConfig(num_clips=32, frames_per_clip=8),
        transform=TransformConfig(crop_size=48, test_short_side=48, train_short_side=(48, 48), flip_probability=0.0),
        model=ModelConfig(
            expensive=BackboneConfig(name="r3d50", width=0.125),
            cheap=BackboneConfig(name="r2d26", width=0.0625),
            pattern="1:3",
        ),
        stage1_expensive=replace(stage1, max_gradient_norm=1.0),
        stage1_cheap=replace(stage1, epochs=18, warmup_epochs=5.4),
        stage2=replace(stage1, warmup_epochs=1),
        stage2_stored_views=1,
    )


def finetune() -> Recipe:
    """A schedule for weights that are trained already: shorter, at a lower rate; the sizes are the bundle's."""
    stage1 = StageConfig(
        epochs=15,
        warmup_epochs=1,
        batch_size=16,
        views_per_video=2,
        optimizer="adamw",
        learning_rate=5e-4,
        weight_decay=0.02,
        max_gradient_norm=5.0,
    )
    return Recipe(
        stage1_expensive=stage1,
        stage1_cheap=stage1,
        stage2=replace(stage1, epochs=10, views_per_video=1),
    )


def frozen() -> Recipe:
    """A schedule for published networks, which stay as they are: stage 2 alone, on stored maps."""
    stage1 = StageConfig(epochs=0, warmup_epochs=0)
    return Recipe(
        stage1_expensive=stage1,
        stage1_cheap=stage1,
        stage2=StageConfig(
            epochs=40,
            warmup_epochs=2,
            batch_size=16,
            optimizer="adamw",
            learning_rate=1e-3,
            weight_decay=0.05,
            max_gradient_norm=5.0,
        ),
        stage2_stored_views=2,
    )


def frozen_average() -> Recipe:
    """`frozen` where scores are averaged: the linear layers on frozen maps learn at a hundred times the rate.

    Chosen, as the other's, on a part of a training list (benchmarks/results/frozen_rates.txt); at 1e-3 they end far too
    early.
    """
    recipe = frozen()
    return replace(recipe, stage2=replace(recipe.stage2, learning_rate=0.1))


def distilled() -> StageConfig:
    """How `faster-video distill` learns: from weights that answer well already, so at a low rate."""
    return StageConfig(
        epochs=60,
        warmup_epochs=1,
        batch_size=32,
        optimizer="adamw",
        learning_rate=5e-4,
        weight_decay=0.0,
        max_gradient_norm=1.0,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "faster16": faster16,
    "faster32": faster32,
    "finetune": finetune,
    "frozen": frozen,
    "frozen_average": frozen_average,
    "long_motion": long_motion,
    "motion": motion,
    "tiny": tiny,
}


def get_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        ConfigError: there is none of that name; the message lists them.
    """
    require_choice("recipe", name, RECIPES)
    return RECIPES[name]()
