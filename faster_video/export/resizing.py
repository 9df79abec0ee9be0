"""Changes of size as matrix products, for runtimes that cannot average or resize as PyTorch does.

ONNX has no adaptive pooling to any size, OpenVINO no antialiased resizing; everybody has matrix products.

Shapes: n places along an axis before, m after.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

POOLS: dict[Callable[..., Tensor], int] = {functional.adaptive_avg_pool2d: 2, functional.adaptive_avg_pool3d: 3}
"""How many of the last axes each of them averages."""
AVERAGE = "average"


class ResizingAsProducts(TorchFunctionMode):
    """While active, adaptive average pools and antialiased resizing of pictures are products with constant matrices.

    PyTorch's own functions make a matrix the first time that it is needed: once a network has run so, it can be
    traced, where nothing can be made.
    """

    def __init__(self) -> None:
        super().__init__()
        self._matrices: dict[tuple[str, int, int], Tensor] = {}

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        """What PyTorch calls in the place of each of its functions."""
        named = named or {}
        if function in POOLS:
            return self._pooled(POOLS[function], *arguments, **named)
        if function is functional.interpolate and named.get("antialias") and not named.get("align_corners"):
            return self._resized(*arguments, **named)
        return function(*arguments, **named)

    def _pooled(self, axes: int, maps: Tensor, output_size: int | Sequence[int | None]) -> Tensor:
        wanted = [output_size] * axes if isinstance(output_size, int) else list(output_size)
        last = range(-axes, 0)
        if wanted == [1] * axes:
            return maps.mean(dim=tuple(last), keepdim=True)
        for axis, size in zip(last, wanted, strict=True):
            maps = self._along(axis, maps, AVERAGE, size)
        return maps

    def _resized(self, pictures: Tensor, size: int | Sequence[int] | None = None, **named: Any) -> Tensor:
        """[N, C, H, W]; nothing else can be antialiased."""
        if size is None:
            return functional.interpolate(pictures, **named)
        wanted = [size] * 2 if isinstance(size, int) else size
        for axis, side in zip((-2, -1), wanted, strict=True):
            pictures = self._along(axis, pictures, named["mode"], side)
        return pictures

    def _along(self, axis: int, values: Tensor, how: str, size: int | None) -> Tensor:
        """Averaged or resized along one axis to this size; None leaves it."""
        before = values.shape[axis]
        if size is None or size == before:
            return values
        if (how, before, size) not in self._matrices:
            self._matrices[how, before, size] = _matrix(how, before, size)
        return (values.transpose(axis, -1) @ self._matrices[how, before, size]).transpose(axis, -1)


def _matrix(how: str, before: int, after: int) -> Tensor:
    """[n, m]: what becomes of a line that is 1 in one place and 0 elsewhere, for each place."""
    lines = torch.eye(before)
    if how == AVERAGE:
        return functional.adaptive_avg_pool1d(lines[None], after)[0]
    return functional.interpolate(lines[None, None], (before, after), mode=how, antialias=True)[0, 0]
