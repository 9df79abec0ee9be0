"""Convolution, and batch norm with what follows it, in training on a processor: PyTorch's results from quicker gradients.

Maps are float32 with the channels last in memory. Shapes: B clips, D channels, t h w feature map, M = B·t·h·w places, P
places of a kernel.
"""

import ctypes
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from faster_video.inference.engine.library import load_library

Triple = tuple[int, int, int]
FEW_PLACES = 8192
"""Of a map: up to so many, matrix products are quicker than the gradients of PyTorch's 1×1×1 convolutions."""
FEW_CHANNELS = 8
"""Below so many, PyTorch's gradient of the weights is quicker (networks' first kernels)."""
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


def convolve(convolution: nn.Conv3d, maps: Tensor) -> Tensor:
    """As `convolution` (without bias, padded with zeros) from [B, D, t, h, w] to [B, D', t', h', w']."""
    result: Tensor = _Convolve.apply(  # type: ignore[no-untyped-call]
        maps, convolution.weight, convolution.stride, convolution.padding
    )
    return result


def normalized(norm: nn.BatchNorm3d, maps: Tensor, *, relu: bool, added: Tensor | None = None) -> Tensor:
    """As `norm` in training, then `added` on top, then ReLU; all [B, D, t, h, w]. Other kinds of batch norm run as they are."""
    if (
        type(norm) is not nn.BatchNorm3d or prod(maps.shape) == maps.shape[1]
    ):  # one value has no spread: PyTorch says so
        result: Tensor = norm(maps)
        result = result if added is None else result + added
        return result.relu_() if relu else result
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked += 1
    result = _Normalize.apply(maps, norm.weight, norm.bias, added, norm, relu)  # type: ignore[no-untyped-call]
    return result


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, maps: Tensor, weight: Tensor, stride: Triple, padding: Triple) -> Tensor:
        maps = maps.contiguous(memory_format=CHANNELS_LAST)
        context.save_for_backward(maps, weight)
        context.stride, context.padding = stride, padding
        return functional.conv3d(maps, weight, None, stride, padding)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        maps, weight = context.saved_tensors
        stride, padding = context.stride, context.padding
        gradient = gradient.contiguous(memory_format=CHANNELS_LAST)
        for_maps, for_weight = context.needs_input_grad[:2]
        places = gradient.numel() // gradient.shape[1]
        if prod(weight.shape[2:]) == 1 and (places <= FEW_PLACES or prod(stride) > 1):
            of_maps = _of_pointwise_maps(gradient, maps, weight, stride) if for_maps else None
            return of_maps, _of_pointwise_weight(gradient, maps, weight, stride) if for_weight else None, None, None
        own = for_weight and prod(weight.shape[2:]) > 1 and weight.shape[1] >= FEW_CHANNELS
        of_maps, of_weight, _ = torch.ops.aten.convolution_backward(
            *(gradient, maps, weight, None, stride, padding, (1, 1, 1), False, (0, 0, 0), 1),
            (for_maps, for_weight and not own, False),
        )
        if own:
            of_weight = _of_weight(gradient, maps, weight, stride, padding)
        return of_maps, of_weight, None, None


def _of_pointwise_maps(gradient: Tensor, maps: Tensor, weight: Tensor, stride: Triple) -> Tensor:
    """Of a 1×1×1 convolution's input [B, D, t, h, w]: a matrix product, spread out over the places that were read."""
    rows = gradient.movedim(1, -1) @ weight.flatten(1)  # [B, t', h', w', D]
    if prod(stride) == 1:
        return rows.movedim(-1, 1)
    spread = torch.zeros_like(maps)
    _read(spread, stride).copy_(rows)
    return spread


def _of_pointwise_weight(gradient: Tensor, maps: Tensor, weight: Tensor, stride: Triple) -> Tensor:
    """Of a 1×1×1 convolution's weights [D', D, 1, 1, 1]."""
    rows = _read(maps, stride).flatten(0, 3)  # [M', D]
    return (gradient.movedim(1, -1).flatten(0, 3).T @ rows).view_as(weight)


def _read(maps: Tensor, stride: Triple) -> Tensor:
    """What a 1×1×1 convolution reads of a map: [B, t', h', w', D]."""
    return maps.movedim(1, -1)[:, :: stride[0], :: stride[1], :: stride[2]]


def _of_weight(gradient: Tensor, maps: Tensor, weight: Tensor, stride: Triple, padding: Triple) -> Tensor:
    """Of a convolution's weights, as they are: [D', D, kernel]; in memory [D', P, D]."""
    result = torch.empty_like(weight, memory_format=CHANNELS_LAST)
    sizes = (len(maps), *maps.shape[2:], maps.shape[1], *gradient.shape[2:], gradient.shape[1])
    numbers = (*sizes, *weight.shape[2:], *stride, *padding)
    load_library().weight_gradient((ctypes.c_long * len(numbers))(*numbers), *_at(maps, gradient, result), _threads())
    return result


class _Normalize(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor,
        added: Tensor | None,
        norm: nn.BatchNorm3d,
        relu: bool,
    ) -> Tensor:
        maps = maps.contiguous(memory_format=CHANNELS_LAST)
        if added is not None:
            added = added.contiguous(memory_format=CHANNELS_LAST)
        result, statistics = torch.empty_like(maps), weight.new_empty(2, len(weight))
        context.relu, context.is_added = relu, added is not None
        context.save_for_backward(maps, weight, statistics, result if relu else None)
        assert norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None
        layer = _Norm(
            *_sizes(maps, relu),
            *(norm.momentum, norm.eps),
            *_at(maps, added, weight, bias, result, *statistics, norm.running_mean, norm.running_var),
        )
        load_library().norm(ctypes.byref(layer), _threads())
        return result

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight, statistics, result = context.saved_tensors
        gradient = gradient.contiguous(memory_format=CHANNELS_LAST)
        of_maps, of_weights = torch.empty_like(maps), weight.new_empty(2, len(weight))
        of_added = torch.empty_like(maps) if context.is_added and context.relu else None
        layer = _Norm(
            *_sizes(maps, context.relu),
            *(0, 0),
            *_at(maps, None, weight, None, result, *statistics, None, None, gradient, of_maps, of_added, *of_weights),
        )
        load_library().norm_gradient(ctypes.byref(layer), _threads())
        if context.is_added and not context.relu:
            of_added = gradient
        return of_maps, of_weights[0], of_weights[1], of_added, None, None


def _sizes(maps: Tensor, relu: bool) -> tuple[int, int, int]:
    return maps.numel() // maps.shape[1], maps.shape[1], int(relu)


def _at(*tensors: Tensor | None) -> list[ctypes.c_void_p]:
    """Where they lie."""
    return [ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors]


def _threads() -> ctypes.c_int:
    return ctypes.c_int(torch.get_num_threads())
