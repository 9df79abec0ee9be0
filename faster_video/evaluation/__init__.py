"""How good a bundle is on labelled videos: counts, the run over a list, tables and pictures."""

from faster_video.evaluation.baseline import baseline, with_untrained_aggregator
from faster_video.evaluation.counts import Counts
from faster_video.evaluation.evaluate import (
    Evaluation,
    JudgedVideo,
    counted,
    evaluate,
    judge,
    require_known_labels,
    require_readable,
)
from faster_video.evaluation.report import confusion_table, evaluation_table, plot_confusion, splits_table
from faster_video.evaluation.splits import SplitEvaluation, SplitsEvaluation, require_trained_apart

__all__ = [
    "Counts",
    "Evaluation",
    "JudgedVideo",
    "SplitEvaluation",
    "SplitsEvaluation",
    "baseline",
    "confusion_table",
    "counted",
    "evaluate",
    "evaluation_table",
    "judge",
    "plot_confusion",
    "require_known_labels",
    "require_readable",
    "require_trained_apart",
    "splits_table",
    "with_untrained_aggregator",
]
