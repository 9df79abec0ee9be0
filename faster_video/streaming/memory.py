"""What a stream remembers of its clips, and when it forgets: one state, or two that take turns.

Shapes: B = 1 stream, D channels, t h w feature map, K classes.
"""

from dataclasses import dataclass, replace

from torch import Tensor

from faster_video.model import ClipModel, State


@dataclass(frozen=True, slots=True)
class Remembered:
    """An aggregator's state, and since when."""

    state: State | None
    """None before the first clip."""
    since_seconds: float
    """When the first clip of it begins."""


class StreamMemory:
    """Folds feature maps into one state or, with a window, into two, of which the older one answers."""

    def __init__(self, *, reset_seconds: float | None, window_seconds: float | None) -> None:
        self._reset_seconds, self._window_seconds = reset_seconds, window_seconds
        self.held: list[Remembered] = []
        """The older one first; none before the first clip."""
        self.resets = 0

    def begin_clip(self, start_seconds: float) -> None:
        """Forget what is too old for a clip that begins then."""
        longest = self._reset_seconds or self._window_seconds
        while longest is not None and self.held and start_seconds - self.held[0].since_seconds >= longest:
            del self.held[0]
            self.resets += 1
        if not self.held:
            self.held = [Remembered(None, start_seconds)]
        half = None if self._window_seconds is None else self._window_seconds / 2
        if half is not None and len(self.held) == 1 and start_seconds - self.held[0].since_seconds >= half:
            self.held.append(Remembered(None, start_seconds))

    def look(self, model: ClipModel, clip: Tensor) -> tuple[Tensor, bool]:
        """The map of the next clip [B, C, T, H, W], and whether it is of the expensive network: where the pattern or
        the gate wants that for any state, or a gate has none to look at yet."""
        if model.gate_threshold is None:
            expensive = any(model.pattern.is_expensive(_clips_seen(one)) for one in self.held)
            return model.features(clip, expensive=expensive), expensive
        states = [one.state for one in self.held if one.state is not None]
        if len(states) == len(self.held):
            cheap = model.features(clip, expensive=False)
            if not any(float(model.gate_probability(cheap, one.hidden)) > model.gate_threshold for one in states):
                return cheap, False
        return model.features(clip, expensive=True), True

    def first_clips(self) -> list[bool]:
        """Of each state whether the next clip is its first."""
        return [one.state is None for one in self.held]

    def fold(self, model: ClipModel, features: Tensor, *, expensive: bool) -> Tensor:
        """Fold in a map [B, D, t, h, w]; log-probabilities [B, K] by the older state."""
        folded = [model.fold(features, one.state, expensive=expensive) for one in self.held]
        self.held = [replace(one, state=state) for one, (_, state) in zip(self.held, folded, strict=True)]
        return folded[0][0]

    def forget(self) -> None:
        """Begin anew, as at a cut."""
        if self.held:
            self.held = []
            self.resets += 1


def _clips_seen(remembered: Remembered) -> int:
    return 0 if remembered.state is None else remembered.state.clips_seen
