"""R3D-50, an expensive clip network: full 3×3×3 convolutions (Table 6)."""

from torch import nn

from faster_video.backbones.blocks import EXPANSION, ClipResNet, conv_bn_relu, scaled, stages


def r3d50(num_classes: int, width: float = 1.0) -> ClipResNet:
    """29.460 GMACs for a clip of 8 frames at 224 px, 46.2 M parameters without the classifier."""
    stem = conv_bn_relu(3, scaled(64, width), (3, 7, 7), (1, 2, 2))
    body = stages((3, 4, 6, 3), (1, 2, 2, 2), width, _middle)
    return ClipResNet(stem, body, EXPANSION * scaled(512, width), num_classes)


def _middle(channels: int, stride: tuple[int, int, int]) -> nn.Sequential:
    return conv_bn_relu(channels, channels, (3, 3, 3), stride)
