"""A convolution with its batch norm, in training on a processor: PyTorch's results, and quicker gradients.

Maps are float32 with the channels last in memory. Shapes: B clips, D channels, t h w feature map, P places of a kernel.
"""

import ctypes
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from faster_video.engine.library import load_library

Triple = tuple[int, ...]
FEW_PLACES = 8192
"""Of all maps of a batch: up to so many, a matrix product is quicker than PyTorch's 1×1×1 convolution and gradients."""
FEW_CHANNELS = 8
"""Below so many, PyTorch's gradient of the weights is quicker (networks' first kernels)."""
MANY_CHANNELS = 32
"""From so many that come out of a first kernel, its frames are stacked: that pays for laying them out anew."""
CHANNELS_LAST = torch.channels_last_3d


class _Norm(ctypes.Structure):
    """As `kernels/norm.h` has it."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("m", "c", "relu")),
        *((name, ctypes.c_double) for name in ("momentum", "eps")),
        *((name, ctypes.c_void_p) for name in ("x", "added", "weight", "bias")),
        *((name, ctypes.c_void_p) for name in ("y", "mean", "inverse", "running_mean", "running_variance")),
        *((name, ctypes.c_void_p) for name in ("of_y", "of_x", "of_added", "of_weight", "of_bias")),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """What a convolution and its batch norm do beside their weights."""

    stride: Triple
    padding: Triple
    norm: nn.BatchNorm3d
    relu: bool


def convolved(
    convolution: nn.Conv3d, norm: nn.BatchNorm3d, maps: Tensor, *, relu: bool, added: Tensor | None = None
) -> Tensor:
    """Convolution, `norm` as in training, `added` on top, ReLU: [B, D, t, h, w] to [B, D', t', h', w'].

    The convolution has no bias and is padded with zeros; `added` has the shape of the result.

    Raises:
        ValueError: there is one value per channel, which has no spread.
    """
    if added is not None:
        added = added.contiguous(memory_format=CHANNELS_LAST)
    weight, stride = convolution.weight, convolution.stride
    frames = weight.shape[2]  # of the kernel: stacked where they follow each other without overlap or padding
    apart = frames == stride[0] > 1 and convolution.padding[0] == 0 and maps.shape[2] % frames == 0
    stacks = apart and added is None and maps.shape[1] < FEW_CHANNELS and len(weight) >= MANY_CHANNELS
    clips = len(maps)
    if stacks:
        maps, weight = (_frames_as_channels(part, stride[0]) for part in (maps, weight))
        stride = (1, *stride[1:])
    result: Tensor = _Convolved.apply(  # type: ignore[no-untyped-call]
        maps.contiguous(memory_format=CHANNELS_LAST),
        *(weight, norm.weight, norm.bias, added),
        _Way(stride, convolution.padding, norm, relu),  # type: ignore[arg-type]
    )
    if len(result) == clips:  # and with strides that pooling knows for channels last
        return result
    return result.squeeze(2).unflatten(0, (clips, -1)).transpose(1, 2)  # type: ignore[no-untyped-call,no-any-return]


def _frames_as_channels(maps: Tensor, span: int) -> Tensor:
    """Every `span` frames stacked: [B, D, t, h, w] to [B·t/span, span·D, 1, h, w]."""
    frames = maps.movedim(1, -1).unflatten(1, (-1, span))  # type: ignore[no-untyped-call]  # [B, t/span, span, h, w, D]
    return frames.movedim(2, 4).flatten(4).flatten(0, 1).movedim(-1, 1).unsqueeze(2)  # type: ignore[no-any-return]


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        maps: Tensor,
        weight: Tensor,
        scale: Tensor,
        bias: Tensor,
        added: Tensor | None,
        way: _Way,
    ) -> Tensor:
        norm = way.norm
        # Of some shapes PyTorch makes maps with the channels first all the same.
        inside = _convolve(maps, weight, way.stride, way.padding).contiguous(
            memory_format=CHANNELS_LAST
        )  # [B, D', t', h', w']
        places = inside.numel() // len(scale)
        if places < 2:
            raise ValueError(f"expected more than 1 value per channel in training, got maps of shape {inside.shape}")
        result, statistics = torch.empty_like(inside), torch.empty(2, len(scale))
        assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
        norm.num_batches_tracked += 1
        layer = _Norm(
            *(places, len(scale), way.relu, norm.momentum, norm.eps),
            *_at(inside, added, scale, bias, result),
            *_halves(statistics),
            *_at(norm.running_mean, norm.running_var),
        )
        load_library().norm(ctypes.byref(layer), torch.get_num_threads())
        context.save_for_backward(maps, weight, inside, scale, statistics, result if way.relu else None)
        context.way, context.is_added = way, added is not None
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight, inside, scale, statistics, result = context.saved_tensors
        gradient = gradient.contiguous(memory_format=CHANNELS_LAST)
        of_inside, of_norm = torch.empty_like(inside), torch.empty(2, len(scale))
        of_added = gradient if context.is_added else None
        if context.is_added and result is not None:
            of_added = torch.empty_like(inside)
        layer = _Norm(
            *(inside.numel() // len(scale), len(scale), result is not None, 0, 0),
            *_at(inside, None, scale, None, result),
            *_halves(statistics),
            *_at(None, None, gradient, of_inside, None if result is None else of_added),
            *_halves(of_norm),
        )
        load_library().norm_gradient(ctypes.byref(layer), torch.get_num_threads())
        wanted = context.needs_input_grad[:2]
        of_maps, of_weight = _gradients(of_inside, maps, weight, context.way.stride, context.way.padding, wanted)
        return of_maps, of_weight, *of_norm, of_added, None


def _convolve(maps: Tensor, weight: Tensor, stride: Triple, padding: Triple) -> Tensor:
    if _is_product(maps, weight, stride):
        return torch.matmul(_read(maps, stride), weight.flatten(1).T).movedim(-1, 1)
    return torch.conv3d(maps, weight, None, stride, padding)


def _gradients(
    gradient: Tensor, maps: Tensor, weight: Tensor, stride: Triple, padding: Triple, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Of the input and of the weights of a convolution, where they are wanted."""
    of_maps, of_weight = wanted
    if _is_product(maps, weight, stride):
        rows = gradient.movedim(1, -1)  # [B, t', h', w', D']
        return (
            _spread(rows @ weight.flatten(1), maps, stride) if of_maps else None,
            (rows.flatten(0, 3).T @ _read(maps, stride).flatten(0, 3)).view_as(weight) if of_weight else None,
        )
    own = of_weight and prod(weight.shape[2:]) > 1 and weight.shape[1] >= FEW_CHANNELS
    theirs = torch.ops.aten.convolution_backward(
        *(gradient, maps, weight, None, stride, padding, (1, 1, 1), False, (0, 0, 0), 1),
        (of_maps, of_weight and not own, False),
    )
    return theirs[0], _of_weight(gradient, maps, weight, stride, padding) if own else theirs[1]


