"""Clip → feature map: the networks of Table 1 and the table that names them."""

from collections.abc import Callable

from faster_video.backbones.backbone import Backbone
from faster_video.backbones.blocks import ClipResNet, PooledClassifier
from faster_video.backbones.r2d import r2d26
from faster_video.backbones.r2plus1d import r2plus1d50
from faster_video.backbones.r3d import r3d50
from faster_video.config import BackboneConfig

BACKBONES: dict[str, Callable[[int, float], ClipResNet]] = {
    "r2d26": r2d26,
    "r2plus1d50": r2plus1d50,
    "r3d50": r3d50,
}

__all__ = ["BACKBONES", "Backbone", "ClipResNet", "PooledClassifier", "build_backbone", "r2d26", "r2plus1d50", "r3d50"]


def build_backbone(config: BackboneConfig, num_classes: int) -> ClipResNet:
    """The backbone that `config` names, with fresh weights and a classifier for `num_classes` labels."""
    return BACKBONES[config.name](num_classes, config.width)
