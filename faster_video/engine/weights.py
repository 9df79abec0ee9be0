"""Convolutions with their batch norm folded in, and their weights in the order in which the kernels in C read them.

Shapes: K channels out, C channels in, P taps of a kernel, a panel is as many channels out as the kernels take at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.fusion import fuse_conv_bn_weights

from faster_video.engine.library import CONVOLVE, WINOGRAD, WINOGRAD_IN_TIME
from faster_video.errors import EngineError

Triple = tuple[int, int, int]
"""In time, height, width."""
LEAST_TILES = 16
"""For Winograd's algorithm in space: with fewer, fetching its weights takes longer than it saves."""
LINE = 6
"""Inputs that Winograd's algorithm takes at once."""
SCALES = {0: 1 / 4, 1: -1 / 6, -1: -1 / 6, 2: 1 / 24, -2: 1 / 24}
"""Of the weights at each point but the last, which is infinity (Lavin and Gray, 2015)."""


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
    _packed: dict[int, Tensor] = field(default_factory=dict)

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

    def widened(self, channels_in: int, channels_out: int) -> "Convolution":
        """The same with further channels, those of the input without weight and those of the output always 0."""
        more_in, more_out = channels_in - self.weight.shape[1], channels_out - self.channels_out
        weight = pad(self.weight, (0, 0, 0, 0, 0, 0, 0, more_in, 0, more_out))
        return Convolution(weight, pad(self.bias, (0, more_out)), self.window)

    def spread(self, lanes: int) -> "Convolution | None":
        """The same for an input whose pixels of a stride lie side by side and are channels, None if not 7×7, stride 2.

        Of T·H·W places and C channels become t·H/2·W/2 places and s·2·2·C channels, rounded up to vectors of `lanes`, s
        being the frames that the kernel takes for itself, else 1. In space the 7 taps become 4, the first of 8 being 0.
        """
        (kernel, *space), (stride, *steps), (padding, *margins) = self.window
        apart = stride == kernel and padding == 0
        if not (apart or stride == 1) or (space, steps, margins) != ([7, 7], [2, 2], [3, 3]):
            return None
        frames = kernel if apart else 1
        channels_out, channels_in = self.weight.shape[:2]
        taps = pad(self.weight, (1, 0, 1, 0)).view(channels_out, channels_in, kernel // frames, frames, 4, 2, 4, 2)
        taps = taps.permute(0, 3, 5, 7, 1, 2, 4, 6).flatten(1, 4)  # [K, s·2·2·C, t, 4, 4]
        taps = pad(taps, (0, 0, 0, 0, 0, 0, 0, -taps.shape[1] % lanes))
        return Convolution(taps, self.bias, Window((kernel // frames, 4, 4), (1, 1, 1), (padding, 2, 2)))

    def kind(self, size: Triple, lanes: int) -> int:
        """How it is best computed for an output of this size: as a convolution or by Winograd's algorithm."""
        kernel, stride, padding = self.window
        if stride != (1, 1, 1) or self.weight.shape[1] % lanes:
            return CONVOLVE
        if kernel == (3, 1, 1) and padding == (1, 0, 0):
            products, saved_from = LINE * -(-size[0] // 4), 3 * size[0] - 2  # per place; taps before and after are 0
            return WINOGRAD_IN_TIME if products <= 0.75 * saved_from and size[1] * size[2] >= LEAST_TILES else CONVOLVE
        is_known = (kernel[1:], padding[1:]) in (((3, 3), (1, 1)), ((4, 4), (2, 2)))
        tile = LINE + 1 - kernel[1]
        tiles = size[0] * -(-size[1] // tile) * -(-size[2] // tile)
        return WINOGRAD if is_known and kernel[0] in (1, 3) and tiles >= LEAST_TILES else CONVOLVE

    def packed(self, panel: int, kind: int) -> tuple[Tensor, Tensor]:
        """Weights [K / panel, spots·P·C, panel] and biases, K rounded up to panels; one spot but for Winograd."""
        if kind not in self._packed:
            self._packed[kind] = _in_panels(ROWS[kind](self.weight), panel)
        return self._packed[kind], pad(self.bias, (0, -self.channels_out % panel)).contiguous()


def _taps(weight: Tensor) -> Tensor:
    """[K, C, t, h, w] to [t·h·w·C, K]."""
    return weight.permute(2, 3, 4, 1, 0).flatten(0, 3)


def _spots(weight: Tensor) -> Tensor:
    """[K, C, t, h, w] to [36·t·C, K]: what Winograd's algorithm multiplies with."""
    points = _points(weight.shape[-1])
    return torch.einsum("ay,kctyx,bx->abtck", points, weight.double(), points).float().flatten(0, 3)


def _spots_in_time(weight: Tensor) -> Tensor:
    """[K, C, t, 1, 1] to [6·C, K]."""
    return torch.einsum("at,kctyx->ackyx", _points(weight.shape[2]), weight.double()).float().flatten(0, 1)[..., 0, 0]


def _points(taps: int) -> Tensor:
    """G of Lavin and Gray: the weights of a line, as a polynomial, at 0, ±1, ±2 and infinity; [6, taps]."""
    finite = [[scale * point**power for power in range(taps)] for point, scale in SCALES.items()]
    return torch.tensor([*finite, [0] * (taps - 1) + [1]], dtype=torch.float64)


ROWS: dict[int, Callable[[Tensor], Tensor]] = {
    CONVOLVE: _taps,
    WINOGRAD: _spots,
    WINOGRAD_IN_TIME: _spots_in_time,
}
"""The weights of every kind of layer as rows of K."""


def _in_panels(rows: Tensor, panel: int) -> Tensor:
    """[R, K] to [K / panel, R, panel], K rounded up with zeros."""
    whole = pad(rows, (0, -rows.shape[1] % panel))
    return whole.unflatten(1, (-1, panel)).transpose(0, 1).contiguous()  # type: ignore[no-untyped-call,no-any-return]