def _is_product(maps: Tensor, weight: Tensor, stride: Triple) -> bool:
    """Whether a convolution is a matrix product that is quicker as such."""
    if weight.numel() != weight.shape[0] * weight.shape[1]:
        return False
    return max(stride) > 1 or maps.numel() <= FEW_PLACES * maps.shape[1]


def _read(maps: Tensor, stride: Triple) -> Tensor:
    """What a 1×1×1 convolution reads of a map: [B, t', h', w', D]."""
    rows = maps.movedim(1, -1)
    return rows[:, :: stride[0], :: stride[1], :: stride[2]] if max(stride) > 1 else rows


def _spread(rows: Tensor, maps: Tensor, stride: Triple) -> Tensor:
    """The other way round: [B, t', h', w', D] to [B, D, t, h, w], zero where nothing was read."""
    if max(stride) == 1:
        return rows.movedim(-1, 1)
    spread = torch.zeros_like(maps)
    _read(spread, stride).copy_(rows)
    return spread


def _of_weight(gradient: Tensor, maps: Tensor, weight: Tensor, stride: Triple, padding: Triple) -> Tensor:
    """Of a convolution's weights [D', D, kernel]; in memory [D', P, D]."""
    result = torch.empty_like(weight, memory_format=CHANNELS_LAST)
    sizes = (len(maps), *maps.shape[2:], maps.shape[1], *gradient.shape[2:], gradient.shape[1])
    numbers = (*sizes, *weight.shape[2:], *stride, *padding)
    lying = map(ctypes.c_void_p, _at(maps, gradient, result))
    load_library().weight_gradient((ctypes.c_long * len(numbers))(*numbers), *lying, torch.get_num_threads())
    return result


def _at(*tensors: Tensor | None) -> list[int | None]:
    """Where they lie in memory."""
    return [None if tensor is None else tensor.data_ptr() for tensor in tensors]


def _halves(pair: Tensor) -> tuple[int, int]:
    """Where the two rows of float32 [2, D] lie in memory."""
    start = pair.data_ptr()
    return start, start + 4 * pair.shape[1]
