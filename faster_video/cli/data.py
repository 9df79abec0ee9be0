"""`faster-video data check`: decode a whole list and say which of its videos are broken, short, or there twice."""

import json
import sys
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.lists import LIST_HELP, add_list_options
from faster_video.cli.output import exit_code, print_table
from faster_video.errors import DataError
from faster_video.files import printable

DESCRIPTION = "Look after the videos of a list: `data check LIST` decodes them all and reports what is wrong."
CHECK = (
    "Decode every frame of a list's videos and report which are broken, missing, too short, or there twice. Results "
    "are kept: files that have not changed are not decoded again. Exit code: 0; 1 if some videos are broken or "
    "missing; 2 for wrong input or if none can be read; 130 after ctrl-C."
)

FIX = "write there also the list without broken, missing, copies: fixed.csv, or fixed-train.csv and fixed-test.csv"


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    check = ArgumentParser(exit_on_error=False, description=CHECK)
    check.add_argument("list", type=str, metavar="LIST", help=LIST_HELP)
    add_list_options(check)
    check.add_argument("--out", type=str, metavar="DIR", help="folder for the report; default: LIST's name with -check")
    check.add_argument("--fix", action="store_true", help=FIX)
    check.add_argument("--min_frames", type=int, default=16, help="fewer are too short; the default is a clip's span")
    check.add_argument("--workers", type=int, default=-1, help="decoding processes; -1: one per core")
    check.add_argument("--fresh", action="store_true", help="decode all files again, whatever earlier checks found")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    actions = command.add_subcommands(dest="action", metavar="ACTION")
    actions.add_subcommand("check", check, help="decode every frame of a list's videos and report what is wrong")
    check.prog = "faster-video data check"


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    return _check(options[options.action])


def _check(options: Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from faster_video.datasets.checking import check_videos
    from faster_video.datasets.checking.output import default_folder, require_report_folder, write_report
    from faster_video.datasets.checking.table import report_tables
    from faster_video.datasets.lists import read_list, read_parts
    from faster_video.datasets.video_list import require_not_all_missing

    videos = read_list(options.list, root=options.root, split=options.split)
    require_not_all_missing(videos, videos.missing)
    folder = default_folder(options.list) if options.out is None else Path(options.out)
    require_report_folder(folder, options.list)
    parts = read_parts(videos, root=options.root, split=options.split) if options.fix else {}
    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("checking", total=len({video.path for video in videos.videos}))
        report = check_videos(
            videos.videos,
            min_frames=options.min_frames,
            workers=options.workers,
            fresh=options.fresh,
            show=lambda count: progress.advance(task, count),
        )
    for remark in report.remarks:
        print(remark, file=sys.stderr)
    if not report.readable:
        first = report.videos[0]
        raise DataError(
            f"{printable(options.list)}: none of its {len(report.videos)} videos can be read; the first: "
            f"{printable(first.path)}: {first.fault}"
        )
    written = write_report(report, folder, options.list, report.fixed_parts(parts))
    if options.json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        for table in report_tables(report):
            print_table(table)
        print(f"written: {', '.join(printable(path) for path in written)}")
    return exit_code(done=len(report.readable), failed=len(report.broken) + len(report.missing))
