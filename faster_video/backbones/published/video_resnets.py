"""ResNets over clips in torchvision's layout: R3D-18, MC3-18, R(2+1)D-18, and the parts that they are made of.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.

The layers have the names of the weights that torchvision publishes, so that these load as they come.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from faster_video.backbones.blocks import initialize
from faster_video.backbones.published.pooled import PooledHead
from faster_video.backbones.published.spec import KINETICS_400, InputRules, Published, WeightsFile

Stride = tuple[int, int, int]
"""In t, h and w."""
ONCE: Stride = (1, 1, 1)
STEM_CHANNELS = 64
STAGE_CHANNELS = (64, 128, 256, 512)
"""Of the convolutions in layer1 … layer4."""
KINETICS_MEAN, KINETICS_STD = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
"""Of the colours of Kinetics' training videos, as torchvision and VMZ have them."""


def r3d_18(num_classes: int) -> nn.Module:
    """40.7 GMACs for a clip of 16 frames at 112 px and 33.4 M parameters: full 3×3×3 convolutions."""
    return VideoResNet(full_stem(), layers((2, 2, 2, 2), (1, 2, 2, 2), _full_block), STAGE_CHANNELS[-1], num_classes)


def mc3_18(num_classes: int) -> nn.Module:
    """43.3 GMACs for a clip of 16 frames at 112 px and 11.7 M parameters: only layer1 looks across frames."""
    first, *_ = layers((2,), (1,), _full_block)
    _, *others = layers((2, 2, 2, 2), (1, 1, 1, 1), _spatial_block)
    return VideoResNet(full_stem(), [first, *others], STAGE_CHANNELS[-1], num_classes)


def r2plus1d_18(num_classes: int) -> nn.Module:
    """40.5 GMACs for a clip of 16 frames at 112 px and 31.5 M parameters: space, then time, in each convolution."""
    return VideoResNet(split_stem(), layers((2, 2, 2, 2), (1, 2, 2, 2), _split_block), STAGE_CHANNELS[-1], num_classes)


class VideoResNet(nn.Module):
    """Stem, layer1 … layer4, and a classifier of their average."""

    def __init__(self, stem: nn.Sequential, layers: Sequence[nn.Sequential], channels: int, num_classes: int) -> None:
        super().__init__()
        self.channels = channels
        self.stem = stem
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.fc = nn.Linear(channels, num_classes)
        initialize(self)

    @property
    def classifier(self) -> nn.Module:
        """Its own answer before the softmax: [B, D, t, h, w] to [B, K]."""
        return PooledHead(self.fc)

    def forward(self, clip: Tensor) -> Tensor:
        """Feature map of a clip: [B, 3, T, H, W] to [B, D, t, h, w]."""
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(clip)))))  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two or three convolutions, plus the shortcut."""

    def __init__(
        self, conv1: nn.Module, conv2: nn.Module, downsample: nn.Module, conv3: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = conv1
        self.conv2 = conv2
        self.conv3 = conv3 or nn.Identity()
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels_in, t, h, w] to [B, channels_out, t/stride, h/stride, w/stride]."""
        return torch.relu(self.downsample(x) + self.conv3(self.conv2(self.conv1(x))))


MakeBlock = Callable[[int, int, Stride], ResidualBlock]
"""Makes a block from the channels that enter it, the channels of its convolutions, and its stride."""


def layers(
    blocks: Sequence[int], temporal_strides: Sequence[int], make_block: MakeBlock, expansion: int = 1
) -> list[nn.Sequential]:
    """layer1 …: `blocks[i]` blocks each, the first of a layer with its stride; they give `expansion` · channels."""
    channels_in, made = STEM_CHANNELS, []
    for channels, count, temporal in zip(STAGE_CHANNELS, blocks, temporal_strides, strict=False):
        spatial = 1 if channels == STAGE_CHANNELS[0] else 2
        layer = []
        for number in range(count):
            layer.append(make_block(channels_in, channels, (temporal, spatial, spatial) if number == 0 else ONCE))
            channels_in = expansion * channels
        made.append(nn.Sequential(*layer))
    return made


def full_stem() -> nn.Sequential:
    """[B, 3, T, H, W] to [B, 64, T, H/2, W/2]."""
    convolution = nn.Conv3d(3, STEM_CHANNELS, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(STEM_CHANNELS), nn.ReLU(inplace=True))


