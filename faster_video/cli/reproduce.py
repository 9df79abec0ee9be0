"""`faster-video reproduce`: the paper's tables and figures on one's own videos, from nothing to the report."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.lists import LIST_HELP, add_list_options
from faster_video.cli.output import INTERRUPTED, exit_code, print_table
from faster_video.cli.running import add_frame_cache, bundle_named, frame_cache_of
from faster_video.config import Recipe, require_at_least, require_at_most, require_choice
from faster_video.errors import ConfigError
from faster_video.files import printable
from faster_video.recipes import RECIPES
from faster_video.reproduce.names import EXPERIMENT_NAMES, SPLITS

if TYPE_CHECKING:
    from faster_video.reproduce.cells import Cell, Experiment
    from faster_video.reproduce.results import CellResult
    from faster_video.reproduce.run import ExperimentRun

DESCRIPTION = "Train and judge all that one of the paper's tables or figures needs, on your own videos."
MOST_SEEDS = 1000
FINETUNE_EPOCHS = 4


def add_arguments(command: ArgumentParser, defaults: Defaults) -> None:
    """Declare the options; the recipe's values are the defaults of its own."""
    names = ", ".join(EXPERIMENT_NAMES)
    command.add_argument("experiment", type=str, metavar="EXPERIMENT", help=names)
    command.add_argument("--data", type=str, required=True, metavar="LIST", help=LIST_HELP)
    add_list_options(command)
    command.add_argument("--test", type=str, metavar="LIST", help="the test videos, where LIST has no parts")
    command.add_argument(
        "--validation_share",
        type=float,
        default=0.0,
        help="share of the training videos that is held out and judged in place of the test part, to choose settings",
    )
    command.add_argument(
        "--recipe",
        type=str,
        help=f"where the defaults below come from: {', '.join(sorted(RECIPES))}; default: tiny, or with --start "
        "finetune",
    )
    command.add_argument("--seeds", type=int, default=3, metavar="S", help="trainings of every setting, with seeds 0 …")
    command.add_argument(
        "--frames",
        type=int,
        nargs="+",
        metavar="L",
        help="frames per clip, of 8, 16 and 32; default: all that fit; not of table3, figure3, table8",
    )
    command.add_argument(
        "--pretrain",
        type=str,
        metavar="LIST",
        help="other labelled videos that the networks learn from first, as the paper's learn from Kinetics",
    )
    command.add_argument(
        "--pretrain_root", type=str, metavar="DIR", help="folder under which the videos of --pretrain lie"
    )
    command.add_argument(
        "--finetune_epochs",
        type=int,
        metavar="E",
        help="of stage 1 on --data after --pretrain, at a third of the rate; default: 4",
    )
    command.add_argument("--start", type=str, metavar="BUNDLE", help="table8: what is fine-tuned to every split")
    command.add_argument(
        "--splits",
        type=int,
        nargs="+",
        metavar="N",
        help="table8: official splits, or numbers that {split} in LIST stands for; default: 1 2 3",
    )
    _add_machine(command)
    command.add_argument("--out", type=str, required=True, metavar="DIR", help="new folder, or one to go on in")
    command.add_class_arguments(Recipe, default=defaults.recipe)
    for action in command._actions:
        if action.help == "Path to a configuration file.":  # of one group of settings
            action.help = argparse.SUPPRESS
    command.usage = "faster-video reproduce EXPERIMENT --data LIST --out DIR [--recipe NAME] [options]"


def _add_machine(command: ArgumentParser) -> None:
    """Where everything is computed, and what is kept."""
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument("--precision", type=str, default="32-true", help="32-true, bf16-mixed or 16-mixed (GPU)")
    command.add_argument(
        "--jobs", type=int, default=1, metavar="J", help="seeds at the same time, each with its share of the cores"
    )
    command.add_argument(
        "--workers", type=int, default=-1, help="decoding processes of a job; -1: one per core of its share, at most 8"
    )
    add_frame_cache(command)
    command.add_argument(
        "--keep_stores", action="store_true", help="keep the feature stores when no cell needs them any more"
    )


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.reproduce.experiments import make_experiment

    _check(options)
    recipe = Recipe(**{field.name: options[field.name] for field in fields(Recipe)})
    experiment = make_experiment(options.experiment, recipe, frames=options.frames)
    return _reproduce(options, experiment)


