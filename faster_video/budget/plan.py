"""The best way to run a bundle for a budget: patterns, numbers of clips, stop rules and the gate, tried on stored maps.

Shapes: V videos, N clips per video.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from faster_video.budget.exits import Outcome, of_videos, outcome, rules
from faster_video.budget.prices import Prices, gmacs_prices
from faster_video.budget.replay import Replay, replay
from faster_video.bundle import Bundle
from faster_video.config import require_at_least, require_at_most
from faster_video.errors import ConfigError, DataError
from faster_video.evaluation import with_untrained_aggregator
from faster_video.features.stored import Features
from faster_video.policy import Preset, StopRule

PATTERNS = ("1:0", "1:1", "1:3", "1:7", "1:15", "first", "0:1")
GATE_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
GMACS = "GMACs"
UNITS = {"gmacs": GMACS, "gmac": GMACS, "s": "s", "seconds": "s"}
_WRITTEN = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z]+)\s*")
FEWEST_VIDEOS = 20


@dataclass(frozen=True, slots=True)
class Budget:
    """What a video may cost in the mean."""

    amount: float
    unit: str
    """`GMACs`, or `s`: seconds of the networks on this machine."""

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Read `40 GMACs` or `0.5 s`.

        Raises:
            ConfigError: it is neither, or not above 0.
        """
        written = _WRITTEN.fullmatch(text)
        if written is None or written[2].lower() not in UNITS or float(written[1]) <= 0:
            raise ConfigError(
                f"budget is {text!r}; write what a video may cost, as '40 GMACs' or '0.5 s' (a number above 0)"
            )
        return cls(float(written[1]), UNITS[written[2].lower()])

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One way to run a bundle."""

    pattern: str
    num_clips: int
    gate_threshold: float | None = None
    stop: StopRule | None = None

    def __str__(self) -> str:
        network = f"pattern {self.pattern}" if self.gate_threshold is None else f"gate {self.gate_threshold:g}"
        stop = "" if self.stop is None else f", stop at {self.stop}"
        return f"{network}, {self.num_clips} clips{stop}"


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """A setting and what it gave."""

    setting: Setting
    outcome: Outcome
    """Its cost is in the budget's unit."""
    gmacs: float
    """Of a video, in the mean."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Plan:
    """All that was tried, and the best of it within the budget."""

    budget: Budget
    tried: list[Tried]
    chosen: Tried
    temperature: float
    """By which rules were tried."""
    expected_top1: float
    """Of the best on videos that it was not chosen on: chosen on one half of them and judged on the other, in turns."""
    expected_cost: float
    """On those, in the budget's unit; it may pass the budget by a little."""
    all_expensive: Tried
    """Every clip expensive, all of the bundle's clips."""
    average: Tried | None
    """The same with the network's own scores averaged; None where nothing was learned by those."""

    @property
    def front(self) -> list[Tried]:
        """Those that nothing beats in both accuracy and cost, the cheapest first."""
        return front(self.tried)

    def preset(self) -> Preset:
        """The best one, for a bundle's `presets`."""
        chosen, setting = self.chosen, self.chosen.setting
        return Preset(
            pattern=setting.pattern,
            num_clips=setting.num_clips,
            gate_threshold=setting.gate_threshold,
            stop=setting.stop,
            temperature=self.temperature,
            top1=self.expected_top1,
            gmacs=chosen.gmacs,
            videos=len(chosen.outcome.correct),
            budget=str(self.budget),
        )


def plan(
    bundle: Bundle,
    features: Features,
    budget: Budget,
    *,
    prices: tuple[Prices, Prices],
    patterns: Sequence[str] = PATTERNS,
    clip_counts: Sequence[int] | None = None,
    show: Callable[[str], None] = lambda _what: None,
) -> Plan:
    """Try settings on the test views of features of both networks, and choose the most accurate within the budget.

    `prices` are in the budget's unit: of clips one by one, and of a whole video's. `clip_counts` default to the
    bundle's number of clips, its half, and so on. The bundle's temperature is used for rules that stop early; a gate
    is tried if it has one. `show` is told what comes.

    Raises:
        ConfigError: a pattern is none, a number of clips is more than the bundle's or less than 1, nothing fits the
            budget, or the features are not those of the bundle's networks or lack maps.
        DataError: there are fewer than 20 videos, or a label is none of the bundle's.
        StoreError: a file is damaged.
    """
    whole = bundle.config.clips.num_clips
    counts = _halves(whole) if clip_counts is None else require_clip_counts(clip_counts, whole)
    gmacs = gmacs_prices(bundle)
    everything = Setting(pattern="1:0", num_clips=whole)
    show(str(everything))
    usual = replay(bundle.with_pattern("1:0"), features)
    if len(usual.labels) < FEWEST_VIDEOS:
        raise DataError(f"there are {len(usual.labels)} videos to plan with; give at least {FEWEST_VIDEOS}")
    tried: list[Tried] = []
    for setting, videos in _replays(bundle, features, patterns, counts, show):
        tried += _with_rules(setting, videos, bundle.config.calibration.temperature, prices, gmacs)
    chosen = best(tried, budget)
    top1, cost_of_video = _on_others(tried, budget)
    return Plan(
        budget=budget,
        tried=tried,
        chosen=chosen,
        temperature=bundle.config.calibration.temperature,
        expected_top1=top1,
        expected_cost=cost_of_video,
        all_expensive=_tried(everything, usual, 1.0, prices[1], gmacs),
        average=_averaged(bundle, features, None if budget.unit == GMACS else prices[1]),
    )


