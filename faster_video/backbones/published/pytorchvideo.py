"""The layout that networks of pytorchvideo's model zoo share; its names are the names of their published weights.

A network is `blocks`: the stem, the stages, the head. Dropout, which acts in training only, is left out.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

from collections import OrderedDict
from collections.abc import Iterable

from torch import Tensor, nn

from faster_video.backbones.published.pooled import PooledHead
from faster_video.backbones.published.spec import WeightsFile

Size = tuple[int, int, int]
"""Of a kernel or a stride, in frames, rows and columns."""
HERE: Size = (1, 1, 1)
"""Kernel that looks at one place only, and stride that leaves out none."""
EXPANSION = 4
"""Channels that leave a bottleneck of the 50-layer networks, per channel of its middle."""
_FOLDER = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics"


def weights_file(name: str) -> WeightsFile:
    """A file of the model zoo, as the package downloads it; no checksum is published, and no licence but the code's."""
    return WeightsFile(name=name, url=f"{_FOLDER}/{name}", key="model_state", license="Apache-2.0")


def accuracy(top1: float, top5: float, crop_size: int) -> str:
    """How the model zoo tests on Kinetics-400: 30 views of a video, on crops larger than those of training."""
    return f"Kinetics-400 {top1:.2f} % top-1, {top5:.2f} % top-5, 3 crops of {crop_size} px × 10 clips"


def convolution(channels_in: int, channels_out: int, kernel: Size, stride: Size = HERE, groups: int = 1) -> nn.Conv3d:
    """Without bias, padded to keep the size at stride 1."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Conv3d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False)


def bottleneck(
    channels_in: int, channels: int, kernel: Size, middle: nn.Module, stride: Size = HERE
) -> "ResidualBlock":
    """Reduce with `kernel`, the middle (which carries the stride), restore; a shortcut that has its own BN."""
    channels_out = EXPANSION * channels
    layers = OrderedDict[str, nn.Module](
        conv_a=convolution(channels_in, channels, kernel),
        norm_a=nn.BatchNorm3d(channels),
        act_a=nn.ReLU(inplace=True),
        conv_b=middle,
        norm_b=nn.BatchNorm3d(channels),
        act_b=nn.ReLU(inplace=True),
        conv_c=convolution(channels, channels_out, HERE),
        norm_c=nn.BatchNorm3d(channels_out),
    )
    if channels_in == channels_out and stride == HERE:
        return ResidualBlock(nn.Sequential(layers))
    shortcut = convolution(channels_in, channels_out, HERE, stride)
    return ResidualBlock(nn.Sequential(layers), shortcut, nn.BatchNorm3d(channels_out))


class ResidualBlock(nn.Module):
    """A branch plus the shortcut around it, then ReLU."""

    def __init__(
        self, branch: nn.Module, shortcut: nn.Conv3d | None = None, shortcut_norm: nn.BatchNorm3d | None = None
    ) -> None:
        super().__init__()
        self.branch1_conv = shortcut or nn.Identity()
        self.branch1_norm = shortcut_norm or nn.Identity()
        self.branch2 = branch

    def forward(self, x: Tensor) -> Tensor:
        """[B, D, t, h, w] to [B, D', t', h', w']."""
        return (self.branch1_norm(self.branch1_conv(x)) + self.branch2(x)).relu()  # type: ignore[no-any-return]


def stage(blocks: Iterable[nn.Module]) -> nn.Sequential:
    """The blocks between two changes of the map's size, one after the other."""
    return nn.Sequential(OrderedDict(res_blocks=nn.Sequential(*blocks)))


class LinearHead(nn.Module):
    """What follows the stages of the 50-layer networks."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, num_classes)

    @property
    def classifier(self) -> PooledHead:
        """From the pooling on: [B, D, t, h, w] to [B, K]."""
        return PooledHead(self.proj)

    def forward(self, x: Tensor) -> Tensor:
        """Up to the pooling, where nothing is done: [B, D, t, h, w]."""
        return x


class BlockNetwork(nn.Module):
    """A `PublishedNetwork` in this layout; the last of its blocks is a head, with a `classifier`.

    The pooling is over the whole map. The package's own is of fixed size, that of the map of a clip as the rules have
    it, and of a larger map it averages the answers to every part of that size.
    """

    def __init__(self, blocks: Iterable[nn.Module], channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.channels = channels

    @property
    def classifier(self) -> nn.Module:
        """Scores before the softmax: [B, D, t, h, w] to [B, K]."""
        return self.blocks[-1].classifier  # type: ignore[return-value]

    def forward(self, clip: Tensor) -> Tensor:
        """The last map before the pooling: [B, 3, T, H, W] to [B, D, t, h, w]."""
        x = clip
        for block in self.blocks:
            x = block(x)
        return x
