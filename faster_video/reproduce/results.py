"""What came out of a cell: one result per seed, and what can be said of several.

Shapes: V videos of the test part, S seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

import numpy as np
from numpy.typing import NDArray

Z95 = 1.96
"""Standard errors to either side of a mean that hold 95 % of a normal distribution."""


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

        Videos are drawn, networks are not: how far other seeds would lie is told by `spread`.
        """
        return _half_interval(self._shares())

    @property
    def gmacs_per_video(self) -> float:
        """The same for every seed."""
        return self.seeds[0].gmacs_per_video

    def minus(self, other: "CellResult") -> "Difference":
        """How much better this cell is, video by video and seed by seed.

        Both must have the same seeds and test videos.
        """
        of_seeds = tuple(mine.top1 - theirs.top1 for mine, theirs in zip(self.seeds, other.seeds, strict=True))
        return Difference(of_seeds=of_seeds, half_interval=_half_interval(self._shares() - other._shares()))

    def _shares(self) -> NDArray[np.float64]:
        """Of each video the share of seeds that have it right: [V]."""
        shares: NDArray[np.float64] = np.array([seed.correct for seed in self.seeds], dtype=np.float64).mean(axis=0)
        return shares


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One cell's top-1 less another's, as shares of 1."""

    of_seeds: Sequence[float]
    half_interval: float
    """Half of the 95 % interval over other test videos."""

    @property
    def mean(self) -> float:
        """Over seeds."""
        return sum(self.of_seeds) / len(self.of_seeds)

    @property
    def is_clear(self) -> bool:
        """Whether every seed has the same sign, and the interval over videos holds no zero."""
        one_sign = all(value > 0 for value in self.of_seeds) or all(value < 0 for value in self.of_seeds)
        return one_sign and abs(self.mean) > self.half_interval


def _half_interval(values: NDArray[np.float64]) -> float:
    """Of the mean of [V] values."""
    return float(Z95 * values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
