"""Faster: two backbones, the pattern that shares the clips out, the aggregator and its classifier (paper Fig. 1b).

Shapes: B videos, N clips per video, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from faster_video.aggregators import Aggregator, Pointwise, build_aggregator
from faster_video.backbones import Backbone, PooledClassifier, build_backbone
from faster_video.config import ModelConfig
from faster_video.errors import ConfigError
from faster_video.gate import Gate
from faster_video.pattern import Pattern
from faster_video.policy import require_gate_threshold


@dataclass(frozen=True, slots=True)
class State:
    """What `Faster.step` remembers of the clips so far."""

    hidden: Tensor
    """The aggregator's state; its first dimension is B."""
    clips_seen: int


class ClipModel(Protocol):
    """What computes the next clip of a video or stream: `Faster`, or one that several videos share."""

    @property
    def gate_threshold(self) -> float | None:
        """Above which a gate sends a clip to the expensive network; None where none decides."""
        ...

    @property
    def pattern(self) -> Pattern:
        """Which clips are expensive, where no gate decides."""
        ...

    def features(self, clip: Tensor, *, expensive: bool) -> Tensor:
        """As `Faster.features`."""
        ...

    def gate_probability(self, cheap: Tensor, hidden: Tensor) -> Tensor:
        """As `Faster.gate_probability`."""
        ...

    def fold(
        self, features: Tensor, state: State | None = None, *, expensive: bool | None = None
    ) -> tuple[Tensor, State]:
        """As `Faster.fold`."""
        ...


