"""R2D-26, the cheap clip network: one 8-frame convolution, then an image network (Table 1)."""

from torch import nn

from faster_video.backbones.blocks import BN_EPS, EXPANSION, ClipResNet, conv_bn_relu, scaled, stages


def r2d26(num_classes: int, width: float = 1.0) -> ClipResNet:
    """3.166 GMACs for a clip of 8 frames at 224 px, 14.0 M parameters without the classifier."""
    stem = nn.Sequential(
        # No temporal padding: each output sees 8 whole frames of its own.
        nn.Conv3d(3, scaled(64, width), (8, 7, 7), (8, 2, 2), (0, 3, 3), bias=False),
        nn.BatchNorm3d(scaled(64, width), eps=BN_EPS),
        nn.ReLU(inplace=True),
    )
    body = stages((2, 2, 2, 2), (1, 1, 1, 1), width, _middle)
    return ClipResNet(stem, body, EXPANSION * scaled(512, width), num_classes)


def _middle(channels: int, stride: tuple[int, int, int]) -> nn.Sequential:
    return conv_bn_relu(channels, channels, (1, 3, 3), stride)
