"""R2D-26 as the image network that it is behind its first layer: a trial, for benchmarks/engine.py.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from faster_video.backbones import ClipResNet
from faster_video.engine.eager import folded


class ImageNetwork(nn.Module):
    """1×k×k convolutions over B·t images, the first over the 24 stacked channels of 8 frames; channels last."""

    def __init__(self, network: ClipResNet) -> None:
        super().__init__()
        self._network = _as_images(folded(network))
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, clips: Tensor) -> Tensor:
        """[B, C, T, H, W] to [B, D, t, h, w]."""
        count, colours, frames, height, width = clips.shape
        stacked = clips.view(count, colours, frames // 8, 8, height, width).transpose(1, 2)  # [B, t, C, 8, H, W]
        images = stacked.reshape(-1, 8 * colours, height, width).contiguous(memory_format=torch.channels_last)
        maps: Tensor = self._network(images)  # [B·t, D, h, w]
        return maps.view(count, -1, *maps.shape[1:]).transpose(1, 2)


class _Pool(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        """3×3 maxima with stride 2."""
        return functional.max_pool2d(images, 3, 2, 1)


def _as_images(part: nn.Module) -> nn.Module:
    for name, child in list(part.named_children()):
        if isinstance(child, nn.Conv3d):
            setattr(part, name, _image_convolution(child))
        elif isinstance(child, nn.MaxPool3d):
            setattr(part, name, _Pool())
        else:
            _as_images(child)
    return part


def _image_convolution(given: nn.Conv3d) -> nn.Conv2d:
    out, channels, frames, *kernel = given.weight.shape
    stride, padding = (tuple(each[1:]) for each in (given.stride, given.padding))
    made = nn.Conv2d(channels * frames, out, tuple(kernel), stride, padding)  # type: ignore[arg-type]
    with torch.no_grad():
        made.weight.copy_(given.weight.flatten(1, 2))
        made.bias.copy_(given.bias)  # type: ignore[union-attr,arg-type]
    return made
