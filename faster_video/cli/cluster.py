"""Options of the commands that can run on a cluster, and of those that write predictions into a folder."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.errors import ConfigError
from faster_video.files import printable

if TYPE_CHECKING:
    from faster_video.cluster import Share
    from faster_video.predictions import PredictionFolder, Progress, Source, Work

CLUSTER_HELP = (
    "share the work out over a Ray cluster: local (this machine), auto (the cluster that it is part of), HOST:PORT or "
    "ray://HOST:PORT"
)


def add_cluster(command: ArgumentParser) -> None:
    """On which cluster, and on how much of it."""
    command.add_argument("--cluster", type=str, metavar="ADDRESS", help=CLUSTER_HELP)
    command.add_argument(
        "--workers", type=int, default=-1, help="of the cluster; -1: one per core, or per GPU where there are some"
    )


def add_predictions(command: ArgumentParser) -> None:
    """Where predictions are kept as Parquet."""
    command.add_argument(
        "--out",
        type=str,
        metavar="FOLDER",
        help="write one row per video there, as Parquet; the same command again goes on where it was stopped",
    )
    command.add_argument(
        "--retry_failed",
        action="store_true",
        help="do the videos again of which FOLDER says that they could not be read",
    )


def require_fitting(options: Namespace, printed: Sequence[str]) -> None:
    """Refuse options that mean nothing together; those in `printed` say how answers are printed, which --out is not."""
    if options.out is None:
        if options.cluster is not None:
            raise ConfigError("--cluster is given, but --out is not; name the folder for the predictions with --out")
        if options.retry_failed:
            raise ConfigError("--retry_failed is given, but --out is not; name the folder that holds the predictions")
    for name in printed:
        if options.out is not None and options[name]:
            raise ConfigError(f"--out and --{name} are both given; choose one")
    if options.cluster is None and options.workers != -1:
        raise ConfigError(
            f"--workers is {options.workers}, which is for --cluster; leave it out, or share files out among "
            "--processes"
        )
    if options.cluster is not None and options.processes is not None:
        raise ConfigError(f"--processes is {options.processes}, but --cluster has --workers; leave --processes out")


@contextmanager
def sharing(options: Namespace) -> "Iterator[Share | None]":
    """What each worker has, while the cluster is connected; None where no cluster is asked for."""
    if options.cluster is None:
        yield None
        return
    from faster_video.cluster import connected, share_out

    with connected(options.cluster) as cluster:
        share = share_out(cluster, options.workers, options.device)
        cores = f"{share.cores} core{'s' if share.cores > 1 else ''}{' and a GPU' if share.gpus else ''}"
        workers = f"{share.workers} worker{'s' if share.workers > 1 else ''}"
        machines = f"{len(cluster.nodes)} machine{'s' if len(cluster.nodes) > 1 else ''}"
        print(f"{workers} of {cores} each on {machines}", file=sys.stderr)
        yield share


def predict(options: Namespace, work: "Work", sources: "Sequence[Source]") -> "PredictionFolder":
    """Have a row for every source in the folder of --out; returns the folder, all of it written."""
    from faster_video.predictions import PredictionFolder, predict_here
    from faster_video.predictions.sources import require_protocols

    require_protocols(sources)
    with PredictionFolder.opened(options.out, work.settings, retry_failed=options.retry_failed) as folder:
        already = sum(source.name in folder.done for source in sources)
        if already:
            print(f"{already} of {len(sources)} videos are in {printable(options.out)} already", file=sys.stderr)
        if already == len(sources):
            return folder
        with sharing(options) as share, _bar() as show:
            if share is None:
                predict_here(work, sources, folder, processes=options.processes, show=show)
            else:
                from faster_video.cluster.predict import predict_on_cluster

                predict_on_cluster(work, sources, folder, share, show=show)
    return folder


@contextmanager
def _bar() -> "Iterator[Callable[[Progress], None]]":
    """On stderr where that is a terminal: how many videos are done, how many a second, how many could not be read."""
    from rich import progress as rich
    from rich.console import Console

    columns = (
        "{task.description}",
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[rate]}"),
        rich.TimeRemainingColumn(),
        rich.TextColumn("{task.fields[failed]}"),
    )
    with rich.Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("videos", total=None, rate="", failed="")

        def show(now: "Progress") -> None:
            speed = progress.tasks[0].speed
            progress.update(
                task,
                completed=now.done,
                total=now.total,
                rate=f"{speed:.1f} a second" if speed else "",
                failed=f"{now.failed} failed" if now.failed else "",
            )

        yield show
