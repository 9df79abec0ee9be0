"""What a training run writes down while it goes on: `log.csv`, TensorBoard files, `broken.csv` and a progress bar."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
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
from tensorboardX import SummaryWriter

from faster_video.training.samples import Unreadable

STEP_FIELDS = ("stage", "epoch", "step", "loss", "learning_rate", "seconds", "seconds_waiting")


class RunLog:
    """The log files of one run directory; opened again, it goes on where it stopped."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "log.csv"
        self._broken_path = folder / "broken.csv"
        self._broken: set[Path] = set()
        self._board = SummaryWriter(str(folder / "tensorboard"))

    def forget_after(self, stage: str, step: int) -> None:
        """Drop the rows of steps that are about to be done again: those past the checkpoint a stage resumes from."""
        if not self._path.exists():
            return
        with self._path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["stage"] != stage or int(row["step"]) < step]
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, STEP_FIELDS)
            writer.writeheader()
            writer.writerows(rows)

    def steps(self, rows: list[dict[str, str | int | float]]) -> None:
        """Append what happened in some steps; the keys are STEP_FIELDS."""
        if not rows:
            return
        is_new = not self._path.exists()
        with self._path.open("a", newline="") as file:
            writer = csv.DictWriter(file, STEP_FIELDS)
            if is_new:
                writer.writeheader()
            writer.writerows(rows)
        for row in rows:
            for name in ("loss", "learning_rate"):
                self._board.add_scalar(f"{row['stage']}/{name}", row[name], row["step"])

    def broken(self, videos: list[Unreadable]) -> None:
        """List videos that could not be decoded in `broken.csv`, each of them once."""
        new = {video.path: video for video in videos if video.path not in self._broken}
        self._broken |= set(new)
        is_new = not self._broken_path.exists()
        if new:
            with self._broken_path.open("a", newline="") as file:
                writer = csv.writer(file)
                if is_new:
                    writer.writerow(("path", "reason"))
                writer.writerows((video.path, video.reason) for video in new.values())

    @property
    def num_broken(self) -> int:
        """How many different videos could not be decoded so far."""
        return len(self._broken)

    def close(self) -> None:
        """Write what TensorBoard still holds back."""
        self._board.close()


class ShowStep(Protocol):
    """Moves the bar on by some steps, with the newest loss."""

    def __call__(self, advance: int, loss: float | None = None) -> None:
        """`loss` None leaves the number that is shown."""
        ...


@contextmanager
def progress_bar(title: str, total: int, done: int = 0) -> Iterator[ShowStep]:
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
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, completed=done, loss="")

        def show(advance: int, loss: float | None = None) -> None:
            if loss is None:
                progress.advance(task, advance)
            else:
                progress.update(task, advance=advance, loss=f"loss {loss:.3f}")

        yield show
