"""S3D in torchvision's layout: an Inception network whose convolutions are split into space, then time.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.

The layers have the names of the weights that torchvision publishes, so that these load as they come.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d

from faster_video.backbones.published.spec import KINETICS_400, InputRules, Published, WeightsFile
from faster_video.backbones.published.video_resnets import KINETICS_MEAN, KINETICS_STD

CHANNELS = 1024
WINDOW = (2, 7, 7)
"""Places in t, h and w that are averaged before the scores are."""


def s3d(num_classes: int) -> nn.Module:
    """17.98 GMACs for a clip of 16 frames at 224 px, and 8.3 M parameters."""
    return S3D(num_classes)


class S3D(nn.Module):
    """The layers in the order of the data; map sizes are those of a clip of 64 frames at 224 px."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.channels = CHANNELS
        self.features = nn.Sequential(
            split(3, 64, kernel=7, stride=2),  # [B, 64, 32, 112, 112]
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            point(64, 64),
            split(64, 192),  # [B, 192, 32, 56, 56]
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            Inception(192, 64, (96, 128), (16, 32), 32),
            Inception(256, 128, (128, 192), (32, 96), 64),  # [B, 480, 32, 28, 28]
            nn.MaxPool3d(3, 2, 1),
            Inception(480, 192, (96, 208), (16, 48), 64),
            Inception(512, 160, (112, 224), (24, 64), 64),
            Inception(512, 128, (128, 256), (24, 64), 64),
            Inception(512, 112, (144, 288), (32, 64), 64),
            Inception(528, 256, (160, 320), (32, 128), 128),  # [B, 832, 16, 14, 14]
            nn.MaxPool3d(2, 2),
            Inception(832, 256, (160, 320), (32, 128), 128),
            Inception(832, 384, (192, 384), (48, 128), 128),  # [B, 1024, 8, 7, 7]
        )
        scores = nn.Conv3d(CHANNELS, num_classes, 1)
        self.classifier = nn.Sequential(
            OrderedDict([("windows", WindowMean()), ("0", nn.Dropout(0.2)), ("1", scores), ("mean", PlaceMean())])
        )

    def forward(self, clip: Tensor) -> Tensor:
        """Feature map of a clip: [B, 3, T, H, W] to [B, D, T/8, H/32, W/32]."""
        return self.features(clip)  # type: ignore[no-any-return]


class Inception(nn.Module):
    """Four ways to look at a place, side by side: alone, twice with its neighbours, and at their maximum.

    The pairs are the channels of a branch's 1×1×1 convolution and of its 3×3×3 one, which is split.
    """

    def __init__(
        self, channels_in: int, alone: int, neighbours: tuple[int, int], others: tuple[int, int], maximum: int
    ) -> None:
        super().__init__()
        self.branch0 = point(channels_in, alone)
        self.branch1 = nn.Sequential(point(channels_in, neighbours[0]), split(*neighbours))
        self.branch2 = nn.Sequential(point(channels_in, others[0]), split(*others))
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, 1, 1), point(channels_in, maximum))

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels_in, t, h, w] to [B, the four branches' channels, t, h, w]."""
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], dim=1)


class WindowMean(nn.Module):
    """Averages of all windows of 2×7×7 places, or of as many of them as a smaller map has."""

    def forward(self, features: Tensor) -> Tensor:
        """[B, D, t, h, w] to [B, D, t - 1, h - 6, w - 6], at least 1 each."""
        window = [min(places) for places in zip(WINDOW, features.shape[2:], strict=True)]
        return avg_pool3d(features, window, stride=1)


class PlaceMean(nn.Module):
    """Average of the scores of all places."""

    def forward(self, scores: Tensor) -> Tensor:
        """[B, K, t, h, w] to [B, K]."""
        return scores.mean(dim=(2, 3, 4))


def point(channels_in: int, channels_out: int) -> nn.Sequential:
    """1×1×1 convolution, BN, ReLU."""
    return _convolution(channels_in, channels_out, (1, 1, 1), (1, 1, 1))


def split(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution in space, then one in time, each with BN and ReLU."""
    return nn.Sequential(
        _convolution(channels_in, channels_out, (1, kernel, kernel), (1, stride, stride)),
        _convolution(channels_out, channels_out, (kernel, 1, 1), (stride, 1, 1)),
    )


def _convolution(
    channels_in: int, channels_out: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, kernel, stride, padding, bias=False),
        nn.BatchNorm3d(channels_out, eps=1e-3, momentum=1e-3),
        nn.ReLU(inplace=True),
    )


S3D_NETWORKS = (
    Published(
        name="s3d",
        build=s3d,
        # Trained on 64 frames, 15 a second; torchvision squeezes each frame to 256 × 256 before the crop.
        rules=InputRules(frames=64, stride=2, crop_size=224, short_side=256, mean=KINETICS_MEAN, std=KINETICS_STD),
        channels=CHANNELS,
        map_size=(8, 7, 7),
        labels=KINETICS_400,
        accuracy="Kinetics-400 68.37 % top-1, 88.05 % top-5, one clip of 128 frames at 15 a second",
        source="torchvision, s3d KINETICS400_V1",
        weights=WeightsFile(
            name="s3d-d76dad2f.pth",
            url="https://download.pytorch.org/models/s3d-d76dad2f.pth",
            sha256="d76dad2f",
            license="BSD-3-Clause",
        ),
    ),
)
