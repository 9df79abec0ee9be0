"""X3D XS, S, M and L: narrow networks of depthwise convolutions, grown one axis at a time (arXiv 2004.04730).

XS, S and M are one network, trained for longer and larger clips; L is deeper. Shapes as in `pytorchvideo.py`.
"""

from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from itertools import islice

from torch import Tensor, nn

from faster_video.backbones.published.pytorchvideo import (
    HERE,
    BlockNetwork,
    ResidualBlock,
    Size,
    accuracy,
    convolution,
    stage,
    weights_file,
)
from faster_video.backbones.published.spec import KINETICS_400, InputRules, Published

STEM_CHANNELS = 24
STAGES = ((24, 54, 8), (48, 108, 8), (96, 216, 16), (192, 432, 32))
"""Of each stage: channels that leave a block, channels of its middle, channels of its squeeze."""
SHALLOW, DEEP = (3, 5, 11, 7), (5, 10, 25, 15)
"""Blocks of each stage: (1, 2, 5, 3) times 2.2 or 5, rounded up."""
MAP_CHANNELS, HIDDEN = 432, 2048
"""Of the head, before and after its pooling."""
BEFORE_POOLING = 3
"""Layers of the head's `pool`."""


def x3d(num_classes: int, depths: tuple[int, ...]) -> BlockNetwork:
    """Any of them, by the blocks of its stages; each stage halves height and width, none the frames."""
    stages = [stage(_blocks(number, depth)) for number, depth in enumerate(depths)]
    return BlockNetwork([_stem(), *stages, ProjectedHead(STAGES[-1][0], num_classes)], MAP_CHANNELS)


def _stem() -> nn.Sequential:
    convolutions = OrderedDict[str, nn.Module](  # the package's names for them are the wrong way round
        conv_t=convolution(3, STEM_CHANNELS, (1, 3, 3), (1, 2, 2)),
        conv_xy=convolution(STEM_CHANNELS, STEM_CHANNELS, (5, 1, 1), groups=STEM_CHANNELS),
    )
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            conv=nn.Sequential(convolutions),
            norm=nn.BatchNorm3d(STEM_CHANNELS),
            activation=nn.ReLU(inplace=True),
        )
    )


def _blocks(number: int, depth: int) -> Iterator[nn.Module]:
    """Of stage `number`, from 0; the first block has the stride, and every second one, from it on, a squeeze."""
    channels, between, squeezed = STAGES[number]
    channels_in = STEM_CHANNELS if number == 0 else STAGES[number - 1][0]
    squeeze = SqueezeExcitation(between, squeezed)
    # The shortcut has no BN where only the stride asks for it: in the first stage.
    shortcut_norm = None if channels_in == channels else nn.BatchNorm3d(channels)
    shortcut = convolution(channels_in, channels, HERE, (1, 2, 2))
    yield ResidualBlock(_branch(channels_in, channels, between, (1, 2, 2), squeeze), shortcut, shortcut_norm)
    for block in range(1, depth):
        squeezes = [SqueezeExcitation(between, squeezed)] if block % 2 == 0 else []
        yield ResidualBlock(_branch(channels, channels, between, HERE, *squeezes))


def _branch(channels_in: int, channels: int, between: int, stride: Size, *squeeze: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            conv_a=convolution(channels_in, between, HERE),
            norm_a=nn.BatchNorm3d(between),
            act_a=nn.ReLU(inplace=True),
            conv_b=convolution(between, between, (3, 3, 3), stride, groups=between),
            norm_b=nn.Sequential(nn.BatchNorm3d(between), *squeeze),
            act_b=nn.SiLU(inplace=True),
            conv_c=convolution(between, channels, HERE),
            norm_c=nn.BatchNorm3d(channels),
        )
    )


class SqueezeExcitation(nn.Module):
    """Each channel times a factor in (0, 1), made from the means of all channels."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv3d(channels, squeezed, 1), nn.ReLU(inplace=True), nn.Conv3d(squeezed, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, D, t, h, w] to the same."""
        return x * self.block(x.mean(dim=(2, 3, 4), keepdim=True))  # type: ignore[no-any-return]


class ProjectedHead(nn.Module):
    """Widens the map, pools it, and widens it again before the scores: `pool` is all but the scores."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        layers = OrderedDict[str, nn.Module](
            pre_conv=convolution(channels, MAP_CHANNELS, HERE),
            pre_norm=nn.BatchNorm3d(MAP_CHANNELS),
            pre_act=nn.ReLU(inplace=True),
            pool=nn.AdaptiveAvgPool3d(1),
            post_conv=convolution(MAP_CHANNELS, HIDDEN, HERE),
            post_act=nn.ReLU(inplace=True),
        )
        self.pool = nn.Sequential(layers)
        self.proj = nn.Linear(HIDDEN, num_classes)

    @property
    def classifier(self) -> nn.Sequential:
        """From the pooling on: [B, 432, t, h, w] to [B, K]."""
        return nn.Sequential(*islice(self.pool, BEFORE_POOLING, None), nn.Flatten(), self.proj)

    def forward(self, x: Tensor) -> Tensor:
        """Up to the pooling: [B, 192, t, h, w] to [B, 432, t, h, w]."""
        for layer in islice(self.pool, BEFORE_POOLING):
            x = layer(x)
        return x


X3D: tuple[Published, ...] = (
    Published(
        name="x3d_xs",
        build=partial(x3d, depths=SHALLOW),
        rules=InputRules(frames=4, stride=12, crop_size=160, short_side=182),
        channels=MAP_CHANNELS,
        map_size=(4, 5, 5),
        labels=KINETICS_400,
        accuracy=accuracy(69.12, 88.63, 182),
        source="pytorchvideo's model zoo, x3d_xs",
        weights=weights_file("X3D_XS.pyth"),
    ),
    Published(
        name="x3d_s",
        build=partial(x3d, depths=SHALLOW),
        rules=InputRules(frames=13, stride=6, crop_size=160, short_side=182),
        channels=MAP_CHANNELS,
        map_size=(13, 5, 5),
        labels=KINETICS_400,
        accuracy=accuracy(73.33, 91.27, 182),
        source="pytorchvideo's model zoo, x3d_s",
        weights=weights_file("X3D_S.pyth"),
    ),
    Published(
        name="x3d_m",
        build=partial(x3d, depths=SHALLOW),
        rules=InputRules(frames=16, stride=5, crop_size=224, short_side=256),
        channels=MAP_CHANNELS,
        map_size=(16, 7, 7),
        labels=KINETICS_400,
        accuracy=accuracy(75.94, 92.72, 256),
        source="pytorchvideo's model zoo, x3d_m",
        weights=weights_file("X3D_M.pyth"),
    ),
    Published(
        name="x3d_l",
        build=partial(x3d, depths=DEEP),
        rules=InputRules(frames=16, stride=5, crop_size=312, short_side=356),
        channels=MAP_CHANNELS,
        map_size=(16, 10, 10),
        labels=KINETICS_400,
        accuracy=accuracy(77.44, 93.31, 356),
        source="pytorchvideo's model zoo, x3d_l",
        weights=weights_file("X3D_L.pyth"),
    ),
)
