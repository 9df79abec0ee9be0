"""Which frames make a clip, and how they become what a network sees; `config.py` has all other settings."""

from dataclasses import dataclass
from math import isfinite

from faster_video.errors import ConfigError
from faster_video.limits import require_at_least, require_at_most

TEMPORAL_STRIDE = 8
"""Frames of a clip per time step of its feature map, in every backbone of Table 1."""
SMALLEST_SIDE, LARGEST_SIDE = 32, 2048
"""Of what the network sees, in pixels: less than one place of the feature map, more than any network was made for."""


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """Which frames make a clip, and which clips make a video."""

    num_clips: int = 16
    """Clips per video, N."""
    frames_per_clip: int = 16
    """Frames per clip, L: a multiple of 8."""
    frame_stride: int = 1
    """Distance between two frames of one clip, in frames of the source video."""

    def __post_init__(self) -> None:
        require_at_least("num_clips", self.num_clips, 1)
        require_at_most("num_clips", self.num_clips, 4096)
        require_at_least("frame_stride", self.frame_stride, 1)
        require_at_most("frame_stride", self.frame_stride, 1024)
        if self.frames_per_clip < 1 or self.frames_per_clip % TEMPORAL_STRIDE:
            raise ConfigError(
                f"frames_per_clip is {self.frames_per_clip}; the backbones shorten time by {TEMPORAL_STRIDE}, "
                f"so it must be a multiple of {TEMPORAL_STRIDE}, such as 8, 16 or 32"
            )
        require_at_most("frames_per_clip", self.frames_per_clip, 1024)

    @property
    def span(self) -> int:
        """Frames of the source video that one clip covers, its first and last included."""
        return (self.frames_per_clip - 1) * self.frame_stride + 1


@dataclass(frozen=True, kw_only=True)
class TransformConfig:
    """How the frames of a clip become the network's input (docs/protocol.md "Training", "Testing")."""

    crop_size: int = 224
    """Side of the square the network sees, in pixels; 32 to 2048."""
    test_short_side: int = 256
    """Length the short side is resized to before the centre crop, in pixels."""
    train_short_side: tuple[int, int] = (256, 320)
    """Smallest and largest random length of the short side in training, in pixels."""
    flip_probability: float = 0.5
    """Chance that a training clip is mirrored left to right; 0 where direction is part of the label."""
    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    """Subtracted from each colour of a pixel in [0, 1]."""
    std: tuple[float, float, float] = (0.225, 0.225, 0.225)
    """Then divided by."""

    def __post_init__(self) -> None:
        require_at_least("crop_size", self.crop_size, SMALLEST_SIDE)
        require_at_most("crop_size", self.crop_size, LARGEST_SIDE)
        require_at_least("test_short_side", self.test_short_side, self.crop_size)
        require_at_most("test_short_side", self.test_short_side, 2 * LARGEST_SIDE)
        shortest, longest = self.train_short_side
        if not self.crop_size <= shortest <= longest:
            raise ConfigError(
                f"train_short_side is {shortest} to {longest}; "
                f"it must rise and start at crop_size ({self.crop_size}) or above"
            )
        require_at_most("train_short_side", longest, 2 * LARGEST_SIDE)
        if not 0 <= self.flip_probability <= 1:
            raise ConfigError(f"flip_probability is {self.flip_probability}; it must lie between 0 and 1")
        if not all(map(isfinite, self.mean)):
            raise ConfigError(f"mean is {list(self.mean)}; each of the three must be a finite number")
        if not all(value > 0 for value in self.std):
            raise ConfigError(f"std is {list(self.std)}; each of the three must be above 0")
        if not all(map(isfinite, self.std)):
            raise ConfigError(f"std is {list(self.std)}; each of the three must be a finite number")