def _check(options: Namespace) -> None:
    """Refuse what does not go together, before anything is read."""
    require_choice("experiment", options.experiment, EXPERIMENT_NAMES)
    require_at_least("--seeds", options.seeds, 1)
    require_at_most("--seeds", options.seeds, MOST_SEEDS)
    require_at_least("--jobs", options.jobs, 1)
    _check_pretraining(options)
    if options.experiment != "table8":
        for name in ("start", "splits"):
            if options[name] is not None:
                raise ConfigError(f"--{name} is given, which is for table8 only; leave it out")
        return
    if options.start is None:
        raise ConfigError("table8 fine-tunes a bundle to other videos, but --start BUNDLE is not given")
    if options.split is not None:
        raise ConfigError("--split is given, but table8 takes all of --splits; leave it out")
    splits = options.splits or SPLITS
    if len(set(splits)) < len(splits):
        raise ConfigError(f"--splits is {' '.join(map(str, splits))}; it must be different numbers, such as 1 2 3")
    for number in splits:
        require_at_least("--splits", number, 1)


def _check_pretraining(options: Namespace) -> None:
    if options.pretrain is not None and options.experiment == "table8":
        raise ConfigError("--pretrain is given, but table8 fine-tunes the bundle of --start; leave it out")
    for name in ("pretrain_root", "finetune_epochs"):
        if options.pretrain is None and options[name] is not None:
            raise ConfigError(f"--{name} is given, which is for --pretrain only; leave it out, or give --pretrain LIST")
    if options.finetune_epochs is not None:
        require_at_least("--finetune_epochs", options.finetune_epochs, 1)


def _reproduce(options: Namespace, experiment: "Experiment") -> int:
    from faster_video.reproduce.clock import TIMED, kept_seconds, measured_seconds
    from faster_video.reproduce.report import printed_table, write_report
    from faster_video.reproduce.run import run_experiment

    work, out = _run_of(options, experiment), Path(options.out)
    experiment, classes = work.experiment, work.num_classes
    is_timed = experiment.name == TIMED
    seconds = kept_seconds(work, options.device) if is_timed else None

    def report(results: "Mapping[Cell, CellResult]") -> list[Path]:
        return write_report(experiment, results, out, num_classes=classes, seconds=seconds)

    outcome = run_experiment(work, report, jobs=options.jobs)
    files = report(outcome.results) if outcome.results else []  # before the clock: what it fails at costs no report
    if is_timed and seconds is None and not outcome.interrupted:
        try:
            seconds = measured_seconds(work, options.device)
            report(outcome.results)
        except KeyboardInterrupt:
            outcome.interrupted = True
    if files:
        print_table(printed_table(experiment, outcome.results, seconds=seconds))
        print(f"written: {', '.join(printable(file) for file in files)}")
    if outcome.interrupted:
        print(f"interrupted; the same command goes on ({printable(out)})", file=sys.stderr)
        return INTERRUPTED
    if outcome.unreadable:
        print(f"{outcome.unreadable} test videos could not be read and count as wrong", file=sys.stderr)
    return exit_code(done=1, failed=outcome.unreadable)


def _run_of(options: Namespace, experiment: "Experiment") -> "ExperimentRun":
    from faster_video.reproduce.setup import Effort, Sources, experiment_run, splits_run
    from faster_video.reproduce.stores import Machine
    from faster_video.video.frame_cache import require_frame_cache

    sources = Sources(
        data=options.data,
        root=options.root,
        split=options.split,
        test=options.test,
        validation_share=options.validation_share,
    )
    require_frame_cache(frame_cache_of(options))
    machine = Machine(
        device=options.device,
        precision=options.precision,
        workers=options.workers,
        frame_cache=frame_cache_of(options),
    )
    pretraining = None
    if options.pretrain is not None:
        from faster_video.reproduce.pretraining import read_pretraining

        pretraining = read_pretraining(
            options.pretrain, root=options.pretrain_root, epochs=options.finetune_epochs or FINETUNE_EPOCHS
        )
    effort = Effort(
        machine=machine, pretraining=pretraining, seeds=options.seeds, keeps_stores=options.keep_stores, say=_say
    )
    if options.start is None:
        return experiment_run(experiment, sources, Path(options.out), effort)
    splits = options.splits or SPLITS
    return splits_run(experiment, sources, Path(options.out), effort, bundle_named(options.start), splits)


def _say(line: str) -> None:
    """What is done next, on stderr: bold on a terminal, so that it stands out from the stages' own bars."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text(printable(line), style="bold"))
