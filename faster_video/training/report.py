"""What a run looks like from its log: a summary per stage, and its learning curves as a picture."""

import json
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from faster_video.files import replacing_file
from faster_video.pictures import COLOURS, save_picture
from faster_video.training.logs import STEP_FIELDS, read_rows, writing

SUMMARY = "summary.json"
CURVES = "curves.png"


@dataclass(frozen=True, kw_only=True, slots=True)
class StageSummary:
    """One stage, all its sessions together."""

    stage: str
    epochs: int
    steps: int
    videos_per_second: float
    """Views of videos, by the wall clock of the steps, validation and checkpoints aside."""
    share_waiting: float
    """Of that time, how much training waited for data."""
    loss: float
    """Mean over the last epoch."""
    top1: float
    """Share of the last epoch's training views that were given their own label while the weights still moved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageLog:
    """The steps of one stage, [S] each."""

    stage: str
    epoch: list[int]
    videos: list[int]
    loss: list[float]
    top1: list[float]
    learning_rate: list[float]
    seconds: list[float]
    seconds_waiting: list[float]

    def summary(self) -> StageSummary:
        """The stage in a few numbers."""
        last = [number for number, epoch in enumerate(self.epoch) if epoch == self.epoch[-1]]
        views = sum(self.videos[number] for number in last)
        seconds = sum(self.seconds) or float("nan")
        return StageSummary(
            stage=self.stage,
            epochs=self.epoch[-1] + 1,
            steps=len(self.loss),
            videos_per_second=sum(self.videos) / seconds,
            share_waiting=sum(self.seconds_waiting) / seconds,
            loss=sum(self.loss[number] * self.videos[number] for number in last) / views,
            top1=sum(self.top1[number] * self.videos[number] for number in last) / views,
        )

    def by_epoch(self, values: list[float]) -> tuple[list[int], list[float]]:
        """The epochs, counted from 1, and the mean of some values over each."""
        groups = groupby(zip(self.epoch, values, strict=True), key=lambda pair: pair[0])
        means = {epoch + 1: float(np.mean([value for _, value in pairs])) for epoch, pairs in groups}
        return list(means), list(means.values())


def read_log(folder: Path) -> list[StageLog]:
    """The stages in a run directory's log.csv, in their order."""
    rows = read_rows(folder / "log.csv", STEP_FIELDS)
    return [
        StageLog(
            stage=stage,
            epoch=[int(row["epoch"]) for row in group],
            videos=[int(row["videos"]) for row in group],
            loss=[float(row["loss"]) for row in group],
            top1=[float(row["top1"]) for row in group],
            learning_rate=[float(row["learning_rate"]) for row in group],
            seconds=[float(row["seconds"]) for row in group],
            seconds_waiting=[float(row["seconds_waiting"]) for row in group],
        )
        for stage, group in ((stage, list(rows)) for stage, rows in groupby(rows, key=lambda row: row["stage"]))
    ]


def report_run(folder: Path) -> list[StageSummary]:
    """Write summary.json and curves.png into a run directory; returns the summaries."""
    stages = read_log(folder)
    summaries = [stage.summary() for stage in stages]
    with writing(folder / SUMMARY), replacing_file(folder / SUMMARY) as aside:
        aside.write_text(json.dumps([asdict(summary) for summary in summaries], indent=2) + "\n", "utf-8")
    if stages:
        save_picture(_draw(stages), folder / CURVES)
    return summaries


def summary_table(folder: Path) -> Table:
    """The summary of a finished run, for the terminal."""
    table = Table(title="Speed, share of time waiting for data, last epoch")
    table.add_column("stage", no_wrap=True)
    for name in ("epochs", "steps", "views/s", "waiting", "last loss", "last top-1"):
        table.add_column(name, justify="right")
    for values in json.loads((folder / SUMMARY).read_text("utf-8")):
        stage = StageSummary(**values)
        table.add_row(
            stage.stage,
            f"{stage.epochs}",
            f"{stage.steps}",
            f"{stage.videos_per_second:.1f}",
            f"{stage.share_waiting:.1%}",
            f"{stage.loss:.3f}",
            f"{stage.top1:.1%}",
        )
    return table


def _draw(stages: list[StageLog]) -> Figure:
    """A column per stage: loss and top-1 of every step (faint) and epoch, and the learning rate."""
    figure = Figure(figsize=(4.2 * len(stages), 7.2), layout="constrained")
    rows = figure.subplots(3, len(stages), squeeze=False, sharex="col", height_ratios=(3, 3, 1))
    for column, stage in enumerate(stages):
        loss, top1, rate = rows[0][column], rows[1][column], rows[2][column]
        loss.set_title(stage.stage)
        _draw_curve(loss, stage, stage.loss, COLOURS[0])
        _draw_curve(top1, stage, [100 * value for value in stage.top1], COLOURS[1])
        loss.set_ylim(bottom=0)
        top1.set_ylim(0, 100)
        rate.plot(_places(stage), stage.learning_rate, color=COLOURS[2])
        rate.set_ylim(bottom=0)
        rate.set_xlabel("epochs done")
    for axes, name in zip(rows[:, 0], ("loss", "top-1 on training views, %", "learning rate"), strict=True):
        axes.set_ylabel(name)
    return figure


def _draw_curve(axes: Axes, stage: StageLog, values: list[float], colour: str) -> None:
    epochs, means = stage.by_epoch(values)
    axes.plot(_places(stage), values, color=colour, alpha=0.25, linewidth=0.8)
    axes.plot([epoch - 0.5 for epoch in epochs], means, color=colour, marker="o", markersize=3)
    axes.grid(alpha=0.3)


def _places(stage: StageLog) -> list[float]:
    """Where each step stands in epochs."""
    per_epoch = stage.epoch.count(stage.epoch[0]) or 1
    return [(number + 1) / per_epoch for number in range(len(stage.epoch))]