def split_stem() -> nn.Sequential:
    """[B, 3, T, H, W] to [B, 64, T, H/2, W/2], in space first."""
    return nn.Sequential(
        nn.Conv3d(3, 45, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
        nn.BatchNorm3d(45),
        nn.ReLU(inplace=True),
        nn.Conv3d(45, STEM_CHANNELS, (3, 1, 1), padding=(1, 0, 0), bias=False),
        nn.BatchNorm3d(STEM_CHANNELS),
        nn.ReLU(inplace=True),
    )


def full(channels_in: int, channels_out: int, stride: Stride = ONCE) -> nn.Module:
    """A 3×3×3 convolution."""
    return nn.Conv3d(channels_in, channels_out, 3, stride, padding=1, bias=False)


def split(channels_in: int, channels_out: int, between: int, stride: Stride = ONCE) -> nn.Module:
    """1×3×3, then 3×1×1, with `between` channels between them."""
    temporal, height, width = stride
    return nn.Sequential(
        nn.Conv3d(channels_in, between, (1, 3, 3), (1, height, width), (0, 1, 1), bias=False),
        nn.BatchNorm3d(between),
        nn.ReLU(inplace=True),
        nn.Conv3d(between, channels_out, (3, 1, 1), (temporal, 1, 1), (1, 0, 0), bias=False),
    )


def channels_between(channels_in: int, channels_out: int) -> int:
    """For a split convolution to have as many weights as a full one."""
    return 27 * channels_in * channels_out // (9 * channels_in + 3 * channels_out)


def normed(convolution: nn.Module, channels: int, active: bool = True) -> nn.Sequential:
    """The convolution, BN, and ReLU if `active`."""
    return nn.Sequential(convolution, nn.BatchNorm3d(channels), *([nn.ReLU(inplace=True)] if active else []))


def shortcut(channels_in: int, channels_out: int, stride: Stride) -> nn.Module:
    """The input itself, or a 1×1×1 convolution where size or channels change."""
    if channels_in == channels_out and stride == ONCE:
        return nn.Identity()
    return normed(nn.Conv3d(channels_in, channels_out, 1, stride, bias=False), channels_out, active=False)


def _full_block(channels_in: int, channels: int, stride: Stride) -> ResidualBlock:
    return ResidualBlock(
        normed(full(channels_in, channels, stride), channels),
        normed(full(channels, channels), channels, active=False),
        shortcut(channels_in, channels, stride),
    )


def _spatial_block(channels_in: int, channels: int, stride: Stride) -> ResidualBlock:
    def spatial(channels_in: int, stride: Stride) -> nn.Module:
        return nn.Conv3d(channels_in, channels, (1, 3, 3), stride, (0, 1, 1), bias=False)

    return ResidualBlock(
        normed(spatial(channels_in, stride), channels),
        normed(spatial(channels, ONCE), channels, active=False),
        shortcut(channels_in, channels, stride),
    )


def _split_block(channels_in: int, channels: int, stride: Stride) -> ResidualBlock:
    # Both convolutions have the channels between that fit the first, as torchvision published it.
    between = channels_between(channels_in, channels)
    return ResidualBlock(
        normed(split(channels_in, channels, between, stride), channels),
        normed(split(channels, channels, between), channels, active=False),
        shortcut(channels_in, channels, stride),
    )


RULES = InputRules(frames=16, stride=2, crop_size=112, short_side=128, mean=KINETICS_MEAN, std=KINETICS_STD)
"""15 frames a second. Torchvision squeezes each frame to 128 × 171, of which the short side is kept here."""


def _published(name: str, build: Callable[[int], nn.Module], map_frames: int, accuracy: str, digits: str) -> Published:
    return Published(
        name=name,
        build=build,
        rules=RULES,
        channels=STAGE_CHANNELS[-1],
        map_size=(map_frames, 7, 7),
        labels=KINETICS_400,
        accuracy=f"Kinetics-400 {accuracy}, 5 clips of 16 frames at 15 a second",
        source=f"torchvision, {name} KINETICS400_V1",
        weights=WeightsFile(
            name=f"{name}-{digits}.pth",
            url=f"https://download.pytorch.org/models/{name}-{digits}.pth",
            sha256=digits,
            license="BSD-3-Clause",
        ),
    )


VIDEO_RESNETS = (
    _published("r3d_18", r3d_18, 2, "63.20 % top-1, 83.48 % top-5", "b3b3357e"),
    _published("mc3_18", mc3_18, 16, "63.96 % top-1, 84.13 % top-5", "a90a0ba3"),
    _published("r2plus1d_18", r2plus1d_18, 2, "67.46 % top-1, 86.17 % top-5", "91a641e6"),
)
