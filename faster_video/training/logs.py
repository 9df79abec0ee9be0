"""What a training run writes down while it goes on: `log.csv`, TensorBoard files, `broken.csv` and a progress bar."""

import csv
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar

from faster_video.errors import TrainingError
from faster_video.files import printable, replacing_file
from faster_video.training.samples import Unreadable

BROKEN_FIELDS = ("path", "reason")
STEP_FIELDS = ("stage", "epoch", "step", "videos", "loss", "top1", "learning_rate", "seconds", "seconds_waiting")

Value = str | int | float
"""Of a cell of a log."""


class RunLog:
    """The log files of one run directory; opened again, it goes on where it stopped.

    Of several processes one `writes`; the others only keep count. Every method raises TrainingError where the disk
    refuses.
    """

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        self.broken_path = folder / "broken.csv"
        self._met: set[str] = set()
        self.newest_broken = ""
        """Which video could not be decoded, and why."""
        self._path = folder / "log.csv"
        self._writes = writes
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._listed = {row["path"] for row in read_rows(self.broken_path, BROKEN_FIELDS)}
            self._board = _Board(folder / "tensorboard") if writes else None

    def forget_after(self, stage: str, step: int) -> None:
        """Drop the rows of steps that are about to be done again: those past the checkpoint a stage resumes from."""
        if not self._writes:
            return
        rows = [row for row in read_rows(self._path, STEP_FIELDS) if row["stage"] != stage or int(row["step"]) < step]
        with writing(self._path), replacing_file(self._path) as aside:
            write_rows(aside, STEP_FIELDS, rows)

    def steps(self, rows: list[dict[str, Value]]) -> None:
        """Append what happened in some steps; the keys are STEP_FIELDS."""
        with writing(self._path):
            write_rows(self._path, STEP_FIELDS, rows)
            if self._board is not None:
                self._board.add(rows)

    def broken(self, videos: list[Unreadable]) -> None:
        """Count videos that could not be decoded, and list each of them once in `broken.csv`."""
        reasons = {str(video.path): video.reason for video in videos}
        self._met |= reasons.keys()
        self.newest_broken = next(reversed(reasons.values()), self.newest_broken)
        new = {path: reason for path, reason in reasons.items() if path not in self._listed}
        self._listed |= new.keys()
        if new and self._writes:
            rows = [
                {"path": path, "reason": reason.removeprefix(f"{printable(path)}: ")} for path, reason in new.items()
            ]
            with writing(self.broken_path):
                write_rows(self.broken_path, BROKEN_FIELDS, rows)

    @property
    def num_broken(self) -> int:
        """How many different videos could not be decoded since the run was started or resumed."""
        return len(self._met)

    @property
    def num_listed(self) -> int:
        """How many are in `broken.csv`, mended or not."""
        return len(self._listed)

    def close(self) -> None:
        """Write what TensorBoard still holds back."""
        if self._board is not None:
            self._board.close()


class _Board:
    """TensorBoard's file, written in place: a writer's thread of its own would hide that the disk is full."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._file = EventsWriter(str(folder / "events"))

    def add(self, rows: Sequence[Mapping[str, Value]]) -> None:
        """One point per curve and step."""
        for row in rows:
            for name in ("loss", "top1", "learning_rate"):
                summary = scalar(f"{row['stage']}/{name}", row[name])
                self._file.write_event(Event(wall_time=time.time(), step=row["step"], summary=summary))
        self._file.flush()

    def close(self) -> None:
        """What could not be written has been said before."""
        with suppress(OSError):
            self._file.close()


def warn(message: str) -> None:
    """One line on stderr about what training went on in spite of."""
    print("faster-video: warning:", message, file=sys.stderr, flush=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A full or forbidden disk in one sentence."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{path}: cannot be written ({error.strerror or error}); make room, then go on with --resume"
        ) from error


def read_rows(path: Path, fields: Sequence[str]) -> list[dict[str, str]]:
    """The whole rows of a CSV file, none if there is no file; a crash may have cut the last one short."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return [row for row in csv.DictReader(file) if set(row) == set(fields) and None not in row.values()]


def write_rows(path: Path, fields: Sequence[str], rows: Sequence[Mapping[str, Value]]) -> None:
    """Append rows to a CSV file, under a header where it is new."""
    is_new = not path.exists() or path.stat().st_size == 0
    with path.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, fields)
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


class ShowStep(Protocol):
    """Moves the bar on by some steps, with the newest loss."""

    def __call__(self, advance: int, loss: float | None = None) -> None:
        """`loss` None leaves the number that is shown."""
        ...


@contextmanager
def progress_bar(title: str, total: int, done: int = 0, *, shown: bool = True) -> Iterator[ShowStep]:
    """A bar on stderr with the loss and the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        task = progress.add_task(title, total=total, completed=done, loss="")

        def show(advance: int, loss: float | None = None) -> None:
            if loss is None:
                progress.advance(task, advance)
            else:
                progress.update(task, advance=advance, loss=f"loss {loss:.3f}")

        yield show
