"""What `kernels.c` is to do for clips of one size: its layers, and the memory that the maps between them lie in.

Shapes: T H W frames of a clip or places of a map, C its channels, t h w feature map, D its channels.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from faster_video.backbones.blocks import Bottleneck, ClipResNet
from faster_video.errors import EngineError
from faster_video.inference.engine.library import Layer
from faster_video.inference.engine.weights import TILE, Convolution, Triple, Window

CONVOLVE, WINOGRAD, MAXIMUM = range(3)
"""Kinds of layers in `kernels.c`."""
LEAST_TILES = 16
"""In all frames of a map, for Winograd's algorithm: with fewer, fetching its weights takes longer than it saves."""
POOL = Window((1, 3, 3), (1, 2, 2), (0, 1, 1))
"""The pooling after the stem (Table 1)."""
MOST_TAPS = 64
"""As in `kernels.c`; of the first kernel, whose lines are one tap each, lines."""


@dataclass(frozen=True, slots=True)
class Block:
    """A bottleneck block, its batch norms folded in."""

    path: tuple[Convolution, ...]
    """Reduce, the middle's one or two, restore."""
    shortcut: Convolution | None

    @classmethod
    def of(cls, block: Bottleneck) -> "Block":
        """The block as it is in evaluation."""
        path = [*_convolutions(block.reduce), *_convolutions(block.middle), *_convolutions(block.restore)]
        return cls(tuple(path), next(_convolutions(block.shortcut), None))


@dataclass(frozen=True, slots=True)
class Network:
    """A clip network, its batch norms folded in."""

    stem: tuple[Convolution, ...]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, network: ClipResNet) -> "Network":
        """The network as it is in evaluation."""
        blocks = (block for block in network.stages.modules() if isinstance(block, Bottleneck))
        found = cls(tuple(_convolutions(network.stem)), tuple(map(Block.of, blocks)))
        known = sum(1 for _ in found.convolutions)
        pool = network.pool
        if known != sum(isinstance(part, nn.Conv3d) for part in network.modules()):
            raise EngineError("the engine native knows only convolutions with a batch norm right after each")
        if Window(pool.kernel_size, pool.stride, pool.padding) != POOL:  # type: ignore[arg-type]
            raise EngineError(f"the engine native does not know such a pooling: {pool}")
        if any(prod(each.window.kernel) > MOST_TAPS * each.window.kernel[2] for each in found.stem) or any(
            prod(each.window.kernel) > MOST_TAPS for block in found.blocks for each in block.path
        ):
            raise EngineError(f"the engine native knows only kernels of up to {MOST_TAPS} places")
        return found

    @property
    def convolutions(self) -> Iterator[Convolution]:
        """All of them."""
        yield from self.stem
        for block in self.blocks:
            yield from block.path
            if block.shortcut is not None:
                yield block.shortcut

    @property
    def frames_are_apart(self) -> bool:
        """Whether no two places in time look at the same frame, as in R2D: clips can then follow one another."""
        windows = [each.window for each in self.convolutions]
        return all(kernel[0] == stride[0] and padding[0] == 0 for kernel, stride, padding in windows)


def _convolutions(part: nn.Module) -> Iterator[Convolution]:
    """Each convolution in a part of a network, with the batch norm that follows it."""
    for convolution, norm in pairwise(part.modules()):
        if isinstance(convolution, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d):
            yield Convolution.of(convolution, norm)


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


class Plan:
    """The layers of a network for clips of one size; run by one thread at a time."""

    def __init__(self, network: Network, size: Triple, colours: int, lanes: int) -> None:
        self._lanes, self._panel = lanes, 2 * lanes
        self._layers: list[Layer] = []
        self._kept: list[Tensor] = []
        """What the layers point at."""
        self._free: list[Tensor] = []
        """Memory of maps that nothing reads any more."""
        frames, height, width = size
        margin = network.stem[0].window.padding[2]
        padded = Map(
            (frames, height, width + 2 * margin), colours, torch.zeros(frames * height * (width + 2 * margin) * colours)
        )
        self.input = padded.view[:, :, margin : margin + width]
        """[T, H, W, C], for the caller to fill; left and right of it lie zeros that the first kernel looks at."""
        present = self._first(padded, network.stem[0])
        for convolution in network.stem[1:]:
            present = self._replaced(present, convolution)
        present = self._pooled(present)
        for block in network.blocks:
            present = self._through(block, present)
        self.output = present.view
        """[t, h, w, D], good until the next run."""
        self._array = (Layer * len(self._layers))(*self._layers)

    def run(self, library: ctypes.CDLL, threads: int) -> None:
        """Fill `output` from `input`."""
        library.run(ctypes.addressof(self._array), len(self._array), threads)

    def _first(self, padded: Map, convolution: Convolution) -> Map:
        """A line of the kernel is one run of numbers, colours and all, because the lines of the input are padded."""
        kernel, stride, padding = convolution.window
        line = Window((*kernel[:2], 1), stride, (*padding[:2], 0))
        places = Window(kernel, stride, (*padding[:2], 0)).size(padded.size)
        result = self._map(places, convolution.channels_out)
        weights = convolution.packed(self._panel, winograd=False)
        self._add(CONVOLVE, line, padded, result, run=kernel[2] * padded.channels, weights=weights)
        return result

    def _through(self, block: Block, present: Map) -> Map:
        inner = self._convolved(present, block.path[0])
        for convolution in block.path[1:-1]:
            inner = self._replaced(inner, convolution)
        added = present if block.shortcut is None else self._replaced(present, block.shortcut, relu=False)
        result = self._convolved(inner, block.path[-1], added=added)
        self._free += [inner.memory, added.memory]
        return result

    def _replaced(self, present: Map, convolution: Convolution, *, relu: bool = True) -> Map:
        """A convolution, the memory of whose input is free for others then."""
        result = self._convolved(present, convolution, relu=relu)
        self._free.append(present.memory)
        return result

    def _convolved(self, present: Map, convolution: Convolution, *, relu: bool = True, added: Map | None = None) -> Map:
        size = convolution.window.size(present.size)
        result = self._map(size, convolution.channels_out)
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

    def _pooled(self, present: Map) -> Map:
        result = self._map(POOL.size(present.size), present.channels)
        self._add(MAXIMUM, POOL, present, result)
        self._free.append(present.memory)
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

    def _map(self, size: Triple, channels: int) -> Map:
        """Memory for a map: the smallest free piece that is large enough, or a new one."""
        wanted = prod(size) * channels
        fitting = [memory for memory in self._free if memory.numel() >= wanted]
        if not fitting:
            return Map(size, channels, torch.empty(wanted))
        smallest = min(fitting, key=torch.Tensor.numel)
        self._free = [memory for memory in self._free if memory is not smallest]
        return Map(size, channels, smallest)
