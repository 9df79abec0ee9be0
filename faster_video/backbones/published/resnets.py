"""ResNets of 50 layers that differ in where they look along time: C2D, I3D (with and without non-local blocks), Slow.

Shapes as in `pytorchvideo.py`.
"""

from collections import OrderedDict
from collections.abc import Iterator

from torch import nn

from faster_video.backbones.published.non_local import NonLocal
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

DEPTHS = (3, 4, 6, 3)
"""Blocks of each stage."""
CHANNELS = 2048
"""D of every feature map here."""
PerStage = tuple[tuple[int, ...], ...]
ONLY_SPACE: PerStage = ((1,), (1,), (1,), (1,))
"""Frames that the blocks of each stage look at, in turn."""
EVERY_OTHER: PerStage = ((3,), (3, 1), (3, 1), (1, 3))
LATE: PerStage = ((1,), (1,), (3,), (3,))
NOWHERE: PerStage = ((), (), (), ())
"""Blocks of each stage, from 0, that a non-local one follows."""
FIVE: PerStage = ((), (1, 3), (1, 3, 5), ())
"""As the paper has it: every other block of the two stages in the middle."""


def c2d_r50(num_classes: int) -> BlockNetwork:
    """Frames meet only where pairs of them are pooled after the first stage, and in the last pooling."""
    return _resnet50(num_classes, 1, ONLY_SPACE, pools_frames=True)


def i3d_r50(num_classes: int) -> BlockNetwork:
    """Looks at 5 frames in the stem, at 3 in every block of the first stage and in every other one after it."""
    return _resnet50(num_classes, 5, EVERY_OTHER, pools_frames=True)


def i3d_r50_nonlocal(num_classes: int) -> BlockNetwork:
    """I3D with five non-local blocks, placed and formed as in `I3D_NLN_8x8_R50` of SlowFast's model zoo."""
    return _resnet50(num_classes, 5, EVERY_OTHER, pools_frames=True, non_local=FIVE)


def slow_r50(num_classes: int) -> BlockNetwork:
    """The slow pathway of SlowFast: looks along time in the last two stages only, and keeps every frame."""
    return _resnet50(num_classes, 1, LATE, pools_frames=False)


def _resnet50(
    num_classes: int, stem_frames: int, frames: PerStage, *, pools_frames: bool, non_local: PerStage = NOWHERE
) -> BlockNetwork:
    stages: list[nn.Module] = [
        stage(_blocks(number, frames[number], non_local[number])) for number in range(len(DEPTHS))
    ]
    if pools_frames:
        stages.insert(1, nn.MaxPool3d((2, 1, 1)))
    return BlockNetwork([_stem(stem_frames), *stages, LinearHead(CHANNELS, num_classes)], CHANNELS)


def _stem(frames: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            conv=convolution(3, 64, (frames, 7, 7), (1, 2, 2)),
            norm=nn.BatchNorm3d(64),
            activation=nn.ReLU(inplace=True),
            pool=nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
    )


def _blocks(number: int, frames: tuple[int, ...], non_local: tuple[int, ...]) -> Iterator[nn.Module]:
    """Of stage `number`, from 0; the first block halves height and width, except in the first stage."""
    channels = 64 * 2**number
    channels_in = 64 if number == 0 else EXPANSION * channels // 2
    stride: Size = HERE if number == 0 else (1, 2, 2)
    for block in range(DEPTHS[number]):
        middle = convolution(channels, channels, (1, 3, 3), stride)
        yield bottleneck(channels_in, channels, (frames[block % len(frames)], 1, 1), middle, stride)
        if block in non_local:
            yield NonLocal(EXPANSION * channels)
        channels_in, stride = EXPANSION * channels, HERE


_RULES = InputRules(frames=8, stride=8, crop_size=224, short_side=256)

RESNETS: tuple[Published, ...] = (
    Published(
        name="c2d_r50",
        build=c2d_r50,
        rules=_RULES,
        channels=CHANNELS,
        map_size=(4, 7, 7),
        labels=KINETICS_400,
        accuracy=accuracy(71.46, 89.68, 256),
        source="pytorchvideo's model zoo, c2d_r50",
        weights=weights_file("C2D_8x8_R50.pyth"),
    ),
    Published(
        name="i3d_r50",
        build=i3d_r50,
        rules=_RULES,
        channels=CHANNELS,
        map_size=(4, 7, 7),
        labels=KINETICS_400,
        accuracy=accuracy(73.27, 90.70, 256),
        source="pytorchvideo's model zoo, i3d_r50",
        weights=weights_file("I3D_8x8_R50.pyth"),
    ),
    # Its weights are published for Caffe2 only, as a pickle, which runs code when it is read: there is no file for it.
    Published(
        name="i3d_r50_nonlocal",
        build=i3d_r50_nonlocal,
        rules=_RULES,
        channels=CHANNELS,
        map_size=(4, 7, 7),
        labels=KINETICS_400,
        accuracy=accuracy(74.0, 91.1, 256),
        source="SlowFast's model zoo, I3D_NLN_8x8_R50, in the layout of pytorchvideo",
    ),
    Published(
        name="slow_r50",
        build=slow_r50,
        rules=_RULES,
        channels=CHANNELS,
        map_size=(8, 7, 7),
        labels=KINETICS_400,
        accuracy=accuracy(74.58, 91.63, 256),
        source="pytorchvideo's model zoo, slow_r50",
        weights=weights_file("SLOW_8x8_R50.pyth"),
    ),
)
