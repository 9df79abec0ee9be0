"""`faster-video make-motion`: made-up labelled videos whose label is an order or a set of motions."""

import sys
from dataclasses import fields

from jsonargparse import ArgumentParser, Namespace

from faster_video.children import usable_cores
from faster_video.cli.defaults import Defaults
from faster_video.config import require_at_least
from faster_video.datasets.motion_config import MOTION_SETS, USUAL_SET, MotionConfig
from faster_video.files import printable

DESCRIPTION = "Write made-up labelled videos whose label is an order or a set of motions."


def add_arguments(command: ArgumentParser, defaults: Defaults) -> None:
    """Declare the options; the set's values are the defaults of its own."""
    command.add_argument("out", type=str, metavar="OUT", help="new folder for the videos and lists")
    command.add_argument("--workers", type=int, default=-1, help="processes; -1: one per core")
    command.add_argument(
        "--set",
        type=str,
        default=USUAL_SET,
        help=f"where the defaults below come from: {', '.join(sorted(MOTION_SETS))}",
    )
    command.add_class_arguments(MotionConfig, default=defaults.motion)


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from rich.console import Console
    from rich.progress import Progress

    from faster_video.datasets.motion_set import write_motion_set

    config = MotionConfig(**{field.name: options[field.name] for field in fields(MotionConfig)})
    require_at_least("workers", options.workers, -1)
    workers = usable_cores() if options.workers < 0 else options.workers
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("writing videos", total=config.videos)
        write_motion_set(options.out, config, workers=workers, show=lambda count: progress.advance(task, count))
    print(f"{config.videos} videos of {len(config.labels)} labels, train.csv and test.csv in {printable(options.out)}")
    return 0
