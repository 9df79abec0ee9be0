"""What the options of a command are where they are not given."""

from dataclasses import dataclass

from faster_video.config import Recipe
from faster_video.datasets.motion_config import MotionConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """Of every command."""

    recipe: Recipe
    """Of those that train."""
    motion: MotionConfig
    """Of `make-motion`."""
