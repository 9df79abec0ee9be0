"""Made-up results of real experiments, for the report's tests."""

from collections.abc import Mapping
from dataclasses import replace
from math import log2

import numpy as np

from faster_video.config import BackboneConfig, ClipConfig, Recipe
from faster_video.cost import video_cost
from faster_video.pattern import Pattern
from faster_video.recipes import motion
from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.experiments import make_experiment, with_splits
from faster_video.reproduce.results import CellResult, SeedResult
from faster_video.reproduce.timing import Timing

AGGREGATORS = {"average": 0.0, "concat": 0.02, "lstm": 0.04, "gru": 0.05, "fast_gru": 0.07}


def paper_sized_recipe(width: float = 0.125) -> Recipe:
    """256 frames of a video as the paper has them, in a small network."""
    recipe = motion()
    model = replace(
        recipe.model,
        expensive=BackboneConfig(name="r2plus1d50", width=width),
        cheap=BackboneConfig(name="r2d26", width=width),
    )
    return replace(recipe, clips=ClipConfig(num_clips=32, frames_per_clip=8), model=model)


def experiment_of(name: str) -> Experiment:
    """As the command makes it; Table 8 with three splits."""
    recipe = paper_sized_recipe()
    if name != "table8":
        return make_experiment(name, recipe)
    clips = ClipConfig(num_clips=8, frames_per_clip=32)
    recipe = replace(recipe, clips=clips, model=replace(recipe.model, pattern="1:1"))
    return with_splits(make_experiment(name, recipe), "ucf101", (1, 2, 3))


def invented_results(experiment: Experiment, *, seeds: int = 3, videos: int = 400) -> dict[Cell, CellResult]:
    """Every cell as right as its clips, pattern and aggregator suggest, and luck; the same videos are hard for all."""
    return {cell: invented_result(experiment, cell, seeds=seeds, videos=videos) for cell in experiment.cells}


def invented_result(experiment: Experiment, cell: Cell, *, seeds: int, videos: int) -> CellResult:
    """One cell of them."""
    model, clips = cell.setting.model, cell.setting.clips
    share = sum(_flags(cell)) / clips.num_clips
    level = (
        0.5
        + 0.1 * share**0.3
        + AGGREGATORS[model.aggregator]
        + 0.03 * log2(clips.num_clips * clips.frames_per_clip / 64)
    )
    level += 0.01 * (model.expensive.name == "r3d50") + 0.01 * log2(clips.frames_per_clip / 8)
    gmacs = video_cost(model, clips, experiment.recipe.transform.crop_size, 12).gmacs
    hard = np.random.default_rng(0).uniform(size=videos)
    found = []
    for seed in range(seeds):
        generator = np.random.default_rng([seed, experiment.cells.index(cell)])
        correct = 0.7 * hard + 0.3 * generator.uniform(size=videos) < level
        right = tuple(bool(value) for value in correct)
        found.append(
            SeedResult(
                seed=seed,
                correct=right,
                per_class_mean=sum(right) / videos,
                gmacs_per_video=gmacs,
                stage2_seconds=10.0 + seed,
            )
        )
    return CellResult(seeds=tuple(found))


def invented_timings(experiment: Experiment, results: Mapping[Cell, CellResult]) -> dict[str, Timing]:
    """Networks as slow as their cost, decoding the same for all."""
    found = {}
    for cell in experiment.cells:
        network = 10 + 40 * results[cell].gmacs_per_video
        found[cell.row] = Timing(
            videos=100,
            network_seconds=(network, 1.02 * network, 0.97 * network),
            seconds=(20 + network, 21 + network, 19 + network),
        )
    return found


def _flags(cell: Cell) -> list[bool]:
    return Pattern.parse(cell.setting.model.pattern).flags(cell.setting.clips.num_clips)
