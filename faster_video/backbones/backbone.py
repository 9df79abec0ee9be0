"""What every clip network can do, ours or somebody else's.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

from collections.abc import Iterator
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from faster_video.backbones.blocks import PooledClassifier


class Backbone(Protocol):
    """An `nn.Module` that maps a clip to a feature map."""

    channels: int
    """D of its feature map."""
    classifier: PooledClassifier
    """Its own answer, [B, D, t, h, w] to [B, K]: of stage 1, and of averaged scores."""

    def feature_size(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Size (t, h, w) of the feature map of a clip of this size; asked of the expensive one only."""
        ...

    def require_clip(self, shape: torch.Size) -> None:
        """Raise `ConfigError` for a clip of a shape that the network cannot take."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """The learned weights, as in `nn.Module`."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Every weight and statistic by name, as in `nn.Module`."""
        ...

    def eval(self) -> Self:
        """Fix the statistics of BN, as in `nn.Module`."""
        ...

    def __call__(self, clip: Tensor) -> Tensor:
        """The feature map of a clip: [B, C, T, H, W] to [B, D, t, h, w]."""
        ...
