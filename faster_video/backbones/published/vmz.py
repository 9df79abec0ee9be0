"""R(2+1)D and R3D as VMZ has them, trained on 65 million videos of Instagram: ResNets in torchvision's layout.

Shapes: B clips, T H W frames of a clip, D channels, t h w feature map, K classes.

Facebook published the networks for Caffe2 (facebookresearch/VMZ); moabitcoin/ig65m-pytorch converted R(2+1)D-34 to
torchvision's layout, and VMZ itself R(2+1)D-152 later. Their convolutions differ from torchvision's in two ways: each
split convolution has the channels between that fit itself, which in the second of a stage are 288, 576 and 1152; and
the epsilon of BN is 1e-3.
"""

from collections.abc import Callable, Sequence

from torch import nn

from faster_video.backbones.blocks import BN_EPS, EXPANSION
from faster_video.backbones.published.spec import KINETICS_400, InputRules, Published, WeightsFile
from faster_video.backbones.published.video_resnets import (
    KINETICS_MEAN,
    KINETICS_STD,
    ONCE,
    STAGE_CHANNELS,
    MakeBlock,
    ResidualBlock,
    Stride,
    VideoResNet,
    channels_between,
    full,
    full_stem,
    layers,
    normed,
    shortcut,
    split,
    split_stem,
)

TEMPORAL_STRIDES = (1, 2, 2, 2)


def r2plus1d_34(num_classes: int) -> nn.Module:
    """38.1 GMACs for a clip of 8 frames at 112 px, and 63.7 M parameters."""
    body = layers((3, 4, 6, 3), TEMPORAL_STRIDES, _split_block)
    return _with_caffe2_norms(VideoResNet(split_stem(), body, STAGE_CHANNELS[-1], num_classes))


def r2plus1d_50(num_classes: int) -> nn.Module:
    """The bottleneck form with 50 layers, which VMZ's code can make, but published no weights of."""
    return _bottleneck_network(split_stem(), (3, 4, 6, 3), _split_bottleneck, num_classes)


def r2plus1d_152(num_classes: int) -> nn.Module:
    """252 GMACs for a clip of 32 frames at 112 px, and 118.2 M parameters: the bottleneck form."""
    return _bottleneck_network(split_stem(), (3, 8, 36, 3), _split_bottleneck, num_classes)


def r3d_50(num_classes: int) -> nn.Module:
    """The same with full convolutions, which VMZ's code can make, but published no weights of."""
    return _bottleneck_network(full_stem(), (3, 4, 6, 3), _full_bottleneck, num_classes)


def _bottleneck_network(
    stem: nn.Sequential, blocks: Sequence[int], make_block: MakeBlock, num_classes: int
) -> nn.Module:
    # VMZ's code for PyTorch puts a max pool after the stem unless told otherwise, but the code that converted the
    # weights does not, and only without it the network has the published GFLOPs.
    body = layers(blocks, TEMPORAL_STRIDES, make_block, EXPANSION)
    return _with_caffe2_norms(VideoResNet(stem, body, EXPANSION * STAGE_CHANNELS[-1], num_classes))


def _split_block(channels_in: int, channels: int, stride: Stride) -> ResidualBlock:
    return ResidualBlock(
        normed(_fitting_split(channels_in, channels, stride), channels),
        normed(_fitting_split(channels, channels), channels, active=False),
        shortcut(channels_in, channels, stride),
    )


def _split_bottleneck(channels_in: int, channels: int, stride: Stride) -> ResidualBlock:
    return _bottleneck(channels_in, channels, stride, _fitting_split(channels, channels, stride))


def _full_bottleneck(channels_in: int, channels: int, stride: Stride) -> ResidualBlock:
    return _bottleneck(channels_in, channels, stride, full(channels, channels, stride))


def _bottleneck(channels_in: int, channels: int, stride: Stride, middle: nn.Module) -> ResidualBlock:
    channels_out = EXPANSION * channels
    return ResidualBlock(
        conv1=normed(nn.Conv3d(channels_in, channels, 1, bias=False), channels),
        conv2=normed(middle, channels),
        conv3=normed(nn.Conv3d(channels, channels_out, 1, bias=False), channels_out, active=False),
        downsample=shortcut(channels_in, channels_out, stride),
    )


