"""An evaluation for people: a table for the terminal, and the confusion matrix as a picture.

Shapes: K classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from faster_video.evaluation.evaluate import Evaluation
from faster_video.evaluation.splits import SplitsEvaluation
from faster_video.files import printable
from faster_video.pictures import save_picture, shortened

MOST_IN_TABLE = 12
"""Classes up to which the matrix fits into a terminal."""
MOST_LISTED = 20
"""Videos named below the table, of those that could not be read; of Kinetics, thousands may be missing."""
MOST_NUMBERED = 30
"""Classes up to which a cell has room for its number."""
MOST_NAMED = 80
"""Classes up to which every one is named beside the matrix; beyond, about sixty of them are."""


def evaluation_table(evaluation: Evaluation) -> Table:
    """Accuracy beside chance, cost, and the videos that could not be read."""
    counts = evaluation.counts
    table = Table(title=f"{counts.num_videos} videos, {evaluation.setting}", show_header=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    table.add_column("remark")
    of_all = f"{int(counts.hits_per_class.sum())} of {counts.num_videos} videos"
    table.add_row("top-1", f"{counts.top1:.1%}", of_all)
    trivial = f"only {counts.num_classes} labels: every readable video is a hit" if counts.top5_says_nothing else ""
    table.add_row("top-5", f"{counts.top5:.1%}", trivial)
    present = int((counts.videos_per_class > 0).sum())
    table.add_row("per-class mean", f"{counts.per_class_mean:.1%}", f"over {present} of {counts.num_classes} classes")
    table.add_row("chance", f"{counts.chance_uniform:.1%}", "naming any label")
    table.add_row("", f"{counts.chance_majority:.1%}", "naming the list's most frequent label")
    table.add_row("GMACs per video", _number(evaluation.gmacs_per_video), "")
    table.add_row("seconds per video", _number(evaluation.seconds_per_video), "decoding included")
    table.add_row("unreadable", str(counts.num_unreadable), "counted as wrong" if counts.num_unreadable else "")
    _add_missing(table, evaluation)
    for video in evaluation.unreadable[:MOST_LISTED]:
        table.add_row("", "", Text(f"{printable(video.path)}: {video.unreadable}"))
    if counts.num_unreadable > MOST_LISTED:
        table.add_row("", "", f"… and {counts.num_unreadable - MOST_LISTED} more; --json names all")
    return table


def _add_missing(table: Table, evaluation: Evaluation) -> None:
    """How many of the unreadable videos are on no disk, and how good the bundle is on the others."""
    missing, others = evaluation.num_missing, evaluation.counts.num_videos - evaluation.num_missing
    if not missing:
        return
    table.add_row("  of them missing", str(missing), "no such file")
    hits = sum(video.correct for video in evaluation.videos)
    table.add_row(
        "top-1 without missing", _percent(evaluation.top1_without_missing), f"{hits} of {others} videos on disk"
    )


def confusion_table(evaluation: Evaluation) -> Table | None:
    """The confusion matrix: a row per true label, a column per predicted one; None of more than `MOST_IN_TABLE`."""
    counts = evaluation.counts
    if counts.num_classes > MOST_IN_TABLE:
        return None
    table = Table(title="confusion, truth in rows", box=SIMPLE_HEAD, padding=0, min_width=28)
    table.add_column("true label", overflow="fold")
    for number in range(counts.num_classes):
        table.add_column(str(number + 1), justify="right", min_width=3, no_wrap=True)
    if counts.num_unreadable:
        table.add_column("unreadable", justify="right", no_wrap=True)
    for number, label in enumerate(evaluation.labels):
        row = [str(count) if count else "·" for count in counts.confusion[number]]
        shown = row if counts.num_unreadable else row[:-1]
        table.add_row(Text(f"{number + 1} {shortened(label, 26)}"), *shown)
    return table


def splits_table(evaluations: SplitsEvaluation) -> Table:
    """A row per official split, and the mean over them with its standard deviation."""
    first = evaluations.splits[0].evaluation
    table = Table(title=f"{len(evaluations.splits)} splits, {first.setting}")
    missing = any(split.evaluation.num_missing for split in evaluations.splits)
    for name in ("split", "top-1", "top-5", "per-class mean", "videos", "unreadable"):
        table.add_column(name, justify="left" if name == "split" else "right")
    if missing:
        table.add_column("of them missing", justify="right")
        table.add_column("top-1 without missing", justify="right")
    for split in evaluations.splits:
        counts = split.evaluation.counts
        shares = [f"{share:.1%}" for share in (counts.top1, counts.top5, counts.per_class_mean)]
        more = [str(split.evaluation.num_missing), _percent(split.evaluation.top1_without_missing)] if missing else []
        table.add_row(str(split.number), *shares, str(counts.num_videos), str(counts.num_unreadable), *more)
    table.add_section()
    means = [_mean_and_spread(evaluations, name) for name in ("top1", "top5", "per_class_mean")]
    more = ["", _mean_and_spread(evaluations, "top1_without_missing")] if missing else []
    table.add_row("mean ± standard deviation", *means, "", "", *more, style="bold")
    return table


def _mean_and_spread(evaluations: SplitsEvaluation, name: str) -> str:
    mean, spread = evaluations.mean(name), evaluations.spread(name)
    return "–" if mean is None or spread is None else f"{mean:.1%} ± {100 * spread:.1f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3f}"


def plot_confusion(evaluation: Evaluation, path: str | Path) -> None:
    """Draw the confusion matrix: a row per true class, in shares of it; numbers of videos where they fit.

    Raises:
        PictureError: the name is not a picture's, or nothing can be written there.
    """
    counts = evaluation.counts
    columns = counts.num_classes + (1 if counts.num_unreadable else 0)
    confusion = counts.confusion[:, :columns]  # without the column of the unreadable where there are none
    shares = confusion / np.maximum(counts.videos_per_class, 1)[:, None]
    side = float(np.clip(3.5 + 0.45 * columns, 5.5, 16))
    figure = Figure(figsize=(side + 1.5, side), dpi=120, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=[0, 0.05, 0.2, 0.5, 1])
    bar.set_label("share of the true class's videos", fontsize=11)
    bar.set_ticklabels(["0 %", "5 %", "20 %", "50 %", "100 %"])
    if columns <= MOST_NUMBERED:
        _write_numbers(axes, confusion, shares)
    names = [*evaluation.labels, "unreadable"][:columns]
    _name_classes(axes, names, counts.num_classes)
    axes.set_title(
        f"top-1 {counts.top1:.1%} of {counts.num_videos} videos · chance {counts.chance_uniform:.1%}\n"
        + evaluation.setting.replace(", ", " · "),
        fontsize=12,
    )
    save_picture(figure, path)


def _write_numbers(axes: Axes, confusion: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    """Videos per cell; a nought would only hide the others."""
    size = 11 if len(confusion) <= 16 else 8
    for row, column in np.argwhere(confusion):
        ink = "black" if shares[row, column] < 0.35 else "white"
        number = str(confusion[row, column])
        axes.text(column, row, number, ha="center", va="center", color=ink, fontsize=size)


def _name_classes(axes: Axes, names: Sequence[str], num_classes: int) -> None:
    """Labels beside rows and columns: all, or about sixty spread evenly; "unreadable" is always among them."""
    every = 1 if len(names) <= MOST_NAMED else -(-len(names) // 60)
    rows = list(range(0, num_classes, every))
    columns = rows
    if len(names) > num_classes:
        columns = [*(row for row in rows if row <= num_classes - every), num_classes]
    size = 10 if len(names) <= 30 else 7
    axes.set_yticks(rows, [shortened(names[row], 24) for row in rows], fontsize=size, parse_math=False)
    axes.set_xticks(
        columns,
        [shortened(names[column], 24) for column in columns],
        fontsize=size,
        rotation=90,
        parse_math=False,
    )
    axes.set_ylabel("true label", fontsize=11)
    axes.set_xlabel("predicted label", fontsize=11)
