"""Clip networks on CUDA GPUs as the image networks that they nearly are, for which cuDNN has quicker kernels.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from faster_video.backbones import ClipResNet
from faster_video.backbones.blocks import Bottleneck

ALIGNED = 8
"""Channels between two convolutions are made a multiple of this; quick kernels read no others."""


class GpuNetwork(nn.Module):
    """A folded network with the weights that it has now; runs elsewhere too, only not quicker."""

    def __init__(self, folded: ClipResNet) -> None:
        super().__init__()
        self._parts = nn.Sequential(*map(_on_gpu, (folded.stem, folded.pool, folded.stages)))

    def forward(self, clips: Tensor) -> Tensor:
        """Clips [B, C, T, H, W], of any numbers and however they lie in memory, to maps [B, D, t, h, w]."""
        return self._parts(clips)  # type: ignore[no-any-return]


class GpuConvolution(nn.Module):
    """A convolution and its bias, plus a map, and values below 0 to 0: in one kernel on a GPU.

    It is computed over images where it looks along time or across pictures but not both, or where it sees colours: the
    frames that it sees are then one image of more colours. Maps come and go as [B, D, t, h, w] with the channels last
    in memory, of which images are another view.
    """

    def __init__(self, given: nn.Conv3d, *, relu: bool = False, more_in: int = 0, more_out: int = 0) -> None:
        """`more_in` and `more_out` are channels of zeros that the maps before and behind it have besides."""
        super().__init__()
        self.relu = relu
        self._kernel, self._stride = given.kernel_size, given.stride
        self._padding = cast("tuple[int, ...]", given.padding)
        self._sees_colours = given.in_channels < ALIGNED and more_in == 0 and given.kernel_size[1] > 1
        weight = functional.pad(given.weight.detach(), (0, 0) * 3 + (0, more_in, 0, more_out))
        if self._sees_colours or self._looks_across:
            weight = weight.flatten(1, 2)  # [out, in·k_t, k, k]
        elif self._looks_along_time:
            weight = weight.flatten(3)  # [out, in, k_t, 1]
        layout = torch.channels_last if weight.ndim == 4 else torch.channels_last_3d
        assert given.bias is not None  # that of the batch norm
        self.register_buffer("weight", weight.contiguous(memory_format=layout))
        self.register_buffer("bias", functional.pad(given.bias.detach(), (0, more_out)))

    @property
    def _looks_across(self) -> bool:
        return self._kernel[0] == self._stride[0] == 1 and self._padding[0] == 0

    @property
    def _looks_along_time(self) -> bool:
        return self._kernel[1:] == self._stride[1:] == (1, 1) and not self._looks_across

    def forward(self, maps: Tensor, added: Tensor | None = None) -> Tensor:
        """Clips or maps [B, D, t, h, w] to maps of other sizes, plus `added`, which has theirs."""
        if self._sees_colours:
            return _as_maps(self._convolved(self._stacked(maps), self._stride[1:], self._padding[1:]), len(maps))
        if self._looks_across:
            images = _as_images(maps)
            more = None if added is None else _as_images(added)
            return _as_maps(self._convolved(images, self._stride[1:], self._padding[1:], more), len(maps))
        if self._looks_along_time:
            stride, padding = (self._stride[0], 1), (self._padding[0], 0)
            more = None if added is None else added.flatten(3)
            result = self._convolved(maps.flatten(3), stride, padding, more)  # [B, D, t, h·w]
            return result.view(*result.shape[:3], *maps.shape[3:])
        return self._convolved(maps, self._stride, self._padding, added)

    def _stacked(self, clips: Tensor) -> Tensor:
        """The frames that each picture of the result is of, as one image: [B·t, C·k_t, H, W], channels last."""
        clips = functional.pad(clips, (0, 0) * 2 + (self._padding[0],) * 2)
        frames = clips.unfold(2, self._kernel[0], self._stride[0]).permute(0, 2, 3, 4, 1, 5)  # [B, t, H, W, C, k_t]
        images = torch.empty(frames.shape, dtype=cast("Tensor", self.weight).dtype, device=clips.device)
        return images.copy_(frames).flatten(4).flatten(0, 1).movedim(-1, 1)

    def _convolved(
        self, images: Tensor, stride: tuple[int, ...], padding: tuple[int, ...], added: Tensor | None = None
    ) -> Tensor:
        weight, bias = cast("Tensor", self.weight), cast("Tensor", self.bias)
        ones = [1] * len(stride)
        if self.relu and _can_fuse(images) and not self._is_quicker_in_two:
            if added is not None:
                return torch.cudnn_convolution_add_relu(images, weight, added, 1.0, bias, stride, padding, ones, 1)
            return torch.cudnn_convolution_relu(images, weight, bias, stride, padding, ones, 1)
        convolve = functional.conv2d if images.ndim == 4 else functional.conv3d
        result = convolve(images, weight, bias, stride, padding)
        result = result if added is None else result.add_(added)
        return result.relu_() if self.relu else result

    @property
    def _is_quicker_in_two(self) -> bool:
        """As was measured of first layers that see several frames, in TF32."""
        return self._sees_colours and self._kernel[0] > 1 and cast("Tensor", self.weight).dtype == torch.float32


class GpuBottleneck(nn.Module):
    """A bottleneck block whose last convolution adds the shortcut."""

    def __init__(self, given: Bottleneck) -> None:
        super().__init__()
        self._before = _on_gpu(nn.Sequential(given.reduce, given.middle))
        self._restore = GpuConvolution(cast("nn.Conv3d", given.restore[0]), relu=True)
        self._shortcut = _on_gpu(given.shortcut)

    def forward(self, maps: Tensor) -> Tensor:
        """[B, D, t, h, w] to [B, 4·channels, t/stride, h/stride, w/stride]."""
        return self._restore(self._before(maps), self._shortcut(maps))  # type: ignore[no-any-return]


class GpuPool(nn.Module):
    """Maxima of 3×3 places with stride 2."""

    def forward(self, maps: Tensor) -> Tensor:
        """[B, D, t, h, w] to [B, D, t, h/2, w/2]."""
        return _as_maps(functional.max_pool2d(_as_images(maps), 3, 2, 1), len(maps))


def _on_gpu(part: nn.Module) -> nn.Module:
    """The same of a part of a folded network."""
    if isinstance(part, nn.Sequential):
        return _one_after_the_other(part)
    if isinstance(part, Bottleneck):
        return GpuBottleneck(part)
    if isinstance(part, nn.MaxPool3d):
        return GpuPool()
    return GpuConvolution(part) if isinstance(part, nn.Conv3d) else part


def _one_after_the_other(given: nn.Sequential) -> nn.Sequential:
    parts = list(_parts(given))
    made: list[nn.Module] = []
    more = 0
    for place, part in enumerate(parts):
        before = made[-1] if made else None
        if isinstance(part, nn.Conv3d):
            has_relu = isinstance(next(iter(parts[place + 1 :]), None), nn.ReLU)
            comes_another = has_relu and isinstance(next(iter(parts[place + 2 :]), None), nn.Conv3d)
            more_out = -part.out_channels % ALIGNED if comes_another else 0
            made.append(GpuConvolution(part, relu=has_relu, more_in=more, more_out=more_out))
            more = more_out
        elif not (isinstance(part, nn.ReLU) and isinstance(before, GpuConvolution)):
            made.append(_on_gpu(part))
    return nn.Sequential(*made)


def _parts(given: nn.Sequential) -> Iterator[nn.Module]:
    """What is in it and in those in it, but for what does nothing."""
    for part in given:
        if isinstance(part, nn.Sequential):
            yield from _parts(part)
        elif not isinstance(part, nn.Identity):
            yield part


def _can_fuse(images: Tensor) -> bool:
    """Whether cuDNN computes this, in the numbers that it is in and with no gradient, which its joined kernels lack."""
    is_cuda = images.is_cuda and torch.version.cuda is not None and torch.backends.cudnn.enabled
    return is_cuda and not torch.is_autocast_enabled("cuda") and not images.requires_grad


def _as_images(maps: Tensor) -> Tensor:
    """[B, D, t, h, w] to [B·t, D, h, w]."""
    return maps.transpose(1, 2).flatten(0, 1)


def _as_maps(images: Tensor, clips: int) -> Tensor:
    """[B·t, D, h, w] to [B, D, t, h, w]."""
    return images.view(clips, -1, *images.shape[1:]).transpose(1, 2)
