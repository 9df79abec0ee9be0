"""R(2+1)D of 50 layers as pytorchvideo has it: time first, then space, and as many channels between as around.

Shapes as in `pytorchvideo.py`.
"""

from collections import OrderedDict
from collections.abc import Iterator

from torch import nn

from faster_video.backbones.published.pytorchvideo import (
    EXPANSION,
    HERE,
    BlockNetwork,
    LinearHead,
    Size,
    accuracy,
    bottleneck,
    convolution,
    stage,
    weights_file,
)
from faster_video.backbones.published.spec import KINETICS_400, InputRules, Published

STAGES: tuple[tuple[int, Size], ...] = ((3, (1, 2, 2)), (4, (1, 2, 2)), (6, (2, 2, 2)), (3, (2, 2, 2)))
"""Of each stage: its blocks, and the stride of the first."""
CHANNELS = 2048
"""D of its feature map."""


def r2plus1d_r50(num_classes: int) -> BlockNetwork:
    """Another network than R(2+1)D-50 of Table 1, which puts space first and more channels between the two."""
    stem = OrderedDict[str, nn.Module](
        conv=convolution(3, 64, (1, 7, 7), (1, 2, 2)), norm=nn.BatchNorm3d(64), activation=nn.ReLU(inplace=True)
    )
    stages = [stage(_blocks(number)) for number in range(len(STAGES))]
    return BlockNetwork([nn.Sequential(stem), *stages, LinearHead(CHANNELS, num_classes)], CHANNELS)


def _blocks(number: int) -> Iterator[nn.Module]:
    """Of stage `number`, from 0."""
    channels = 64 * 2**number
    channels_in = 64 if number == 0 else EXPANSION * channels // 2
    depth, stride = STAGES[number]
    for _ in range(depth):
        yield bottleneck(channels_in, channels, HERE, _time_then_space(channels, stride), stride)
        channels_in, stride = EXPANSION * channels, HERE


def _time_then_space(channels: int, stride: Size) -> nn.Sequential:
    frames, height, width = stride
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            conv_t=convolution(channels, channels, (3, 1, 1), (frames, 1, 1)),
            norm=nn.BatchNorm3d(channels),
            activation=nn.ReLU(inplace=True),
            conv_xy=convolution(channels, channels, (1, 3, 3), (1, height, width)),
        )
    )


R2PLUS1D_R50 = Published(
    name="r2plus1d_r50",
    build=r2plus1d_r50,
    rules=InputRules(frames=16, stride=4, crop_size=224, short_side=256),
    channels=CHANNELS,
    map_size=(4, 7, 7),
    labels=KINETICS_400,
    accuracy=accuracy(76.01, 92.23, 256),
    source="pytorchvideo's model zoo, r2plus1d_r50",
    weights=weights_file("R2PLUS1D_16x4_R50.pyth"),
)
