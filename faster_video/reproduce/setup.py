"""From what a user names - lists, a folder, a bundle - to an experiment that is ready to run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faster_video.bundle import Bundle
from faster_video.config import require_at_least
from faster_video.datasets.lists import has_official_splits
from faster_video.datasets.ucf101 import is_ucf101
from faster_video.errors import ConfigError
from faster_video.evaluation import require_known_labels
from faster_video.files import printable
from faster_video.reproduce.cells import Experiment
from faster_video.reproduce.experiments import with_splits
from faster_video.reproduce.folder import ExperimentFolder
from faster_video.reproduce.parts import ExperimentParts, read_experiment_parts, require_apart
from faster_video.reproduce.pretraining import Pretraining
from faster_video.reproduce.run import ExperimentRun, folder_settings
from faster_video.reproduce.stores import Machine, Say
from faster_video.reproduce.workshop import Workshop

SPLIT = "{split}"
"""Stands for the split's number in the names of lists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where the videos come from, as `read_experiment_parts` takes it."""

    data: str
    root: str | None = None
    split: int | None = None
    test: str | None = None
    validation_share: float = 0.0

    def parts(self, number: int | None = None) -> ExperimentParts:
        """Of everything, or of split `number`. Raises as `read_experiment_parts`."""
        data, test, split = self.data, self.test, self.split
        if number is not None:
            split = None if SPLIT in data else number
            data = data.replace(SPLIT, str(number))
            test = None if test is None else test.replace(SPLIT, str(number))
        return read_experiment_parts(
            data, root=self.root, split=split, test=test, validation_share=self.validation_share
        )

    def set_name(self) -> str:
        """`ucf101`, `hmdb51`, or `splits` of any other set.

        Raises:
            ConfigError: there are no splits in it.
            DataError: it cannot be read.
        """
        path = Path(self.data)
        if SPLIT in self.data:
            return "splits"
        if path.exists() and not has_official_splits(path):
            raise ConfigError(
                f"LIST is {printable(path)} for all splits, but is not a folder that holds several; give the folder of "
                f"the lists of UCF-101 or HMDB-51, or write {SPLIT} in LIST, as in train-{SPLIT}.csv"
            )
        return "ucf101" if path.exists() and is_ucf101(path) else "hmdb51"  # reading says if it does not exist


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How it is done."""

    machine: Machine
    pretraining: Pretraining | None = None
    seeds: int = 3
    keeps_stores: bool = False
    say: Say = print

    def __post_init__(self) -> None:
        require_at_least("--seeds", self.seeds, 1)


def experiment_run(experiment: Experiment, sources: Sources, out: Path, effort: Effort) -> ExperimentRun:
    """An experiment on one list, in `out`.

    Raises:
        DataError: the list cannot be used.
        TrainingError: `out` was made with other settings, or is something else.
    """
    parts = _readable(sources.parts(), effort)
    workshop = _workshop(experiment, parts, out, effort, None)
    return ExperimentRun(experiment=experiment, workshops={"": workshop}, seeds=effort.seeds, say=effort.say)


def splits_run(
    experiment: Experiment, sources: Sources, out: Path, effort: Effort, start: Bundle, splits: Sequence[int]
) -> ExperimentRun:
    """Table 8: `start` fine-tuned to each split, in a folder of its own below `out`; raises as `experiment_run`."""
    if effort.pretraining is not None:
        raise ConfigError("table8 fine-tunes the bundle of --start as it is; leave --pretrain out")
    experiment = with_splits(experiment, sources.set_name(), splits)
    parts = {number: _readable(sources.parts(number), effort) for number in splits}
    workshops = {
        f"split {number}": _workshop(experiment, parts[number], out / f"split{number}", effort, start)
        for number in splits
    }
    return ExperimentRun(experiment=experiment, workshops=workshops, seeds=effort.seeds, say=effort.say)


def _readable(parts: ExperimentParts, effort: Effort) -> ExperimentParts:
    require_known_labels(parts.test.videos, parts.train.labels)
    if parts.missing:
        effort.say(f"{parts.missing} training videos of {parts.train.source} are missing and left out")
    others = effort.pretraining
    if others is not None:
        require_apart(others.data, parts.test, "videos of --pretrain")
        if others.missing:
            effort.say(f"{others.missing} videos of {others.data.source} are missing and left out")
    return parts


def _workshop(
    experiment: Experiment, parts: ExperimentParts, out: Path, effort: Effort, start: Bundle | None
) -> Workshop:
    folder = ExperimentFolder(out)
    workshop = Workshop(
        folder,
        experiment.recipe,
        parts,
        effort.machine,
        start=start,
        pretraining=effort.pretraining,
        keeps_stores=effort.keeps_stores,
        say=effort.say,
    )
    workshop.check([cell.setting for cell in experiment.cells])
    folder.open(folder_settings(experiment.recipe, parts, effort.machine, start, effort.pretraining))
    return workshop
