"""Work for the kernels in C, put together layer by layer, and the memory that the maps between the layers lie in.

Shapes: T H W places of a map, C its channels, K channels of a layer's output.
"""

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Generic, TypeVar

import torch
from torch import Tensor

from faster_video.engine.library import MAXIMUM, SPREAD, Layer
from faster_video.engine.weights import Convolution, Triple, Window

MOST_SIZES = 4
"""Of maps or clips for which layers are kept."""


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
        self._scratch = torch.empty(0, 0)
        """What each thread works in."""

    def run(self, library: ctypes.CDLL, threads: int, source: Tensor | None = None) -> None:
        """Compute all of them from what their inputs hold now, the first from `source` if that is given.

        The first run ends the putting together.
        """
        if self._array is None:
            self._array = (Layer * len(self._layers))(*self._layers)
        if source is not None:
            self._array[0].input = source.data_ptr()
        place, count = ctypes.addressof(self._array), len(self._array)
        if len(self._scratch) != threads:
            self._scratch = torch.empty(threads, library.room(place, count))
        library.run(place, count, threads, self._scratch.data_ptr())

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

    def spread(self, frames: Map, window: Window, channels: int) -> Map:
        """The pixels of a stride side by side, as this many channels; 0 where there is none."""
        time, *space = zip(frames.size, window.stride, strict=True)
        height, width = (-(-side // stride) for side, stride in space)
        size = (time[0] // time[1], height, width)
        result = Map(size, channels, torch.zeros(prod(size) * channels))  # what is 0 is never written
        self._add(SPREAD, window, frames, result)
        return result

    def convolve(
        self,
        present: Map,
        convolution: Convolution,
        *,
        relu: bool = True,
        added: Map | None = None,
        into: Map | None = None,
        size: Triple | None = None,
    ) -> Map:
        """The map of a convolution, plus `added`, negative values to 0 if `relu`; `into` memory of the caller's.

        `size` cuts off what lies past it.
        """
        size = size or convolution.window.size(present.size)
        result = self.new_map(size, convolution.channels_out) if into is None else into
        kind = convolution.kind(size, self._lanes)
        self._add(
            kind,
            convolution.window,
            present,
            result,
            run=present.channels,
            weights=convolution.packed(self._panel, kind),
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


class Recent(threading.local, Generic[Size, Kept]):
    """What was made for the last few sizes that there were, for every thread its own."""

    def __init__(self, make: Callable[[Size], Kept]) -> None:
        self._make = make
        self._kept: dict[Size, Kept] = {}

    def __getitem__(self, size: Size) -> Kept:
        found = self._kept.pop(size) if size in self._kept else self._make(size)
        self._kept[size] = found  # the last one used is the last one dropped
        if len(self._kept) > MOST_SIZES:
            del self._kept[next(iter(self._kept))]
        return found
