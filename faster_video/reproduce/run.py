"""An experiment from its first piece of work to its results: seed by seed, so that a first whole table is early."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from faster_video.bundle import Bundle
from faster_video.config import Recipe, require_at_least
from faster_video.features.disk import gigabytes
from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.folder import Judged, canonical
from faster_video.reproduce.jobs import work_apart
from faster_video.reproduce.parts import ExperimentParts
from faster_video.reproduce.pretraining import Pretraining, settings_of
from faster_video.reproduce.results import CellResult, SeedResult
from faster_video.reproduce.stores import Machine, Say, remove_leftovers
from faster_video.reproduce.workshop import Piece, Workshop

Report = Callable[[Mapping[Cell, CellResult]], object]
"""Writes what is known so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentRun:
    """What is done, where, and with how many seeds."""

    experiment: Experiment
    workshops: Mapping[str, Workshop]
    """By the column that each is for alone, such as `split 1`; all other cells are judged in all of them together."""
    seeds: int
    """Numbers 0 to seeds - 1."""
    say: Say
    """Is told every piece of work before it begins."""

    @property
    def num_classes(self) -> int:
        """K: labels of the training videos."""
        return len(next(iter(self.workshops.values())).parts.train.labels)


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What an experiment has come to."""

    results: dict[Cell, CellResult] = field(default_factory=dict)
    """Every cell with the same seeds; not all cells only where not even the first seed was finished."""
    interrupted: bool = False
    unreadable: int = 0
    """Test videos that could not be read; each counts as wrong."""


def folder_settings(
    recipe: Recipe, parts: ExperimentParts, machine: Machine, start: Bundle | None, pretraining: Pretraining | None
) -> dict[str, Any]:
    """What must be the same for all experiments of one folder."""
    return {
        **parts.settings,
        "start_sha256": "" if start is None else start.config.weights_sha256,
        "pretraining": settings_of(pretraining),
        "precision": machine.precision,
        "recipe": asdict(recipe),
    }


def run_experiment(run: ExperimentRun, report: Report, *, jobs: int = 1) -> Outcome:
    """Do all that is not done yet; `report` is called after every seed but the last, whose report is the caller's.

    With several `jobs` as many seeds are worked on at the same time, each in a process of its own. Ctrl-C is no error:
    the outcome then holds the seeds before the first unfinished one.

    Raises:
        ConfigError: `jobs` is below 1.
        RuntimeError: a process of a seed crashed, which is a mistake in this program.
        FasterVideoError: as training, extraction and evaluation do.
    """
    require_at_least("--jobs", jobs, 1)
    _tell_disk(run, min(jobs, run.seeds))
    total = sum(len(_pieces(run, seed)) for seed in range(run.seeds))
    numbers = count(1)

    def begin(title: str) -> None:
        run.say(f"{next(numbers)}/{total}  {title}")

    def report_finished() -> None:
        results = collect(run).results
        if len(results) == len(run.experiment.cells):  # seed 0 is finished
            report(results)

    try:
        if jobs > 1 and run.seeds > 1:
            work_apart(run, work_seed, jobs=jobs, begin=begin, finished=report_finished)
            return collect(run)
        for seed in range(run.seeds):
            work_seed(run, seed, begin)
            if seed + 1 < run.seeds:
                report_finished()
    except KeyboardInterrupt:
        outcome = collect(run)
        outcome.interrupted = True
        return outcome
    return collect(run)


def work_seed(run: ExperimentRun, seed: int, begin: Callable[[str], object]) -> None:
    """Do what is still to be done for a seed; `begin` is told every piece of it. Raises as `run_experiment`."""
    for piece in _pieces(run, seed):
        begin(piece.title)
        piece.work()


def collect(run: ExperimentRun) -> Outcome:
    """The results of the seeds that are finished; of the first one also where only a part of its cells is."""
    outcome, finished = Outcome(), []
    for seed in range(run.seeds):
        judged = {cell: found for cell in run.experiment.cells if (found := _judged(run, cell, seed)) is not None}
        if len(judged) < len(run.experiment.cells) and seed:
            break
        finished.append({cell: _together(parts) for cell, parts in judged.items()})
        lost = (sum(part.unreadable for part in parts) for parts in judged.values())
        outcome.unreadable = max(outcome.unreadable, *lost, 0)
        if len(judged) < len(run.experiment.cells):
            break
    cells = finished[0] if finished else {}
    outcome.results = {cell: CellResult(seeds=tuple(results[cell] for results in finished)) for cell in cells}
    return outcome


def judged_bundles(run: ExperimentRun) -> dict[str, Bundle]:
    """Row → the bundle that was judged there with the first seed."""
    return {
        cell.row: workshop.bundle(cell.setting, 0)
        for cell in run.experiment.cells
        for workshop in _workshops(run, cell)[:1]
    }


def _workshops(run: ExperimentRun, cell: Cell) -> list[Workshop]:
    if cell.column in run.workshops:
        return [run.workshops[cell.column]]
    return list(run.workshops.values())


def _pieces(run: ExperimentRun, seed: int) -> list[Piece]:
    """What is still to be done for a seed."""
    settings = [cell.setting for cell in run.experiment.cells]
    return [piece for workshop in run.workshops.values() for piece in workshop.plan(settings, seed)]


def _judged(run: ExperimentRun, cell: Cell, seed: int) -> list[Judged] | None:
    """A cell's results of one seed, one of each workshop that it is judged in; None before all are there."""
    setting = canonical(cell.setting)
    found = [workshop.folder.load(setting, seed) for workshop in _workshops(run, cell)]
    return [one for one in found if one is not None] if all(found) else None


def _together(parts: list[Judged]) -> SeedResult:
    """Of several splits all test videos in a row."""
    results = [part.result for part in parts]
    return SeedResult(
        seed=results[0].seed,
        correct=tuple(correct for result in results for correct in result.correct),
        per_class_mean=sum(result.per_class_mean for result in results) / len(results),
        gmacs_per_video=results[0].gmacs_per_video,
        stage2_seconds=sum(result.stage2_seconds for result in results),
    )


def _tell_disk(run: ExperimentRun, jobs: int) -> None:
    """How much the feature stores will take: all of them if they are kept, else the most that are there at once."""
    sizes = list(_store_sizes(run))
    for workshop in run.workshops.values():
        remove_leftovers(workshop.folder.path / "stores")
    if not sizes:
        return
    first = next(iter(run.workshops.values()))
    place = first.folder.path
    free = gigabytes(shutil.disk_usage(place).free)
    if first.keeps_stores:
        run.say(f"feature stores will take {gigabytes(sum(sizes))}; {free} are free")
    else:
        run.say(f"feature stores will take at most {gigabytes(jobs * max(sizes))} at a time; {free} are free")


def _store_sizes(run: ExperimentRun) -> Iterator[int]:
    """Bytes of the stores that are there together, for every time that there are some."""
    together: dict[Path, int] = {}
    for seed in range(run.seeds):
        for piece in _pieces(run, seed):
            if piece.store is not None:
                size = piece.store.num_bytes(run.experiment.recipe.transform.crop_size)
                together[piece.store.folder] = together.get(piece.store.folder, 0) + size
    yield from together.values()
