"""Multiply-adds of a part, a clip and a video, counted on tensors without memory (docs/protocol.md "Cost of a video").

GMACs are multiply-adds / 1e9 of convolutions and linear layers: what the paper prints as GFLOPs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate

import torch
from rich.box import SIMPLE
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from faster_video.aggregators import Aggregator
from faster_video.backbones import Backbone, input_shape
from faster_video.config import (
    LARGEST_SIDE,
    SMALLEST_SIDE,
    BackboneConfig,
    ClipConfig,
    ModelConfig,
    require_at_least,
    require_at_most,
)
from faster_video.counts import kept_counts
from faster_video.gate import Gate
from faster_video.model import Faster, build_model
from faster_video.pattern import Pattern


def count_gmacs(run: Callable[..., object], *inputs: object) -> float:
    """GMACs of the call `run(*inputs)`; with modules and tensors on the meta device nothing is computed."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run(*inputs)
    flops: int = counter.get_total_flops()
    return flops / 2e9  # it counts a multiply-add as two


def count_parameters(module: nn.Module | Aggregator | Backbone) -> int:
    """Learned weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


class RunsOn(StrEnum):
    """The clips of a video that a part runs on."""

    EXPENSIVE = "expensive clips"
    CHEAP = "cheap clips"
    LATER = "clips after the first"
    EVERY = "every clip"

    def includes(self, clip: int, pattern: Pattern) -> bool:
        """Whether clip number `clip`, from 0, is one of them."""
        match self:
            case RunsOn.EXPENSIVE:
                return pattern.is_expensive(clip)
            case RunsOn.CHEAP:
                return not pattern.is_expensive(clip)
            case RunsOn.LATER:
                return clip > 0
            case RunsOn.EVERY:
                return True


@dataclass(frozen=True, slots=True)
class PartCost:
    """One part of the model."""

    name: str
    runs_on: RunsOn
    gmacs: float
    """Each time it runs."""
    parameters: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoCost:
    """What a video costs, part by part and clip by clip; all that `Faster.forward` executes is in it."""

    parts: tuple[PartCost, ...]
    pattern: Pattern
    num_clips: int
    all_expensive_gmacs: float
    """The usual way instead: the expensive backbone and its classifier on every clip, scores averaged."""

    def clip_gmacs(self, clip: int) -> float:
        """Cost of clip number `clip`, from 0, and the prediction after it; a stream may pass `num_clips`."""
        return sum(part.gmacs for part in self.parts if part.runs_on.includes(clip, self.pattern))

    def step_gmacs(self, *, expensive: bool, first: bool) -> float:
        """Cost of a clip that this network sees, the first since the past was forgotten or a later one."""
        runs = {RunsOn.EVERY, RunsOn.EXPENSIVE if expensive else RunsOn.CHEAP} | (set() if first else {RunsOn.LATER})
        return sum(part.gmacs for part in self.parts if part.runs_on in runs)

    def gated_gmacs(self, *, expensive: bool, first: bool, gate_gmacs: float) -> float:
        """As `step_gmacs` where a gate decides (`Faster.look`): it, the answer that it looks at and the cheap network
        come before every clip but the first, whoever sees it then."""
        cost = self.step_gmacs(expensive=expensive, first=first)
        if first:
            return cost
        answer = next(part.gmacs for part in self.parts if part.name == "classifier")
        return cost + gate_gmacs + answer + (self.backbone_gmacs(expensive=False) if expensive else 0.0)

    def backbone_gmacs(self, *, expensive: bool) -> float:
        """Cost of one of the networks alone, which runs first on its clips."""
        runs_on = RunsOn.EXPENSIVE if expensive else RunsOn.CHEAP
        return next(part.gmacs for part in self.parts if part.runs_on is runs_on)

    def runs(self, part: PartCost) -> int:
        """How often a part runs in a video."""
        return sum(part.runs_on.includes(clip, self.pattern) for clip in range(self.num_clips))

    @property
    def gmacs_after_each_clip(self) -> tuple[float, ...]:
        """GMACs spent when the prediction after clip 0, 1, … is there."""
        return tuple(accumulate(self.clip_gmacs(clip) for clip in range(self.num_clips)))

    @property
    def gmacs(self) -> float:
        """Of the whole video."""
        return self.gmacs_after_each_clip[-1]

    @property
    def ratio(self) -> float:
        """Share of `all_expensive_gmacs` that the video costs: 0.24 is about a quarter."""
        return self.gmacs / self.all_expensive_gmacs

    @property
    def parameters(self) -> int:
        """Weights of all parts together."""
        return sum(part.parameters for part in self.parts)

    def as_dict(self) -> dict[str, object]:
        """All of the above in types that JSON has."""
        return {
            "pattern": str(self.pattern),
            "num_clips": self.num_clips,
            "gmacs": self.gmacs,
            "all_expensive_gmacs": self.all_expensive_gmacs,
            "ratio": self.ratio,
            "parameters": self.parameters,
            "gmacs_after_each_clip": list(self.gmacs_after_each_clip),
            "parts": [
                {
                    "name": part.name,
                    "runs_on": part.runs_on.value,
                    "runs": self.runs(part),
                    "gmacs": part.gmacs,
                    "parameters": part.parameters,
                }
                for part in self.parts
            ],
        }


def video_cost(model: ModelConfig, clips: ClipConfig, crop_size: int, num_classes: int) -> VideoCost:
    """Cost of a video of `clips.num_clips` clips at `crop_size` pixels; each setting is counted once only.

    Raises:
        ConfigError: `crop_size` is not between 32 and 2048, or `num_classes` not between 1 and a million.
    """
    require_at_least("crop_size", crop_size, SMALLEST_SIDE)
    require_at_most("crop_size", crop_size, LARGEST_SIDE)
    require_at_least("num_classes", num_classes, 1)
    require_at_most("num_classes", num_classes, MOST_LABELS)
    counted = _counted(model.expensive, model.cheap, model.aggregator, clips.frames_per_clip, crop_size, num_classes)
    return VideoCost(
        parts=counted.parts,
        pattern=Pattern.parse(model.pattern),
        num_clips=clips.num_clips,
        all_expensive_gmacs=clips.num_clips * counted.expensive_alone,
    )


MOST_LABELS = 1_000_000
"""Of a classifier whose weights still fit into memory."""


@dataclass(frozen=True, slots=True)
class _Counted:
    parts: tuple[PartCost, ...]
    expensive_alone: float
    """GMACs of the expensive backbone with its own classifier on one clip."""


@lru_cache(maxsize=64)
def _counted(
    expensive: BackboneConfig,
    cheap: BackboneConfig,
    aggregator: str,
    frames: int,
    crop_size: int,
    num_classes: int,
) -> _Counted:
    config = ModelConfig(expensive=expensive, cheap=cheap, aggregator=aggregator)

    def count() -> _Counted:
        with torch.device("meta"):
            model = build_model(config, num_classes).eval()
            parts = count_parts(model, torch.empty(1, *input_shape(expensive, frames, crop_size)))
            features = torch.empty(1, model.expensive.channels, 1, 1, 1)
            return _Counted(parts, parts[0].gmacs + count_gmacs(model.expensive.classifier, features))

    if expensive.is_imported or cheap.is_imported:
        return count()  # whose code may change, unseen
    return kept_counts((config, frames, crop_size, num_classes), _Counted, count)


def clip_gmacs(cost: VideoCost, model: Faster, *, expensive: bool, first: bool) -> float:
    """What a clip costs that this network sees, chosen by the model's pattern or by its gate, if that is in use;
    `first`: there is no past."""
    if model.gate_threshold is None or model.gate is None:
        return cost.step_gmacs(expensive=expensive, first=first)
    return cost.gated_gmacs(expensive=expensive, first=first, gate_gmacs=count_gate(model.gate))


def count_gate(gate: Gate) -> float:
    """GMACs of one decision."""
    return _count_gate(gate.past.in_features, gate.clip.in_features)


@lru_cache(maxsize=64)
def _count_gate(channels: int, cheap_channels: int) -> float:
    with torch.device("meta"):
        past, cheap = (torch.empty(1, width, 1, 1, 1) for width in (channels, cheap_channels))
        return count_gmacs(Gate(channels, cheap_channels), past, cheap, torch.empty(1, 2))


@torch.no_grad()
def count_parts(model: Faster, clip: Tensor) -> tuple[PartCost, ...]:
    """What `model` runs for a clip [1, C, T, H, W], part by part; model and clip on the meta device.

    A backbone's own classifier is a part only where scores are averaged: elsewhere it never runs.
    """
    expensive_map = model.features(clip, expensive=True)  # [1, D, t, h, w]
    cheap_map = model.features(clip, expensive=False)  # [1, D_cheap, t, h, w]
    backbones = (
        _backbone_cost("expensive backbone", RunsOn.EXPENSIVE, model.expensive, clip),
        _backbone_cost("cheap backbone", RunsOn.CHEAP, model.cheap, clip),
    )
    if model.aggregator.averages_scores:
        return (
            *backbones,
            _module_cost("expensive classifier", RunsOn.EXPENSIVE, model.expensive.classifier, expensive_map),
            _module_cost("cheap classifier", RunsOn.CHEAP, model.cheap.classifier, cheap_map),
        )
    hidden = model.aggregator.start(expensive_map)
    step_gmacs = count_gmacs(model.aggregator.step, expensive_map, hidden)
    projection = _module_cost("projection", RunsOn.CHEAP, model.projection, cheap_map)
    return (
        *backbones,
        *([projection] if projection.parameters else []),
        PartCost("aggregator step", RunsOn.LATER, step_gmacs, count_parameters(model.aggregator)),
        _module_cost("classifier", RunsOn.EVERY, model.classifier, model.aggregator.output(hidden)),
    )


def _module_cost(name: str, runs_on: RunsOn, module: nn.Module, *inputs: object) -> PartCost:
    return PartCost(name, runs_on, count_gmacs(module, *inputs), count_parameters(module))


def _backbone_cost(name: str, runs_on: RunsOn, backbone: Backbone, clip: Tensor) -> PartCost:
    parameters = count_parameters(backbone) - count_parameters(backbone.classifier)
    return PartCost(name, runs_on, count_gmacs(backbone, clip), parameters)


def cost_table(cost: VideoCost) -> Table:
    """The cost of a video, one line per part, for the terminal."""
    table = Table(
        title=f"One video of {cost.num_clips} clips, pattern {cost.pattern}",
        caption=f"{cost.ratio:.1%} of the {_digits(cost.all_expensive_gmacs)} GMACs of all clips expensive",
        box=SIMPLE,
        pad_edge=False,
        show_footer=True,
    )
    table.add_column("part", "video", no_wrap=True)
    table.add_column("runs on", no_wrap=True)
    table.add_column("runs", justify="right")
    table.add_column("GMACs each", justify="right")
    table.add_column("GMACs", _digits(cost.gmacs), justify="right")
    table.add_column("weights", _millions(cost.parameters), justify="right")
    for part in cost.parts:
        runs = cost.runs(part)
        each, together = _digits(part.gmacs), _digits(runs * part.gmacs)
        table.add_row(part.name, part.runs_on, str(runs), each, together, _millions(part.parameters))
    return table


def _millions(count: int) -> str:
    return f"{count / 1e6:,.2f} M"


def _digits(gmacs: float) -> str:
    """One decimal like the paper, two or three digits where that would show next to nothing."""
    if gmacs >= 100 or gmacs == 0:
        return f"{gmacs:,.1f}"
    return f"{gmacs:.3g}" if gmacs >= 0.001 else f"{gmacs:.2g}"
