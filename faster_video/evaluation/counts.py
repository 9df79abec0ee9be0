"""Accuracy as whole numbers, so that the counts of any parts of a list add up to the counts of the list.

Shapes: K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Counts:
    """How many videos of each class were given which label."""

    confusion: NDArray[np.int64]
    """[K, K+1]: videos of a class (row) given a label (column); the last column: unreadable ones."""
    top5_hits: NDArray[np.int64]
    """[K]: videos of a class whose label was among the five most probable ones."""

    @classmethod
    def empty(cls, num_classes: int) -> "Counts":
        """Of no video at all: what a sum starts from."""
        return cls(np.zeros((num_classes, num_classes + 1), np.int64), np.zeros(num_classes, np.int64))

    @classmethod
    def of_video(cls, truth: int, probabilities: Sequence[float] | None, num_classes: int) -> "Counts":
        """Of one video of class `truth` with these probabilities [K]; None is a video that could not be read.

        Of equally probable labels the first counts as the more probable one.
        """
        counts = cls.empty(num_classes)
        if probabilities is None:
            counts.confusion[truth, num_classes] = 1
            return counts
        ranked = np.argsort(-np.asarray(probabilities), kind="stable")
        counts.confusion[truth, ranked[0]] = 1
        counts.top5_hits[truth] = truth in ranked[:5]
        return counts

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.confusion + other.confusion, self.top5_hits + other.top5_hits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Counts):
            return NotImplemented
        same = np.array_equal(self.confusion, other.confusion) and np.array_equal(self.top5_hits, other.top5_hits)
        return bool(same)

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.top5_hits)

    @property
    def videos_per_class(self) -> NDArray[np.int64]:
        """[K], unreadable ones included."""
        totals: NDArray[np.int64] = self.confusion.sum(axis=1)
        return totals

    @property
    def hits_per_class(self) -> NDArray[np.int64]:
        """[K]: videos given their own label."""
        return self.confusion.diagonal()

    @property
    def num_videos(self) -> int:
        """All of them, unreadable ones included."""
        return int(self.confusion.sum())

    @property
    def num_unreadable(self) -> int:
        """Videos that could not be read; each counts as wrong."""
        return int(self.confusion[:, -1].sum())

    @property
    def top1(self) -> float:
        """Share of all videos that were given their own label; NaN of no video."""
        return _share(self.hits_per_class.sum(), self.num_videos)

    @property
    def top5(self) -> float:
        """Share of all videos whose label was among the five most probable; NaN of no video."""
        return _share(self.top5_hits.sum(), self.num_videos)

    @property
    def top5_says_nothing(self) -> bool:
        """Whether there are so few classes that every readable video is a top-5 hit."""
        return self.num_classes <= 5

    @property
    def per_class_mean(self) -> float:
        """Mean over classes, of those that have videos, of the class's own top-1; NaN of no video."""
        present = self.videos_per_class > 0
        shares = self.hits_per_class[present] / self.videos_per_class[present]
        return _share(shares.sum(), int(present.sum()))

    @property
    def chance_uniform(self) -> float:
        """Top-1 of drawing a label blindly."""
        return 1 / self.num_classes

    @property
    def chance_majority(self) -> float:
        """Top-1 of always naming the list's most frequent class; NaN of no video."""
        return _share(self.videos_per_class.max(initial=0), self.num_videos)


def _share(part: float, whole: int) -> float:
    return float(part) / whole if whole else float("nan")