def _fitting_split(channels_in: int, channels_out: int, stride: Stride = ONCE) -> nn.Module:
    return split(channels_in, channels_out, channels_between(channels_in, channels_out), stride)


def _with_caffe2_norms(network: nn.Module) -> nn.Module:
    # Their code also sets PyTorch's momentum to the 0.9 of Caffe2, whose meaning is the other way round: Caffe2's 0.9
    # is PyTorch's 0.1, which is its default. It matters in training only.
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eps = BN_EPS
    return network


def _rules(frames: int) -> InputRules:
    """At 15 frames a second, as VMZ's own code for PyTorch tests; each frame is squeezed to 128 × 171 there."""
    return InputRules(frames=frames, stride=2, crop_size=112, short_side=128, mean=KINETICS_MEAN, std=KINETICS_STD)


def _ig65m_labels(classes: int) -> str:
    """Hashtags of Instagram, whose words were never published; only how many there are is known."""
    return f"ig65m_{classes}"


def _r2plus1d_34(name: str, frames: int, labels: str, accuracy: str, file: str) -> Published:
    return Published(
        name=name,
        build=r2plus1d_34,
        rules=_rules(frames),
        channels=STAGE_CHANNELS[-1],
        map_size=(frames // 8, 7, 7),
        labels=labels,
        accuracy=accuracy,
        source=f"facebookresearch/VMZ, converted as {name} by moabitcoin/ig65m-pytorch",
        weights=WeightsFile(
            name=file,
            url=f"https://github.com/moabitcoin/ig65m-pytorch/releases/download/v1.0.0/{file}",
            sha256=file.removesuffix(".pth").rpartition("-")[2],
            license="MIT",
        ),
    )


def _bottlenecks(name: str, build: Callable[[int], nn.Module], weights: WeightsFile | None, accuracy: str) -> Published:
    return Published(
        name=name,
        build=build,
        rules=_rules(32),
        channels=EXPANSION * STAGE_CHANNELS[-1],
        map_size=(4, 7, 7),
        labels=KINETICS_400,
        accuracy=accuracy,
        source=f"facebookresearch/VMZ, {name}",
        weights=weights,
    )


_R2PLUS1D_152 = "r2plus1d_152_ft_kinetics_from_ig65m_f107107466.pth"
VMZ_NETWORKS = (
    _r2plus1d_34(
        "r2plus1d_34_8_kinetics",
        8,
        KINETICS_400,
        "Kinetics-400 74.9 % top-1, 91.8 % top-5, trained on IG-65M first",
        "r2plus1d_34_clip8_ft_kinetics_from_ig65m-0aa0550b.pth",
    ),
    _r2plus1d_34(
        "r2plus1d_34_32_kinetics",
        32,
        KINETICS_400,
        "Kinetics-400 80.0 % top-1, 94.2 % top-5, trained on IG-65M first",
        "r2plus1d_34_clip32_ft_kinetics_from_ig65m-ade133f1.pth",
    ),
    # Which of the next two has 487 and which 359 classes, the converter's own pages disagree about. These are what its
    # automatic checks and its feature extraction load.
    _r2plus1d_34("r2plus1d_34_8_ig65m", 8, _ig65m_labels(487), "", "r2plus1d_34_clip8_ig65m_from_scratch-9bae36ae.pth"),
    _r2plus1d_34(
        "r2plus1d_34_32_ig65m", 32, _ig65m_labels(359), "", "r2plus1d_34_clip32_ig65m_from_scratch-449a7af9.pth"
    ),
    _bottlenecks(
        "r2plus1d_152_32_kinetics",
        r2plus1d_152,
        WeightsFile(
            name=_R2PLUS1D_152,
            url=f"https://github.com/bjuncek/VMZ/releases/download/test_models/{_R2PLUS1D_152}",
            license="Apache-2.0",
        ),
        "Kinetics-400 81.6 % top-1, 95.3 % top-5, trained on IG-65M first",
    ),
    _bottlenecks("vmz_r2plus1d_50", r2plus1d_50, None, ""),
    _bottlenecks("vmz_r3d_50", r3d_50, None, ""),
)
"""Accuracies are those of the Caffe2 networks: 10 clips of a video."""
