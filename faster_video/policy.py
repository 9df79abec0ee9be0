"""How much of a video a bundle looks at: when it stops, how sure its probabilities are, and named settings of all that.

A bundle's `config.json` holds these (`BundleConfig.calibration`, `BundleConfig.presets`).
"""

from dataclasses import dataclass

from faster_video.config import require_at_least, require_at_most
from faster_video.errors import ConfigError
from faster_video.pattern import Pattern

MOST_HELD = 64
"""Clips that a label may have to hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRule:
    """A video is done once one label has been this probable for so many clips in a row."""

    confidence: float
    """Of the most probable label, by the bundle's calibrated probabilities; above 0 and at most 1."""
    clips: int = 1
    """In a row, all with the same label."""

    def __post_init__(self) -> None:
        if not 0 < self.confidence <= 1:
            raise ConfigError(
                f"stop's confidence is {self.confidence}; it must be a probability above 0 and at most 1, such as 0.9"
            )
        require_at_least("stop's clips", self.clips, 1)
        require_at_most("stop's clips", self.clips, MOST_HELD)

    @classmethod
    def parse(cls, text: str) -> "StopRule":
        """Read `CONFIDENCE` or `CONFIDENCE:CLIPS`, such as 0.9 or 0.9:2.

        Raises:
            ConfigError: it is neither, or a number is out of range.
        """
        confidence, _, clips = text.partition(":")
        try:
            numbers = float(confidence), int(clips or 1)
        except ValueError as error:
            raise ConfigError(
                f"stop is {text!r}; write the probability from which on a label is sure, such as 0.9, or with the "
                "number of clips that it must hold, such as 0.9:2"
            ) from error
        return cls(confidence=numbers[0], clips=numbers[1])

    def __str__(self) -> str:
        return f"{self.confidence:g}:{self.clips}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What was learned of a bundle on labelled videos that it was not trained on (`faster-video calibrate`)."""

    temperature: float = 1.0
    """By which log-probabilities are divided: above 1 for a bundle that is too sure of itself."""
    stop: StopRule | None = None
    """The cheapest that keeps the accuracy; None where none does."""
    max_drop: float = 0.0
    """Points of accuracy that `stop` was allowed to cost."""
    videos: int = 0
    """That it was learned on."""

    def __post_init__(self) -> None:
        require_at_least("temperature", self.temperature, 0.01)
        require_at_most("temperature", self.temperature, 100)
        require_at_least("max_drop", self.max_drop, 0)
        require_at_most("max_drop", self.max_drop, 100)
        require_at_least("videos", self.videos, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A named way to run a bundle, and what it gave on the videos that it was chosen on (`faster-video plan`)."""

    pattern: str
    num_clips: int
    """Spread evenly over the video."""
    gate_threshold: float | None = None
    """Above which the bundle's gate sends a clip to the expensive network, whatever the pattern; None leaves it out."""
    stop: StopRule | None = None
    temperature: float = 1.0
    """Of the probabilities by which `stop` was chosen."""
    top1: float = 0.0
    """Share of the videos that is expected to be right: it was chosen on others. 0 if nobody has looked."""
    gmacs: float = 0.0
    """Of a video, in the mean."""
    videos: int = 0
    """That it was chosen on."""
    budget: str = ""
    """As it was asked for."""

    def __post_init__(self) -> None:
        Pattern.parse(self.pattern)
        require_at_least("num_clips", self.num_clips, 1)
        require_at_most("num_clips", self.num_clips, 4096)
        require_at_least("top1", self.top1, 0)
        require_at_most("top1", self.top1, 1)
        require_at_least("gmacs", self.gmacs, 0)
        require_at_most("gmacs", self.gmacs, 1e9)
        require_at_least("videos", self.videos, 0)
        if self.gate_threshold is not None:
            require_gate_threshold(self.gate_threshold)


def require_gate_threshold(threshold: float) -> None:
    """Refuse what is no probability. Raises `ConfigError`."""
    if not 0 <= threshold <= 1:
        raise ConfigError(
            f"gate is {threshold}; it must be a probability between 0 and 1: clips above it are seen by the expensive "
            "network"
        )
