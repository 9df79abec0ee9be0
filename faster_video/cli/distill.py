"""`faster-video distill`: two published networks and videos without labels to a bundle."""

import sys
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.output import INTERRUPTED, exit_code, print_table
from faster_video.errors import DataError
from faster_video.files import printable
from faster_video.recipes import distilled

if TYPE_CHECKING:
    from faster_video.datasets import VideoList
    from faster_video.distillation import Distillation, Distilled

UNLABELLED = "unlabelled"
LISTS = (".csv", ".txt")
PATTERNS, VIEWS = ("1:1", "1:7", "1:3"), 2
"""As `Distillation` has them, which takes long to import."""
DESCRIPTION = "Learn from videos without labels to answer like the expensive network, at a mix's cost."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    usual = distilled()
    command.add_argument(
        "--expensive", type=str, required=True, metavar="NETWORK", help="the teacher; see faster-video backbones"
    )
    command.add_argument(
        "--cheap", type=str, required=True, metavar="NETWORK", help="the other one, of the same list of labels"
    )
    command.add_argument(
        "--data",
        type=str,
        nargs="+",
        required=True,
        metavar="PATH",
        help="video files, folders and lists to learn from",
    )
    command.add_argument(
        "--validation", type=str, nargs="+", required=True, metavar="PATH", help="others, to measure the agreement on"
    )
    command.add_argument(
        "--out", type=str, required=True, metavar="DIR", help="folder for maps and bundle; maps that are there are used"
    )
    command.add_argument(
        "--patterns",
        type=str,
        nargs="+",
        default=list(PATTERNS),
        metavar="E:C",
        help="learned in turns; the bundle is written with the last one",
    )
    command.add_argument("--views", type=int, default=VIEWS, help="random views of every video")
    command.add_argument("--epochs", type=int, default=usual.epochs, help="passes over all views")
    command.add_argument(
        "--learning_rate", type=float, default=usual.learning_rate, help="of a batch of 32 views, at its peak"
    )
    command.add_argument("--seed", type=int, default=0, help="number that fixes first weights, order and cuts")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument("--workers", type=int, default=-1, help="decoding processes; -1: one per core, at most 8")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.distillation import agreement_table, require_no_other_bundle

    wanted = _wanted(options)
    require_no_other_bundle(wanted)
    try:
        done = _distill(wanted)
    except KeyboardInterrupt:
        print("interrupted; the maps made so far are kept, go on with the same command", file=sys.stderr)
        return INTERRUPTED
    for what, there in (("to learn from", done.learned), ("to measure on", done.judged)):
        if there.missing:
            print(f"{there.missing} of {there.videos} videos {what} are missing and left out", file=sys.stderr)
    unreadable = done.learned.unreadable | done.judged.unreadable
    for path, reason in unreadable.items():
        print(f"{printable(path)}: {reason}", file=sys.stderr)
    for what, rows in (("with the first weights", done.before), ("distilled", done.after)):
        print(f"{what}, on {rows[0].videos} videos:")
        print_table(agreement_table(rows))
    if done.epoch:
        print(f"kept: the weights after pass {done.epoch} of {wanted.config.epochs}, whose KL is lowest")
    else:
        print("kept: the first weights; after no pass the KL was lower, so there was nothing to be learned")
    print(f"bundle written to {printable(wanted.out / 'bundle')}")
    return exit_code(done=done.learned.readable, failed=len(unreadable))


def _wanted(options: Namespace) -> "Distillation":
    from dataclasses import replace
    from pathlib import Path

    from faster_video.distillation import Distillation, distillation_pair

    usual = distilled()
    warmup_epochs = min(usual.warmup_epochs, max(options.epochs, 0))  # of few passes, all
    config = replace(usual, epochs=options.epochs, warmup_epochs=warmup_epochs, learning_rate=options.learning_rate)
    return Distillation(
        bundle=distillation_pair(options.expensive, options.cheap, options.seed),
        data=unlabelled(options.data),
        validation=unlabelled(options.validation),
        out=Path(options.out),
        patterns=tuple(options.patterns),
        views=options.views,
        config=config,
        seed=options.seed,
        device=options.device,
        workers=options.workers,
    )


def unlabelled(paths: list[str]) -> "VideoList":
    """The videos of these files, folders and lists. Raises `DataError` where there is none."""
    from pathlib import Path

    from faster_video.datasets import LabelledVideo, VideoList, read_list
    from faster_video.inference import Failure, find_videos

    videos: list[Path] = []
    for path in paths:
        if Path(path).suffix in LISTS:
            listed = read_list(path)
            if len(listed.missing) == len(listed.videos):
                raise DataError(
                    f"{printable(path)}: none of its {len(listed.videos)} videos is on disk; the first should be "
                    f"{printable(listed.videos[0].path)}; a list's videos lie beside it, or are named by whole paths"
                )
            videos += [video.path for video in listed.videos]
            continue
        for found in find_videos([path]):
            if isinstance(found, Failure):
                raise DataError(f"{printable(found.path)}: {found.reason}")
            if not found.exists():
                raise DataError(f"{printable(found)}: does not exist; name video files, folders of them, or lists")
            videos.append(found)
    return VideoList(Path(paths[0]), tuple(LabelledVideo(video, UNLABELLED) for video in videos))


def _distill(wanted: "Distillation") -> "Distilled":
    """With a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from faster_video.distillation import distill

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("maps", total=None)
        return distill(
            wanted, lambda what, done, total: progress.update(task, description=what, completed=done, total=total)
        )
