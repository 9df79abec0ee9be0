"""Early exit: which rule stops a video soonest without losing accuracy (thresholds on calibrated probabilities).

Shapes: V videos, N clips per video, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from faster_video.budget.replay import Replay
from faster_video.policy import StopRule

CONFIDENCES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)
HELD = (1, 2, 3, 4)
"""Clips in a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a rule gives on V videos; None looks at every clip."""

    rule: StopRule | None
    correct: Tensor
    """Bool [V]."""
    cost: Tensor
    """Of each video, float64 [V]."""
    clips: Tensor
    """Looked at of each video, [V]."""

    @property
    def top1(self) -> float:
        """Share of the videos that are right."""
        return float(self.correct.double().mean())

    @property
    def mean_cost(self) -> float:
        """Of a video."""
        return float(self.cost.mean())


def rules() -> Iterator[StopRule]:
    """Those that are tried."""
    for clips in HELD:
        for confidence in CONFIDENCES:
            yield StopRule(confidence=confidence, clips=clips)


def outcome(videos: Replay, temperature: float, rule: StopRule | None, cost: Tensor) -> Outcome:
    """What `Classifier` with this rule answers; `cost` is of each video up to each clip, [V, N]."""
    probability, label = (videos.log_probabilities.double() / temperature).softmax(dim=-1).max(dim=-1)  # [V, N]
    last = label.shape[1] - 1
    at = torch.full((len(label),), last)
    if rule is not None:
        at = torch.where((known := is_known(probability, label, rule)).any(dim=1), known.int().argmax(dim=1), last)
    every = torch.arange(len(label))
    return Outcome(rule, label[every, at] == videos.labels, cost[every, at], at + 1)


def is_known(probability: Tensor, label: Tensor, rule: StopRule) -> Tensor:
    """Whether a rule is met after each clip, bool [V, N]: by the best label [V, N] and its probability [V, N]."""
    held = torch.zeros(len(label), dtype=torch.long)
    met = []
    for clip in range(label.shape[1]):
        sure = probability[:, clip] >= rule.confidence
        same = label[:, clip] == label[:, clip - 1] if clip else torch.zeros_like(sure)
        held = torch.where(sure, torch.where(same, held, 0) + 1, 0)
        met.append(held >= rule.clips)
    return torch.stack(met, dim=1)


def cheapest(whole: Outcome, tried: list[Outcome], max_drop: float) -> Outcome:
    """Of the outcomes that lose at most `max_drop` points against `whole`, one standard error included, the one that
    costs least; `whole` itself if none is cheaper.

    The standard error, of so many videos as these, is what keeps the rule that was luckiest here from losing more on
    others: with 400 videos and half a point, answers may change on two or three of them, with 100 on none.
    """
    allowed = [one for one in tried if points_lost(whole, one) + standard_error(whole, one) <= max_drop + 1e-9]
    return min([whole, *allowed], key=lambda one: one.mean_cost)


def points_lost(whole: Outcome, one: Outcome) -> float:
    """Of accuracy, in points."""
    return 100 * (whole.top1 - one.top1)


def standard_error(whole: Outcome, one: Outcome) -> float:
    """Of `points_lost`, from the videos that only one of the two has right, and one more: none is no proof."""
    differ = int((whole.correct != one.correct).sum())
    return float(100 * (differ + 1) ** 0.5 / len(whole.correct))


def of_videos(one: Outcome, videos: Tensor) -> Outcome:
    """The outcome of some videos only."""
    return Outcome(one.rule, one.correct[videos], one.cost[videos], one.clips[videos])
