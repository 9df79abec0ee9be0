"""`faster-video extract`: feature maps of frozen backbones, so that stage 2 and evaluation need no pixels."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.cluster import CLUSTER_HELP, sharing
from faster_video.cli.defaults import Defaults
from faster_video.cli.lists import LIST_HELP, add_list_options
from faster_video.cli.output import INTERRUPTED, exit_code
from faster_video.cli.running import BUNDLE_HELP, add_frame_cache, add_running, bundle_named, frame_cache_of
from faster_video.errors import DataError
from faster_video.files import printable

if TYPE_CHECKING:
    from faster_video.bundle import Bundle
    from faster_video.cluster import Share
    from faster_video.datasets import Part, VideoList
    from faster_video.features import Extraction
    from faster_video.features.disk import Need
    from faster_video.features.extract import Extracted

DESCRIPTION = "Store the feature maps of a bundle's backbones, to train and evaluate without pixels."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, metavar="BUNDLE", help=BUNDLE_HELP)
    command.add_argument("list", type=str, metavar="LIST", help=LIST_HELP)
    command.add_argument("--out", type=str, required=True, metavar="STORE", help="new folder for the store")
    add_list_options(command)
    command.add_argument(
        "--part", type=str, help="of a LIST that has several: train, test or all; default: train, with --views 0 test"
    )
    command.add_argument("--views", type=int, default=2, help="random training views of every video, besides the test")
    command.add_argument(
        "--networks", type=str, default="pattern", help="pattern: the map that the pattern wants of a clip; both: both"
    )
    command.add_argument("--clips", type=int, metavar="N", help="clips per view, instead of the bundle's own number")
    command.add_argument("--seed", type=int, default=0, help="number that fixes the random views, as in train")
    add_running(command)
    command.add_argument("--precision", type=str, default="32-true", help="32-true, bf16-mixed or 16-mixed (GPU)")
    command.add_argument(
        "--workers",
        type=int,
        default=-1,
        help="decoding processes; -1: one per core, at most 8; with --cluster, its workers; -1: one per core or GPU",
    )
    command.add_argument("--cluster", type=str, metavar="ADDRESS", help=CLUSTER_HELP)
    add_frame_cache(command)
    command.add_argument("--resume", action="store_true", help="go on with STORE, and make damaged shards again")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.datasets import read_list
    from faster_video.features import Extraction
    from faster_video.features.views import naming_dead_workers

    part: Part = options.part or ("train" if options.views else "test")
    data = read_list(options.list, root=options.root, split=options.split, part=part)
    wanted = Extraction(
        bundle=_bundle(options),
        data=data,
        out=Path(options.out),
        part=part if _has_parts(options, data, part) else "",
        views=options.views,
        networks=options.networks,
        seed=options.seed,
        device=options.device,
        engine=options.engine,
        precision=options.precision,
        workers=options.workers,
        frame_cache=frame_cache_of(options),
    )
    try:
        with naming_dead_workers(), sharing(options) as share:  # a death may be noticed as late as here
            done = _extract(wanted, share, resume=options.resume)
    except KeyboardInterrupt:
        print(f"interrupted; go on with the same command and --resume ({printable(wanted.out)})", file=sys.stderr)
        return INTERRUPTED
    lost = {view.number: view for view in done.config.unreadable}
    for view in lost.values():
        print(f"{printable(view.video)}: {view.reason}", file=sys.stderr)
    videos = done.config.num_videos
    stored = videos - len(done.config.missing) - len(lost)
    of_part = {"": "", "all": " of all parts"}.get(done.config.part, f" of the part {done.config.part}")
    print(f"features of {stored} of {videos} videos{of_part} in {printable(wanted.out)}")
    return exit_code(done=stored, failed=len(lost))


def _has_parts(options: Namespace, data: "VideoList", part: str) -> bool:
    """Whether another part of LIST would have been other videos than these."""
    from faster_video.datasets import read_list

    try:
        other = read_list(
            options.list, root=options.root, split=options.split, part="test" if part == "train" else "train"
        )
    except DataError:  # there are parts, and the other one has no videos or no file
        return True
    return other.videos != data.videos


def _bundle(options: Namespace) -> "Bundle":
    """The bundle under the pattern and the number of clips asked for."""
    from dataclasses import replace

    from faster_video.bundle import Bundle

    bundle = bundle_named(options.bundle)
    if options.pattern is not None:
        bundle = bundle.with_pattern(options.pattern)
    if options.clips is None:
        return bundle
    clips = replace(bundle.config.clips, num_clips=options.clips)
    return Bundle(model=bundle.model, config=replace(bundle.config, clips=clips))


def _extract(wanted: "Extraction", share: "Share | None", *, resume: bool) -> "Extracted":
    """With a bar on stderr where that is a terminal; by workers of a cluster where there is a share."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from faster_video.features import extract
    from faster_video.features.extract import Extraction, ShardMaker, shards_here

    maker: Callable[[Extraction], ShardMaker] = shards_here
    if share is not None:
        from faster_video.cluster.extract import shards_on_cluster, shared_out

        wanted, maker = shared_out(wanted, share), shards_on_cluster(share)

    def announce(need: "Need") -> None:
        if need.missing:
            whole = f"{len(wanted.data.videos)} videos of {printable(wanted.data.source)}"
            print(f"{need.missing} of {whole} are missing and left out", file=sys.stderr)
        print(f"{printable(wanted.out)}: needs {need}", file=sys.stderr)

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("views", total=None)
        return extract(
            wanted,
            resume=resume,
            announce=announce,
            maker=maker,
            show=lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )
