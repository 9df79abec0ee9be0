"""How good a bundle is on labelled videos: counts, the run over a list, tables and pictures."""

from faster_video.evaluation.baseline import baseline
from faster_video.evaluation.counts import Counts
from faster_video.evaluation.evaluate import Evaluation, JudgedVideo, evaluate, judge
from faster_video.evaluation.report import evaluation_table, plot_confusion

__all__ = [
    "Counts",
    "Evaluation",
    "JudgedVideo",
    "baseline",
    "evaluate",
    "evaluation_table",
    "judge",
    "plot_confusion",
]
