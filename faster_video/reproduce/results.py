"""What came out of a cell: one result per seed, and what can be said of several.

Shapes: V videos of the test part, S seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import stdev

import numpy as np
from numpy.typing import NDArray

Z95 = 1.96
"""Standard errors to either side of a mean that hold 95 % of a normal distribution."""
# fmt: off
T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)
# fmt: on
"""The same of Student's t with 1, 2, … 30 degrees of freedom, for a mean over 2, 3, … 31 seeds."""
ROUNDING = 1e-9
"""Standard deviations below this are those of equal numbers."""
FEWEST_VIDEOS = 30
"""Below this many test videos no difference is called clear: the interval is that of a normal distribution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedResult:
    """One setting, trained with one seed, on the test videos."""

    seed: int
    correct: tuple[bool, ...]
    """Of every video in the list's order, [V]; one that could not be read is wrong."""
    per_class_mean: float
    """Share of right videos, averaged over classes, 0 to 1."""
    gmacs_per_video: float
    stage2_seconds: float
    """Wall time of stage 2's training; 0 where nothing is learned."""

    @property
    def top1(self) -> float:
        """Share of right videos, 0 to 1."""
        return sum(self.correct) / len(self.correct)


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """The seeds of one cell together."""

    seeds: tuple[SeedResult, ...]

    @property
    def top1(self) -> float:
        """Mean over seeds, 0 to 1."""
        return float(self._shares().mean())

    @property
    def spread(self) -> float:
        """Standard deviation of top-1 between seeds; 0 with one."""
        return stdev(seed.top1 for seed in self.seeds) if len(self.seeds) > 1 else 0.0

    @property
    def half_interval(self) -> float:
        """Half of the 95 % interval of `top1` over other test videos, for these trained networks.

        Videos are drawn, networks are not: how far other seeds would lie is told by `spread`. Where all videos are
        alike, as where all are right, it is the distance from `top1` to the farther end of Wilson's interval.
        """
        shares = self._shares()
        return _half_interval(shares) or _wilson_reach(self.top1, len(shares))

    @property
    def gmacs_per_video(self) -> float:
        """The same for every seed."""
        return self.seeds[0].gmacs_per_video

    def minus(self, other: "CellResult") -> "Difference":
        """How much better this cell is, video by video and seed by seed.

        Both must have the same seeds and test videos.
        """
        of_seeds = tuple(mine.top1 - theirs.top1 for mine, theirs in zip(self.seeds, other.seeds, strict=True))
        apart = self._shares() - other._shares()
        return Difference(of_seeds=of_seeds, half_interval=_half_interval(apart), videos=len(apart))

    def _shares(self) -> NDArray[np.float64]:
        """Of each video the share of seeds that have it right: [V]."""
        shares: NDArray[np.float64] = np.array([seed.correct for seed in self.seeds], dtype=np.float64).mean(axis=0)
        return shares


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One cell's top-1 less another's, as shares of 1."""

    of_seeds: Sequence[float]
    half_interval: float
    """Half of the 95 % interval over other test videos; 0 where all videos differ alike."""
    videos: int
    """V: how many it was taken of."""

    @property
    def mean(self) -> float:
        """Over seeds."""
        return sum(self.of_seeds) / len(self.of_seeds)

    @property
    def half_interval_of_seeds(self) -> float:
        """Half of the 95 % interval of `mean` over other seeds, by Student's t; infinite with one seed."""
        seeds = len(self.of_seeds)
        if seeds == 1:
            return inf
        return T95[min(seeds - 1, len(T95)) - 1] * stdev(self.of_seeds) / sqrt(seeds)

    @property
    def is_clear(self) -> bool:
        """Whether every seed has the same sign, and neither interval, over videos or over seeds, holds zero.

        Never with one seed, with fewer than `FEWEST_VIDEOS` videos, or where all videos differ alike.
        """
        one_sign = all(value > 0 for value in self.of_seeds) or all(value < 0 for value in self.of_seeds)
        is_enough = self.videos >= FEWEST_VIDEOS and self.half_interval > 0
        return one_sign and is_enough and abs(self.mean) > max(self.half_interval, self.half_interval_of_seeds)


def _half_interval(values: NDArray[np.float64]) -> float:
    """Of the mean of [V] values; 0 where they are all alike, but for rounding."""
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Z95 * deviation / sqrt(len(values)) if deviation > ROUNDING else 0.0


def _wilson_reach(share: float, videos: int) -> float:
    """From a share to the farther end of its 95 % interval by Wilson, which is not 0 where the share is 0 or 1."""
    weight = Z95**2 / videos
    half = Z95 * sqrt(share * (1 - share) / videos + weight / (4 * videos)) / (1 + weight)
    middle = (share + weight / 2) / (1 + weight)
    return abs(middle - share) + half
