"""What a stream does with its clips and its past."""

from dataclasses import dataclass

from faster_video.config import require_at_least, require_at_most
from faster_video.errors import ConfigError

USUAL_FPS = 25.0
"""Of a source that does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamConfig:
    """Rules for input that does not end."""

    every_seconds: float | None = None
    """Between the starts of two clips, by the source's frames per second; None starts a clip where the last one ended.

    Less makes clips overlap, more passes over what lies between.
    """
    reset_seconds: float | None = None
    """After so much of the stream the past is forgotten; None never forgets."""
    window_seconds: float | None = None
    """The answer is about the last half to whole of this: two states take turns, each forgotten after so much; None has
    one state."""
    cut_threshold: float | None = None
    """The past is forgotten where two frames differ by more than this share of the brightness range (mean of absolute
    differences of what the networks see); None looks for none."""
    smoothing: float = 0.5
    """Share that the past keeps in the smoothed probabilities, clip by clip; 0 smooths nothing."""

    def __post_init__(self) -> None:
        for name in ("every_seconds", "reset_seconds", "window_seconds"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds < float("inf"):
                raise ConfigError(f"{name} is {seconds}; it must be a number above 0, or left out")
        if self.window_seconds is not None and self.reset_seconds is not None:
            raise ConfigError(
                f"window_seconds is {self.window_seconds} and reset_seconds is {self.reset_seconds}; a sliding window "
                "forgets by itself: choose one"
            )
        if self.cut_threshold is not None:
            require_at_least("cut_threshold", self.cut_threshold, 0)
            require_at_most("cut_threshold", self.cut_threshold, 1)
        require_at_least("smoothing", self.smoothing, 0)
        require_at_most("smoothing", self.smoothing, 0.99)
