"""R(2+1)D-50, an expensive clip network: each 3-D convolution split into space, then time (Table 1)."""

from torch import nn

from faster_video.backbones.blocks import EXPANSION, ClipResNet, conv_bn_relu, scaled, stages


def r2plus1d50(num_classes: int, width: float = 1.0) -> ClipResNet:
    """29.979 GMACs for a clip of 8 frames at 224 px, 46.2 M parameters without the classifier."""
    stem = nn.Sequential(
        conv_bn_relu(3, scaled(45, width), (1, 7, 7), (1, 2, 2)),
        conv_bn_relu(scaled(45, width), scaled(64, width), (3, 1, 1)),
    )
    body = stages((3, 4, 6, 3), (1, 2, 2, 2), width, _middle)
    return ClipResNet(stem, body, EXPANSION * scaled(512, width), num_classes)


def factorised_channels(channels: int) -> int:
    """M, the channels between the spatial and the temporal convolution: as many weights as one 3×3×3 has."""
    return 27 * channels * channels // (12 * channels)


def _middle(channels: int, stride: tuple[int, int, int]) -> nn.Sequential:
    temporal, height, width = stride
    between = factorised_channels(channels)
    return nn.Sequential(
        conv_bn_relu(channels, between, (1, 3, 3), (1, height, width)),
        conv_bn_relu(between, channels, (3, 1, 1), (temporal, 1, 1)),
    )
