"""A small made-up set with both parts, and a recipe that sees all 64 frames of its videos in a moment."""

from dataclasses import replace
from pathlib import Path

from training_samples import small_recipe

from faster_video.config import ClipConfig, Recipe
from faster_video.datasets.motion_config import MotionConfig
from faster_video.datasets.motion_set import write_motion_set
from faster_video.reproduce.experiments import make_experiment
from faster_video.reproduce.run import ExperimentRun
from faster_video.reproduce.setup import Effort, Sources, experiment_run
from faster_video.reproduce.stores import Machine


def write_motion_parts(folder: Path, *, seed: int = 5) -> Path:
    """Six labels, three training videos and one test video each, of 64 frames at 32 pixels; returns the folder."""
    config = MotionConfig(
        videos=24, test_share=0.25, phases=1, size=32, frames=64, phase_frames=(20, 24), clutter=0, seed=seed
    )
    write_motion_set(folder, config)
    return folder


def small_experiment_recipe(*, stage2_epochs: int = 2) -> Recipe:
    """8 × 8 frames; one epoch for the networks."""
    recipe = small_recipe(epochs=1, stored_views=1)
    return replace(
        recipe,
        clips=ClipConfig(num_clips=8, frames_per_clip=8),
        stage2=replace(recipe.stage2, epochs=stage2_epochs),
    )


def prepared(name: str, data: Path, out: Path, said: list[str], **changes: object) -> ExperimentRun:
    """An experiment with one seed, decoded in this process; `said` gathers what it tells."""
    recipe = changes.pop("recipe", None) or small_experiment_recipe()
    frames = changes.pop("frames", None)
    sources = Sources(data=str(data), **changes.pop("sources", {}))  # type: ignore[arg-type]
    effort = Effort(machine=Machine(device="cpu", workers=0), seeds=1, say=said.append)
    experiment = make_experiment(name, recipe, frames=frames)  # type: ignore[arg-type]
    return experiment_run(experiment, sources, out, replace(effort, **changes))  # type: ignore[arg-type]
