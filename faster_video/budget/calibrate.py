"""What a bundle's probabilities are worth, and when it may stop: learned on videos that it was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from faster_video.budget.exits import Outcome, cheapest, of_videos, outcome, rules
from faster_video.budget.prices import Prices
from faster_video.budget.replay import Replay
from faster_video.budget.temperature import calibration_error, fit_temperature
from faster_video.config import require_at_least, require_at_most
from faster_video.errors import DataError
from faster_video.policy import Calibration

FOLDS = 5
FEWEST_VIDEOS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibrated:
    """A calibration and how good it is, on the videos that it was learned on."""

    calibration: Calibration
    error_before: float
    """Expected calibration error of the answers after every clip, 0 to 1."""
    error_after: float
    """On videos that the temperature was not learned on, in turns."""
    top1: float
    """Share that is right when all clips are looked at."""
    cost: float
    """GMACs of a video then."""
    stopped_top1: float
    stopped_cost: float
    stopped_clips: float
    """Looked at of a video, in the mean."""
    expected_drop: float
    """Points of accuracy that the rule costs on videos that it was not chosen on: the rule is chosen on four fifths of
    the videos and judged on the last, in turns."""
    expected_cost: float
    """GMACs of a video on those."""


def calibrate(videos: Replay, prices: Prices, *, max_drop: float = 0.5) -> Calibrated:
    """Temperature and stop rule from a bundle's answers.

    Raises:
        ConfigError: `max_drop` is not between 0 and 100 points.
        DataError: there are fewer than 10 videos.
    """
    require_at_least("max_drop", max_drop, 0)
    require_at_most("max_drop", max_drop, 100)
    num_videos = len(videos.labels)
    if num_videos < FEWEST_VIDEOS:
        raise DataError(f"there are {num_videos} videos to calibrate with; give at least {FEWEST_VIDEOS}, better 400")
    temperature = _temperature(videos)
    cost = prices.after_each_clip(videos)
    whole = outcome(videos, temperature, None, cost)
    tried = [outcome(videos, temperature, rule, cost) for rule in rules()]
    chosen = cheapest(whole, tried, max_drop)
    folds = torch.randperm(num_videos, generator=torch.Generator().manual_seed(0)).chunk(FOLDS)
    drop, expected_cost = _on_others(whole, tried, max_drop, folds)
    return Calibrated(
        calibration=Calibration(temperature=temperature, stop=chosen.rule, max_drop=max_drop, videos=num_videos),
        error_before=calibration_error(*_all_answers(videos), 1.0),
        error_after=_error_on_others(videos, folds),
        top1=whole.top1,
        cost=whole.mean_cost,
        stopped_top1=chosen.top1,
        stopped_cost=chosen.mean_cost,
        stopped_clips=float(chosen.clips.double().mean()),
        expected_drop=drop,
        expected_cost=expected_cost,
    )


def _all_answers(videos: Replay) -> tuple[Tensor, Tensor]:
    """Answers after every clip [V·N, K], and their labels [V·N]."""
    _, num_clips, num_classes = videos.log_probabilities.shape
    return videos.log_probabilities.reshape(-1, num_classes), videos.labels.repeat_interleave(num_clips)


def _temperature(videos: Replay) -> float:
    return fit_temperature(*_all_answers(videos))


def _error_on_others(videos: Replay, folds: Sequence[Tensor]) -> float:
    """Calibration error where the temperature is of other videos."""
    everything = torch.cat(list(folds))
    scaled = videos.log_probabilities.clone()
    for fold in folds:
        scaled[fold] /= _temperature(videos.shortened(_without(everything, fold)))
    return calibration_error(*_all_answers(replace(videos, log_probabilities=scaled)), 1.0)


def _on_others(whole: Outcome, tried: list[Outcome], max_drop: float, folds: Sequence[Tensor]) -> tuple[float, float]:
    """Points lost and cost of a video where the rule is chosen on other videos than it is judged on."""
    everything = torch.cat(list(folds))
    lost, cost = 0.0, 0.0
    for fold in folds:
        others = _without(everything, fold)
        chosen = cheapest(of_videos(whole, others), [of_videos(one, others) for one in tried], max_drop)
        judged = of_videos(next(one for one in [whole, *tried] if one.rule == chosen.rule), fold)
        lost += float(whole.correct[fold].double().sum() - judged.correct.double().sum())
        cost += float(judged.cost.sum())
    return 100 * lost / len(everything), cost / len(everything)


def _without(order: Tensor, fold: Tensor) -> Tensor:
    return order[~torch.isin(order, fold)]
