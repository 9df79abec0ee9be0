"""`faster-video fetch`: published weights onto this machine."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.output import complain, exit_code
from faster_video.files import printable

DESCRIPTION = "Download the weights of published networks, go on with what was cut off, and check them."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("names", nargs="+", type=str, metavar="NETWORK", help="as faster-video backbones lists them")


def run(options: Namespace) -> int:
    """Do it, of all networks that can be had; returns the exit code."""
    from faster_video.backbones.published import PUBLISHED, fetch
    from faster_video.config import require_choice
    from faster_video.errors import WeightsError

    for name in options.names:
        require_choice("published network", name, PUBLISHED)
    done = failed = 0
    for name in options.names:
        try:
            with _bar(name) as show:
                path = fetch(PUBLISHED[name], show)
        except WeightsError as error:
            complain(error)
            failed += 1
        else:
            print(f"{name}: {printable(path)}")
            done += 1
    return exit_code(done, failed)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """On stderr, where that is a terminal; is told the bytes done, and of how many."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
