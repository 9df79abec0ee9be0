"""No network at all: feature maps that somebody else's model made pass through as they are (docs/features.md).

Shapes: B clips, D channels, t h w feature map, K classes.
"""

import torch
from torch import Tensor, nn

from faster_video.backbones.blocks import PooledClassifier
from faster_video.errors import ConfigError


class GivenFeatures(nn.Module):
    """The backbone called `features`: a clip is its map already, and only the aggregator learns."""

    def __init__(self, channels: int, map_size: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.channels = channels
        self.map_size = map_size
        self.classifier = PooledClassifier(channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """The map itself: [B, D, t, h, w]."""
        return features

    def feature_size(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """The size (t, h, w) of a map is that of the map."""
        return frames, height, width

    def require_clip(self, shape: torch.Size) -> None:
        """Refuse anything but maps [B, D, t, h, w] of this size.

        Raises:
            ConfigError: the shape is another.
        """
        wanted = (self.channels, *self.map_size)
        if len(shape) != 5 or tuple(shape[1:]) != wanted:
            raise ConfigError(
                f"a feature map has shape {list(shape)}; it must be [videos, {', '.join(map(str, wanted))}], because "
                "this model's backbone is 'features'"
            )