def require_clip_counts(counts: Sequence[int], most: int) -> list[int]:
    """Each once. Raises `ConfigError` where one is less than 1 or more than the bundle's."""
    for count in counts:
        require_at_least("clips", count, 1)
        require_at_most("clips", count, most)
    return list(dict.fromkeys(counts))


def _with_rules(
    setting: Setting, videos: Replay, temperature: float, prices: tuple[Prices, Prices], gmacs: Prices
) -> Iterator[Tried]:
    """A setting without a rule and with each that can stop it."""
    alone, together = prices
    yield _tried(setting, videos, temperature, together, gmacs)
    for rule in rules():
        if rule.clips < setting.num_clips:
            yield _tried(replace(setting, stop=rule), videos, temperature, alone, gmacs)


def _tried(setting: Setting, videos: Replay, temperature: float, prices: Prices, gmacs: Prices) -> Tried:
    found = outcome(videos, temperature, setting.stop, prices.after_each_clip(videos))
    every = torch.arange(len(found.clips))
    return Tried(setting, found, float(gmacs.after_each_clip(videos)[every, found.clips - 1].mean()))


def _averaged(bundle: Bundle, features: Features, prices: Prices | None) -> Tried | None:
    """Every clip expensive and the network's own scores averaged, the usual way; None where nothing was learned by
    them. Seconds are a little too many: they are those of clips that are folded."""
    try:
        average = with_untrained_aggregator(bundle, "average").with_pattern("1:0")
    except ConfigError:
        return None
    setting = Setting(pattern="1:0", num_clips=bundle.config.clips.num_clips)
    gmacs = gmacs_prices(average)
    return _tried(setting, replay(average, features), 1.0, prices or gmacs, gmacs)


def _replays(
    bundle: Bundle, features: Features, patterns: Sequence[str], counts: Sequence[int], show: Callable[[str], None]
) -> Iterator[tuple[Setting, Replay]]:
    for num_clips in counts:
        sized = bundle.with_num_clips(num_clips)
        seen: set[tuple[bool, ...]] = set()
        for pattern in patterns:
            chosen = sized.with_pattern(pattern)
            flags = tuple(chosen.model.pattern.flags(num_clips))
            if flags in seen:  # of few clips, patterns are alike
                continue
            seen.add(flags)
            setting = Setting(pattern=pattern, num_clips=num_clips)
            show(str(setting))
            yield setting, replay(chosen, features)
        if bundle.model.gate is None or num_clips == 1:
            continue
        for threshold in GATE_THRESHOLDS:
            setting = Setting(pattern="first", num_clips=num_clips, gate_threshold=threshold)
            show(str(setting))
            yield setting, replay(sized.with_gate(threshold), features)


def _halves(num_clips: int) -> list[int]:
    """All clips, half of them, and so on to one."""
    found = [num_clips]
    while found[-1] > 1:
        found.append(found[-1] // 2)
    return found


def front(tried: Iterable[Tried]) -> list[Tried]:
    """Those that nothing beats in both accuracy and cost, the cheapest first."""
    kept: list[Tried] = []
    for one in sorted(tried, key=lambda one: (one.outcome.mean_cost, -one.outcome.top1)):
        if not kept or one.outcome.top1 > kept[-1].outcome.top1:
            kept.append(one)
    return kept


def best(tried: Iterable[Tried], budget: Budget) -> Tried:
    """The most accurate within the budget, and of equals the cheapest.

    Raises:
        ConfigError: none is; the message says what the cheapest costs.
    """
    tried = list(tried)
    within = [one for one in tried if one.outcome.mean_cost <= budget.amount]
    if not within:
        least = min(tried, key=lambda one: one.outcome.mean_cost)
        raise ConfigError(
            f"budget is {budget}, but the cheapest setting ({least.setting}) takes "
            f"{least.outcome.mean_cost:.3g} {budget.unit} a video; give at least that"
        )
    return max(within, key=lambda one: (one.outcome.top1, -one.outcome.mean_cost))


def _on_others(tried: list[Tried], budget: Budget) -> tuple[float, float]:
    """Top-1 and cost where the setting is chosen on other videos than it is judged on."""
    num_videos = len(tried[0].outcome.correct)
    halves = torch.randperm(num_videos, generator=torch.Generator().manual_seed(0)).chunk(2)
    right, cost = 0.0, 0.0
    for judged_on, chosen_on in (halves, halves[::-1]):
        parts = [replace(one, outcome=of_videos(one.outcome, chosen_on)) for one in tried]
        try:
            winner = best(parts, budget)
        except ConfigError:  # by a hair, on this half
            winner = min(parts, key=lambda one: one.outcome.mean_cost)
        judged = of_videos(next(one for one in tried if one.setting == winner.setting).outcome, judged_on)
        right += float(judged.correct.double().sum())
        cost += float(judged.cost.sum())
    return right / num_videos, cost / num_videos