class Faster(nn.Module):
    """Classifies a video from clips of which only some pay for the expensive network.

    `step` folds in one clip, `forward` is the loop over it: what a live stream computes is what a file gets.
    Clips have 3 colours, a multiple of 8 frames, and at least 32 pixels a side.
    """

    def __init__(
        self,
        *,
        expensive: Backbone,
        cheap: Backbone,
        pattern: Pattern,
        aggregator: Aggregator,
        classifier: PooledClassifier,
        projection: nn.Module,
        gate: Gate | None = None,
    ) -> None:
        super().__init__()
        self.expensive = expensive
        self.cheap = cheap
        self.pattern = pattern
        self.aggregator = aggregator
        self.classifier = classifier
        self.projection = projection
        self.gate = gate
        self.gate_threshold: float | None = None
        """Probability above which the gate sends a clip to the expensive network; None goes by the pattern."""

    def with_pattern(self, pattern: Pattern) -> "Faster":
        """A model of the same modules, shared and not copied, that runs another pattern; this one keeps its own."""
        return self._sharing(pattern, self.aggregator)

    def with_aggregator(self, aggregator: Aggregator) -> "Faster":
        """A model of the same modules, shared and not copied, but for the aggregator; this one keeps its own."""
        return self._sharing(self.pattern, aggregator)

    def with_gate(self, threshold: float | None) -> "Faster":
        """A model of the same modules, shared and not copied, whose gate decides; None: the pattern does.

        Raises:
            ConfigError: there is no gate, or `threshold` is not between 0 and 1.
        """
        if threshold is not None:
            require_gate_threshold(threshold)
            if self.gate is None:
                raise ConfigError(
                    f"gate is {threshold}, but this bundle has none; train one with faster-video gate, or leave it out"
                )
        model = self._sharing(self.pattern, self.aggregator)
        model.gate_threshold = threshold
        return model

    def with_backbones(self, expensive: Backbone, cheap: Backbone) -> "Faster":
        """A model of the same modules, shared and not copied, but for the backbones; this one keeps its own."""
        return self._sharing(self.pattern, self.aggregator, expensive, cheap)

    def _sharing(
        self,
        pattern: Pattern,
        aggregator: Aggregator,
        expensive: Backbone | None = None,
        cheap: Backbone | None = None,
    ) -> "Faster":
        model = Faster(
            expensive=self.expensive if expensive is None else expensive,
            cheap=self.cheap if cheap is None else cheap,
            pattern=pattern,
            aggregator=aggregator,
            classifier=self.classifier,
            projection=self.projection,
            gate=self.gate,
        )
        model.gate_threshold = self.gate_threshold
        model.training = self.training  # and not `train()`, which would reach into the shared modules
        return model

    def forward(self, clips: Tensor) -> Tensor:
        """Log-probabilities after every clip: [B, N, C, T, H, W] to [B, N, K]; the last of N is the video's.

        Raises:
            ConfigError: `clips` is not 6-dimensional or has no clip, or its clips are none that `step` takes.
        """
        if clips.ndim != 6 or clips.shape[1] == 0:
            raise ConfigError(
                f"clips has shape {list(clips.shape)}; it must be [videos, clips, colours, frames, height, width] "
                "with at least one clip"
            )
        return self._one_by_one(clips, None)[0]

    def step(self, clip: Tensor, state: State | None = None, *, expensive: bool | None = None) -> tuple[Tensor, State]:
        """Log-probabilities [B, K] once this clip [B, C, T, H, W] is known, and the state for the next.

        `state` is None for the first clip of a video. The pattern, or the gate, decides which network sees the clip if
        `expensive` does not.

        Raises:
            ConfigError: the clip has not 3 colours, not a multiple of 8 frames, or a side below 32 pixels; or a gate
                decides and there are several videos.
        """
        if expensive is None:
            features, expensive = self.look(clip, state)
        else:
            features = self.features(clip, expensive=expensive)
        return self.fold(features, state, expensive=expensive)

    def look(self, clip: Tensor, state: State | None = None) -> tuple[Tensor, bool]:
        """The map of the next clip [B, C, T, H, W] from the network that pattern or gate choose, and whether that is
        the expensive one. Where a gate decides, B is 1 and the first clip is expensive.

        Raises:
            ConfigError: as `step`.
        """
        return look(self, clip, state)

    @property
    def chosen_by(self) -> str:
        """What decides which network sees a clip, as people read it: the pattern, or `gate` and its threshold."""
        return str(self.pattern) if self.gate_threshold is None else f"gate {self.gate_threshold:g}"

    def gate_probability(self, cheap: Tensor, hidden: Tensor) -> Tensor:
        """How much the gate wants the expensive network for a clip, 0 … 1: its cheap map [B, D_cheap, t, h, w] and the
        aggregator's state to [B]."""
        assert self.gate is not None
        decision: Tensor = self.gate(self.aggregator.output(hidden), cheap, self.log_probabilities(hidden))
        return decision.sigmoid()

    def steps(self, clips: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """`step` over clips [B, N, C, T, H, W], those of a network through it together: [B, N, K], and the state then.

        Raises:
            ConfigError: as `step`.
        """
        if self.gate_threshold is not None:
            return self._one_by_one(clips, state)
        seen = 0 if state is None else state.clips_seen
        flags = [self.pattern.is_expensive(seen + number) for number in range(clips.shape[1])]
        maps: dict[int, Tensor] = {}
        for expensive in set(flags):
            numbers = [number for number, flag in enumerate(flags) if flag is expensive]
            chosen = torch.stack([clips[:, number] for number in numbers], dim=1)  # a GPU need not be sent the numbers
            found = self.features(chosen.flatten(0, 1), expensive=expensive)  # [B*n, D, t, h, w]
            of_videos = found.view(len(clips), len(numbers), *found.shape[1:])
            maps |= zip(numbers, of_videos.unbind(dim=1), strict=True)
        evidence = self._evidence_of_all([maps[number] for number in range(len(flags))], flags)
        outputs, hidden = self.aggregator.go_on(evidence, None if state is None else state.hidden)
        return self._answers(outputs), State(hidden, seen + len(flags))

    def _one_by_one(self, clips: Tensor, state: State | None) -> tuple[Tensor, State]:
        """`steps` where what is known of one clip decides about the next."""
        answers = []
        for clip in clips.unbind(dim=1):
            answer, state = self.step(clip, state)
            answers.append(answer)
        assert state is not None  # there is a clip
        return torch.stack(answers, dim=1), state

    def features(self, clip: Tensor, *, expensive: bool) -> Tensor:
        """The feature map of a clip [B, C, T, H, W] from one of the backbones, in the expensive one's size.

        [B, D, t, h, w] or, from the cheap one, [B, D_cheap, t, h, w].

        Raises:
            ConfigError: as `step`.
        """
        network = self.expensive if expensive else self.cheap
        self.expensive.require_clip(clip.shape)
        network.require_clip(clip.shape)
        features: Tensor = network(clip)
        size = self.expensive.feature_size(*clip.shape[2:])
        if features.shape[2:] != size:
            features = functional.adaptive_avg_pool3d(features, size)
        return features

    def fold(
        self, features: Tensor, state: State | None = None, *, expensive: bool | None = None
    ) -> tuple[Tensor, State]:
        """`step` from the feature map of the next clip on: what stage 2 trains and a feature store replays."""
        clips_seen = 0 if state is None else state.clips_seen
        if expensive is None:
            expensive = self.pattern.is_expensive(clips_seen)
        evidence = self._evidence(features, expensive=expensive)
        hidden = self.aggregator.start(evidence) if state is None else self.aggregator.step(evidence, state.hidden)
        return self.log_probabilities(hidden), State(hidden, clips_seen + 1)

    def fold_all(self, features: Sequence[Tensor], flags: Sequence[bool] | None = None) -> Tensor:
        """Log-probabilities after every clip, [B, N, K], from the N feature maps of videos: `fold` over them, quicker.

        Maps are [B, D, t, h, w] or, of cheap clips, [B, D_cheap, t, h, w]; `flags` are the expensive ones, by the
        pattern if they are not given.
        """
        flags = self.pattern.flags(len(features)) if flags is None else flags
        return self._answers(self.aggregator(self._evidence_of_all(features, flags)))

    def _evidence_of_all(self, features: Sequence[Tensor], flags: Sequence[bool]) -> Tensor:
        """`_evidence` of N clips, [B, N, …]."""
        evidence = [self._evidence(clip, expensive=flag) for clip, flag in zip(features, flags, strict=True)]
        # One after the other in memory, each with its channels last, so that all can go through one matrix product.
        return torch.stack([clip.movedim(1, -1) for clip in evidence]).movedim(-1, 2).transpose(0, 1)

    def _evidence(self, features: Tensor, *, expensive: bool) -> Tensor:
        """What the aggregator sees of one clip: x_t [B, D, t, h, w], or class probabilities [B, K]."""
        if self.aggregator.averages_scores:
            classifier = self.expensive.classifier if expensive else self.cheap.classifier
            return classifier(features).softmax(dim=-1)  # type: ignore[no-any-return]
        return features if expensive else self.projection(features)

    def log_probabilities(self, hidden: Tensor) -> Tensor:
        """The any-time prediction [B, K] from the aggregator's state."""
        return self._answer(self.aggregator.output(hidden))

    def _answer(self, output: Tensor) -> Tensor:
        """Log-probabilities [B, K] of the aggregator's output."""
        if self.aggregator.averages_scores:
            return output.clamp_min(torch.finfo(output.dtype).tiny).log()
        return self.classifier(output).log_softmax(dim=-1)  # type: ignore[no-any-return]

    def _answers(self, outputs: Tensor) -> Tensor:
        """`_answer` of the outputs after N clips: [B, N, …] to [B, N, K]."""
        return self._answer(outputs.flatten(0, 1)).unflatten(0, outputs.shape[:2])  # type: ignore[no-untyped-call,no-any-return]


def look(model: ClipModel, clip: Tensor, state: State | None) -> tuple[Tensor, bool]:
    """`Faster.look`, whoever computes the networks."""
    if model.gate_threshold is None or state is None:
        expensive = model.gate_threshold is not None or model.pattern.is_expensive(state.clips_seen if state else 0)
        return model.features(clip, expensive=expensive), expensive
    if len(clip) != 1:
        raise ConfigError(f"clip has {len(clip)} videos; a gate decides for one video at a time")
    cheap = model.features(clip, expensive=False)
    if float(model.gate_probability(cheap, state.hidden)) > model.gate_threshold:
        return model.features(clip, expensive=True), True
    return cheap, False


def build_model(config: ModelConfig, num_classes: int) -> Faster:
    """The model that `config` describes, with fresh weights, for `num_classes` labels."""
    expensive = build_backbone(config.expensive, num_classes)
    cheap = build_backbone(config.cheap, num_classes)
    # Published maps of as many channels do not mean the same; our two networks could learn to.
    differ = config.has_published and config.expensive.name != config.cheap.name
    return Faster(
        expensive=expensive,
        cheap=cheap,
        pattern=Pattern.parse(config.pattern),
        aggregator=build_aggregator(config.aggregator, expensive.channels),
        classifier=PooledClassifier(expensive.channels, num_classes),
        projection=make_projection(cheap.channels, expensive.channels, always=differ),
        gate=Gate(expensive.channels, cheap.channels) if config.gate else None,
    )


def make_projection(channels_in: int, channels_out: int, *, always: bool = False) -> nn.Module:
    """A 1×1×1 convolution from the cheap map's channels to the expensive one's; unless `always`, nothing if they agree.

    docs/protocol.md "Clip backbones", our choice.
    """
    return nn.Identity() if channels_in == channels_out and not always else Pointwise(channels_in, channels_out)
