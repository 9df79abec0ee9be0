"""The parts that all three backbones of Table 1 are made of.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from faster_video.config import SMALLEST_SIDE, TEMPORAL_STRIDE
from faster_video.errors import ConfigError

BN_EPS = 1e-3
"""Of the authors' code base. PyTorch's momentum 0.1 is Caffe2's 0.9."""
SPATIAL_STRIDE = 32
"""Pixels of a clip per place of its feature map, in height and width."""
EXPANSION = 4
"""Channels that leave a bottleneck block, per channel of its middle."""


def scaled(channels: int, width: float) -> int:
    """`channels` of the paper, times the width factor: rounded, at least 1."""
    return max(1, round(channels * width))


def conv_bn_relu(
    channels_in: int,
    channels_out: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int] = (1, 1, 1),
) -> nn.Sequential:
    """Convolution without bias, padded to keep the size at stride 1, then BN and ReLU."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, kernel, stride, padding, bias=False),
        nn.BatchNorm3d(channels_out, eps=BN_EPS),
        nn.ReLU(inplace=True),
    )


MakeMiddle = Callable[[int, tuple[int, int, int]], nn.Sequential]
"""Makes the middle of a bottleneck block from its channels and its stride (t, h, w)."""


class Bottleneck(nn.Module):
    """1×1×1 reduce, the middle (which carries the stride), 1×1×1 restore, plus the shortcut."""

    def __init__(self, channels_in: int, channels: int, stride: tuple[int, int, int], make_middle: MakeMiddle) -> None:
        super().__init__()
        channels_out = EXPANSION * channels
        self.reduce = conv_bn_relu(channels_in, channels, (1, 1, 1))
        self.middle = make_middle(channels, stride)
        self.restore = nn.Sequential(
            nn.Conv3d(channels, channels_out, 1, bias=False), nn.BatchNorm3d(channels_out, eps=BN_EPS)
        )
        self.shortcut: nn.Module = nn.Identity()
        if channels_in != channels_out or stride != (1, 1, 1):
            self.shortcut = nn.Sequential(
                nn.Conv3d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm3d(channels_out, eps=BN_EPS),
            )

    def forward(self, x: Tensor) -> Tensor:
        """[B, D, t, h, w] to [B, 4·channels, t/stride, h/stride, w/stride]."""
        return torch.relu(self.shortcut(x) + self.restore(self.middle(self.reduce(x))))


def stages(
    blocks: Sequence[int], temporal_strides: Sequence[int], width: float, make_middle: MakeMiddle
) -> nn.Sequential:
    """res2 … res5: `blocks[i]` bottlenecks each, the first of a stage with the stage's stride."""
    channels_in = scaled(64, width)
    layers = []
    for stage, (count, temporal_stride) in enumerate(zip(blocks, temporal_strides, strict=True)):
        channels = scaled(64 * 2**stage, width)
        spatial_stride = 1 if stage == 0 else 2
        stage_blocks = []
        for block in range(count):
            stride = (temporal_stride, spatial_stride, spatial_stride) if block == 0 else (1, 1, 1)
            stage_blocks.append(Bottleneck(channels_in, channels, stride, make_middle))
            channels_in = EXPANSION * channels
        layers.append(nn.Sequential(*stage_blocks))
    return nn.Sequential(*layers)


class PooledClassifier(nn.Module):
    """Global average pool, then linear."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Scores before the softmax: [B, D, t, h, w] to [B, K]."""
        # The mean over dimensions 2, 3, 4, written so that its gradient too has the channels last in memory.
        return self.linear(features.movedim(1, -1).flatten(1, 3).mean(dim=1))  # type: ignore[no-any-return]


class ClipResNet(nn.Module):
    """A clip network of Table 1: stem, max pool, res2 … res5, and its own classifier for stage 1."""

    def __init__(self, stem: nn.Sequential, stages: nn.Sequential, channels: int, num_classes: int) -> None:
        super().__init__()
        self.channels = channels
        self.stem = stem
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.stages = stages
        self.classifier = PooledClassifier(channels, num_classes)
        initialize(self)

    def forward(self, clip: Tensor) -> Tensor:
        """Feature map of a clip: [B, C, T, H, W] to [B, D, T/8, H/32, W/32], sizes rounded up."""
        return self.stages(self.pool(self.stem(clip)))  # type: ignore[no-any-return]

    def feature_size(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Size (t, h, w) of the feature map of a clip of this size."""
        return frames // TEMPORAL_STRIDE, -(-height // SPATIAL_STRIDE), -(-width // SPATIAL_STRIDE)

    def require_clip(self, shape: torch.Size) -> None:
        """Refuse what this network would fail on, or silently pool in another way than it was trained.

        Raises:
            ConfigError: the shape is not [B, 3, T, H, W] with T a multiple of 8, and H and W at least 32.
        """
        if len(shape) == 5:
            _, colours, frames, height, width = shape
            if colours == 3 and frames > 0 and frames % TEMPORAL_STRIDE == 0 and min(height, width) >= SMALLEST_SIDE:
                return
        raise ConfigError(
            f"a clip has shape {list(shape)}; it must be [videos, 3, frames, height, width] with frames a multiple of "
            f"{TEMPORAL_STRIDE}, and height and width at least {SMALLEST_SIDE}"
        )


def initialize(network: nn.Module) -> None:
    """He initialisation (fan-out); the last BN of each block at zero: every block begins as its shortcut."""
    if any(parameter.is_meta for parameter in network.parameters()):
        return  # there is nothing to fill, and for `normal_` PyTorch would load its compiler, which takes a second
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, Bottleneck):
            nn.init.zeros_(module.restore[1].weight)  # type: ignore[arg-type]
