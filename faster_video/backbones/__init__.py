"""Clip → feature map: the networks of Table 1 and the table that names them; or maps that are given."""

from collections.abc import Callable

from faster_video.backbones.backbone import Backbone
from faster_video.backbones.blocks import ClipResNet, PooledClassifier
from faster_video.backbones.given import GivenFeatures
from faster_video.backbones.published import PublishedBackbone, published_backbone
from faster_video.backbones.r2d import r2d26
from faster_video.backbones.r2plus1d import r2plus1d50
from faster_video.backbones.r3d import r3d50
from faster_video.config import FEATURES, BackboneConfig

BACKBONES: dict[str, Callable[[int, float], ClipResNet]] = {
    "r2d26": r2d26,
    "r2plus1d50": r2plus1d50,
    "r3d50": r3d50,
}

__all__ = [
    "BACKBONES",
    "Backbone",
    "ClipResNet",
    "GivenFeatures",
    "PooledClassifier",
    "PublishedBackbone",
    "build_backbone",
    "input_shape",
    "r2d26",
    "r2plus1d50",
    "r3d50",
]


def build_backbone(config: BackboneConfig, num_classes: int) -> ClipResNet | GivenFeatures | PublishedBackbone:
    """The backbone that `config` names, with fresh weights and a classifier for `num_classes` labels.

    Raises:
        ConfigError: the function that makes it cannot be called, or it answers with another number of labels.
    """
    if config.name == FEATURES:
        return GivenFeatures(config.channels, config.map_size, num_classes)
    if config.is_published:
        return published_backbone(config, num_classes)
    return BACKBONES[config.name](num_classes, config.width)


def input_shape(config: BackboneConfig, frames: int, side: int) -> tuple[int, int, int, int]:
    """What this backbone takes of one clip: [C, T, S, S], or a map [D, t, h, w] that is given."""
    return (config.channels, *config.map_size) if config.name == FEATURES else (3, frames, side, side)
