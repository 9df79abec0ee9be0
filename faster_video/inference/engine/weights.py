"""Convolutions with their batch norm folded in, and their weights in the order in which `kernels.c` reads them.

Shapes: K channels out, C channels in, P taps of a kernel, a panel is as many channels out as the kernels take at once.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.fusion import fuse_conv_bn_weights

from faster_video.errors import EngineError

Triple = tuple[int, int, int]
"""In time, height, width."""
TILE = 4
"""Side of the outputs that Winograd's algorithm computes at once."""
_WINOGRAD = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
"""G of F(4×4, 3×3) (Lavin and Gray, 2015): three weights of a line become six."""


class Window(NamedTuple):
    """What a layer looks at for one place of its output."""

    kernel: Triple
    stride: Triple
    padding: Triple

    def size(self, size: Triple) -> Triple:
        """Of the output, for an input of this size."""
        sides = zip(size, *self, strict=True)
        return cast("Triple", tuple((side + 2 * pad - kernel) // stride + 1 for side, kernel, stride, pad in sides))


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution and the batch norm after it, as one affine map of what is in the window."""

    weight: Tensor
    """[K, C, kernel]."""
    bias: Tensor
    """[K]."""
    window: Window
    _packed: dict[bool, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, convolution: nn.Conv3d, norm: nn.BatchNorm3d) -> "Convolution":
        """The two as they are in evaluation."""
        if norm.running_mean is None or norm.running_var is None:
            raise EngineError("the network's batch norms have no statistics, which the engine native needs")
        known = tuple(convolution.dilation) == (1, 1, 1) and convolution.groups == 1
        if not known or convolution.padding_mode != "zeros" or isinstance(convolution.padding, str):
            raise EngineError(f"the engine native does not know such a convolution: {convolution}")
        parts = (convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        weight, bias, mean, variance, scale, shift = (
            None if part is None else part.detach().to("cpu", torch.float64) for part in parts
        )
        assert weight is not None and mean is not None and variance is not None  # as checked
        folded = fuse_conv_bn_weights(weight, bias, mean, variance, norm.eps, scale, shift)
        own = (tensor.detach().float().contiguous() for tensor in folded)
        sizes = (convolution.kernel_size, convolution.stride, convolution.padding)
        return cls(next(own), next(own), Window(*(cast("Triple", tuple(size)) for size in sizes)))

    @property
    def channels_out(self) -> int:
        """K."""
        return self.weight.shape[0]

    def suits_winograd(self, lanes: int) -> bool:
        """Whether it is 3×3 in space without stride, with channels in whole vectors of `lanes`."""
        kernel, stride, padding = self.window
        is_square = kernel[1:] == (3, 3) and stride == (1, 1, 1) and padding[1:] == (1, 1)
        return is_square and kernel[0] in (1, 3) and self.weight.shape[1] % lanes == 0

    def packed(self, panel: int, *, winograd: bool) -> tuple[Tensor, Tensor]:
        """Weights [K / panel, P·C, panel], P being 36 · kernel_t for Winograd, and biases; K rounded up to panels."""
        if winograd not in self._packed:
            self._packed[winograd] = _in_panels(_spots(self.weight) if winograd else _taps(self.weight), panel)
        return self._packed[winograd], pad(self.bias, (0, -self.channels_out % panel)).contiguous()


def _taps(weight: Tensor) -> Tensor:
    """[K, C, kernel] to [P·C, K]."""
    return weight.permute(2, 3, 4, 1, 0).flatten(0, 3)


def _spots(weight: Tensor) -> Tensor:
    """[K, C, t, 3, 3] to [36·t·C, K]: what Winograd's algorithm multiplies with."""
    lines = torch.tensor(_WINOGRAD, dtype=torch.float64)
    spots = torch.einsum("ay,kctyx,bx->abtck", lines, weight.double(), lines)
    return spots.float().flatten(0, 3)


def _in_panels(rows: Tensor, panel: int) -> Tensor:
    """[R, K] to [K / panel, R, panel], K rounded up with zeros."""
    whole = pad(rows, (0, -rows.shape[1] % panel))
    return whole.unflatten(1, (-1, panel)).transpose(0, 1).contiguous()  # type: ignore[no-untyped-call,no-any-return]
