"""The mean over official splits, as UCF-101 and HMDB-51 are reported (the paper's Table 8): a bundle for each split."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import mean, stdev

from faster_video.bundle import Bundle
from faster_video.errors import DataError
from faster_video.evaluation.evaluate import Evaluation

MEASURES = ("top1", "top5", "per_class_mean", "top1_without_missing")
"""What is averaged over splits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitEvaluation:
    """One split's bundle on the split's test videos."""

    number: int
    """From 1."""
    bundle: str
    """The folder that was loaded."""
    evaluation: Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitsEvaluation:
    """The outcome on two or more splits, all with the same labels."""

    splits: list[SplitEvaluation]

    def values(self, measure: str) -> list[float | None]:
        """One of `MEASURES` on each split, as a share; None where a split has no such number."""
        evaluations = [split.evaluation for split in self.splits]
        if measure == "top1_without_missing":
            return [evaluation.top1_without_missing for evaluation in evaluations]
        return [getattr(evaluation.counts, measure) for evaluation in evaluations]

    def mean(self, measure: str) -> float | None:
        """Over the splits, each counting alike however many videos it has; None where a split has no such number."""
        known = [value for value in self.values(measure) if value is not None]
        return mean(known) if len(known) == len(self.splits) else None

    def spread(self, measure: str) -> float | None:
        """Standard deviation over the splits (of a sample, n - 1); None where a split has no such number."""
        known = [value for value in self.values(measure) if value is not None]
        return stdev(known) if len(known) == len(self.splits) else None

    @property
    def together(self) -> Evaluation:
        """All splits' counts added and their videos in a row: what the confusion is drawn of."""
        evaluations = [split.evaluation for split in self.splits]
        first = evaluations[0]
        return Evaluation(
            labels=first.labels,
            pattern=first.pattern,
            aggregator=first.aggregator,
            num_clips=first.num_clips,
            stop=first.stop,
            counts=reduce(add, (evaluation.counts for evaluation in evaluations)),
            videos=[video for evaluation in evaluations for video in evaluation.videos],
        )

    def as_dict(self) -> dict[str, object]:
        """For JSON: the means, their spread, the confusion of all splits together, and every split as it is alone."""
        return {
            "mean": {measure: self.mean(measure) for measure in MEASURES},
            "standard_deviation": {measure: self.spread(measure) for measure in MEASURES},
            "labels": self.splits[0].evaluation.labels,
            "confusion": self.together.counts.confusion.tolist(),
            "splits": [
                {"split": split.number, "bundle": split.bundle} | split.evaluation.as_dict() for split in self.splits
            ],
        }


def require_trained_apart(bundles: Sequence[tuple[int, Bundle]]) -> None:
    """Refuse bundles of splits of which two are one, or that do not tell the same labels apart.

    Raises:
        DataError: that is so; the message names the splits.
    """
    weights: dict[str, int] = {}
    first, reference = bundles[0]
    for number, bundle in bundles:
        other = weights.setdefault(bundle.config.weights_sha256, number)
        if bundle.config.weights_sha256 and other != number:
            raise DataError(
                f"the bundles of splits {other} and {number} have the same weights; a bundle trained on split {other} "
                f"has seen test videos of split {number}, so that each split needs one of its own"
            )
        if bundle.labels != reference.labels or str(bundle.config.model.pattern) != str(reference.config.model.pattern):
            raise DataError(
                f"the bundles of splits {first} and {number} have not the same labels and pattern; train them alike"
            )
