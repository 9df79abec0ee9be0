"""Work for `kernels.c`, put together layer by layer, and the memory that the maps between the layers lie in.

Shapes: T H W places of a map, C its channels, K channels of a layer's output.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Generic, TypeVar

import torch
from torch import Tensor

from faster_video.inference.engine.library import Layer
from faster_video.inference.engine.weights import TILE, Convolution, Triple, Window

MOST_SIZES = 4
"""Of maps or clips for which layers are kept."""
CONVOLVE, WINOGRAD, MAXIMUM = range(3)
"""Kinds of layers in `kernels.c`."""
LEAST_TILES = 16
"""In all frames of a map, for Winograd's algorithm: with fewer, fetching its weights takes longer than it saves."""


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A map in memory, [T, H, W, C]."""

    size: Triple
    channels: int
    memory: Tensor
    """One-dimensional, at least as long as the map."""

    @property
    def view(self) -> Tensor:
        """[T, H, W, C]."""
        shape = (*self.size, self.channels)
        return self.memory[: prod(shape)].view(shape)


class Layers:
    """Layers in the order in which they are computed; run by one thread at a time."""

    def __init__(self, lanes: int) -> None:
        self._lanes, self._panel = lanes, 2 * lanes
        self._layers: list[Layer] = []
        self._kept: list[Tensor] = []
        """What the layers point at."""
        self._free: list[Tensor] = []
        """Memory of maps that nothing reads any more."""
        self._array: ctypes.Array[Layer] | None = None

    def run(self, library: ctypes.CDLL, threads: int) -> None:
        """Compute all of them from what their inputs hold now; the first run ends the putting together."""
        if self._array is None:
            self._array = (Layer * len(self._layers))(*self._layers)
        library.run(ctypes.addressof(self._array), len(self._array), threads)

    def new_map(self, size: Triple, channels: int) -> Map:
        """Memory for a map: the smallest free piece that is large enough, or a new one."""
        wanted = prod(size) * channels
        fitting = [memory for memory in self._free if memory.numel() >= wanted]
        if not fitting:
            return Map(size, channels, torch.empty(wanted))
        smallest = min(fitting, key=torch.Tensor.numel)
        self._free = [memory for memory in self._free if memory is not smallest]
        return Map(size, channels, smallest)

    def release(self, *maps: Map) -> None:
        """No layer to come reads these: their memory is free for others."""
        self._free += [each.memory for each in maps]

    def convolve_lines(self, padded: Map, convolution: Convolution) -> Map:
        """For few channels and lines padded already: a line of the kernel is one run of numbers, colours and all."""
        kernel, stride, padding = convolution.window
        line = Window((*kernel[:2], 1), stride, (*padding[:2], 0))
        places = Window(kernel, stride, (*padding[:2], 0)).size(padded.size)
        result = self.new_map(places, convolution.channels_out)
        weights = convolution.packed(self._panel, winograd=False)
        self._add(CONVOLVE, line, padded, result, run=kernel[2] * padded.channels, weights=weights)
        return result

    def convolve(
        self,
        present: Map,
        convolution: Convolution,
        *,
        relu: bool = True,
        added: Map | None = None,
        into: Map | None = None,
    ) -> Map:
        """The map of a convolution, plus `added`, negative values to 0 if `relu`; `into` memory of the caller's."""
        size = convolution.window.size(present.size)
        result = self.new_map(size, convolution.channels_out) if into is None else into
        tiles = size[0] * -(-size[1] // TILE) * -(-size[2] // TILE)
        winograd = tiles >= LEAST_TILES and convolution.suits_winograd(self._lanes)
        self._add(
            WINOGRAD if winograd else CONVOLVE,
            convolution.window,
            present,
            result,
            run=present.channels,
            weights=convolution.packed(self._panel, winograd=winograd),
            relu=relu,
            added=added,
        )
        return result

    def pool(self, present: Map, window: Window) -> Map:
        """The largest value of every window."""
        result = self.new_map(window.size(present.size), present.channels)
        self._add(MAXIMUM, window, present, result)
        return result

    def _add(
        self,
        kind: int,
        window: Window,
        source: Map,
        target: Map,
        *,
        run: int = 0,
        weights: tuple[Tensor, ...] = (),
        relu: bool = True,
        added: Map | None = None,
    ) -> None:
        read = [source.memory, target.memory, *([] if added is None else [added.memory])]
        self._kept += [*read, *weights]
        pointers = [tensor.data_ptr() for tensor in read] + [0] * (added is None)
        pointers += [tensor.data_ptr() for tensor in weights] or [0, 0]
        sizes = (*source.size, source.channels, *target.size, target.channels)
        self._layers.append(
            Layer(kind, *sizes, *window.kernel, *window.stride, *window.padding, run, int(relu), *pointers)
        )


Size = TypeVar("Size")
Kept = TypeVar("Kept")


class Recent(Generic[Size, Kept]):
    """What was made for the last few sizes that there were."""

    def __init__(self, make: Callable[[Size], Kept]) -> None:
        self._make = make
        self._kept: dict[Size, Kept] = {}

    def __getitem__(self, size: Size) -> Kept:
        found = self._kept.pop(size) if size in self._kept else self._make(size)
        self._kept[size] = found  # the last one used is the last one dropped
        if len(self._kept) > MOST_SIZES:
            del self._kept[next(iter(self._kept))]
        return found
