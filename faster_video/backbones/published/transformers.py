"""MViTv2-S and Video Swin-T: transformers that torchvision builds, in the form that this package works with.

Shapes: B clips, T H W frames of a clip, D channels, t h w feature map, K classes.

Their parts stay torchvision's, which must be installed; only the way through them is written here, so that it ends
before the pooling. The names of the weights are those that torchvision publishes.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from faster_video.backbones.published.pooled import PooledHead
from faster_video.backbones.published.spec import KINETICS_400, InputRules, Published, WeightsFile
from faster_video.errors import ConfigError

CHANNELS = 768
"""Of the last map of either."""


def mvit_v2_s(num_classes: int) -> nn.Module:
    """64.2 GMACs for a clip of 16 frames at 224 px, and 34.5 M parameters; see `VideoMViT`."""
    return VideoMViT(_torchvision_network("mvit_v2_s", num_classes))


def swin3d_t(num_classes: int) -> nn.Module:
    """43.9 GMACs for a clip of 16 frames at 224 px, and 28.2 M parameters; see `VideoSwin`."""
    return VideoSwin(_torchvision_network("swin3d_t", num_classes))


class VideoMViT(nn.Module):
    """MViTv2, whose map is one place: the class token, which alone the published answer is read from.

    What its last block makes of the other places was never asked for in training.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.channels = CHANNELS
        self.conv_proj = network.conv_proj
        self.pos_encoding = network.pos_encoding
        self.blocks = network.blocks
        self.norm = network.norm
        self.head = network.head

    @property
    def classifier(self) -> nn.Module:
        """Its own answer before the softmax: [B, D, 1, 1, 1] to [B, K]."""
        return nn.Sequential(nn.Flatten(), self.head).train(self.training)

    def forward(self, clip: Tensor) -> Tensor:
        """The class token of a clip: [B, 3, T, H, W] to [B, D, 1, 1, 1]."""
        maps = self.conv_proj(clip)  # [B, 96, T/2, H/4, W/4]
        size = tuple(maps.shape[2:])
        tokens = self.pos_encoding(maps.flatten(2).transpose(1, 2))  # [B, 1 + places, 96], the class token first
        for block in self.blocks:
            tokens, size = block(tokens, size)
        return self.norm(tokens)[:, 0, :, None, None, None]  # type: ignore[no-any-return]


class VideoSwin(nn.Module):
    """Video Swin: windows of places that attend to each other."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.channels = CHANNELS
        self.patch_embed = network.patch_embed
        self.pos_drop = network.pos_drop
        self.features = network.features
        self.norm = network.norm
        self.head = network.head

    @property
    def classifier(self) -> nn.Module:
        """Its own answer before the softmax: [B, D, t, h, w] to [B, K]."""
        return PooledHead(self.head)

    def forward(self, clip: Tensor) -> Tensor:
        """Feature map of a clip: [B, 3, T, H, W] to [B, D, T/2, H/32, W/32], sizes rounded up."""
        places = self.norm(self.features(self.pos_drop(self.patch_embed(clip))))  # [B, t, h, w, D]
        return places.movedim(-1, 1)  # type: ignore[no-any-return]


def _torchvision_network(name: str, num_classes: int) -> Any:
    """With fresh weights.

    Raises:
        ConfigError: torchvision is missing, or belongs to another PyTorch.
    """
    try:
        video = import_module("torchvision.models.video")
    except (ImportError, RuntimeError) as error:  # a build for another PyTorch fails with the latter
        raise ConfigError(
            f"the network {name} needs torchvision, which cannot be imported here ({error}); "
            "install the torchvision that belongs to this PyTorch, or choose another network"
        ) from error
    return getattr(video, name)(weights=None, num_classes=num_classes)


def _published(
    name: str,
    build: Callable[[int], nn.Module],
    rules: InputRules,
    map_size: tuple[int, int, int],
    accuracy: str,
    digits: str,
) -> Published:
    return Published(
        name=name,
        build=build,
        rules=rules,
        channels=CHANNELS,
        map_size=map_size,
        labels=KINETICS_400,
        accuracy=accuracy,
        source=f"torchvision, {name} KINETICS400_V1",
        weights=WeightsFile(
            name=f"{name}-{digits}.pth",
            url=f"https://download.pytorch.org/models/{name}-{digits}.pth",
            sha256=digits,
            license="BSD-3-Clause",
        ),
    )


TRANSFORMERS = (
    _published(
        "mvit_v2_s",
        mvit_v2_s,
        InputRules(frames=16, stride=4, crop_size=224, short_side=256),
        (1, 1, 1),
        "Kinetics-400 80.76 % top-1, 94.67 % top-5, 5 clips of 16 frames at 7.5 a second",
        "ae3be167",
    ),
    _published(
        "swin3d_t",
        swin3d_t,
        InputRules(
            frames=32, stride=2, crop_size=224, short_side=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
        ),
        (16, 7, 7),
        "Kinetics-400 77.72 % top-1, 93.52 % top-5, 12 clips of 32 frames at 15 a second",
        "7615ae03",
    ),
)
