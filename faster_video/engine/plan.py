"""The layers of a clip network, for the kernels in C and clips of one size.

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
from faster_video.engine.layers import Layers, Map
from faster_video.engine.weights import Convolution, Triple, Window
from faster_video.errors import EngineError

POOL = Window((1, 3, 3), (1, 2, 2), (0, 1, 1))
"""The pooling after the stem (Table 1)."""
MOST_TAPS = 64
"""As in `kernels/convolve.h`."""


@dataclass(frozen=True, slots=True)
class Block:
    """A bottleneck block, its batch norms folded in."""

    path: tuple[Convolution, ...]
    """Reduce, the middle's one or two, restore."""
    shortcut: Convolution | None

    @classmethod
    def of(cls, block: Bottleneck, lanes: int) -> "Block":
        """The block as it is in evaluation."""
        path = (*_convolutions(block.reduce), *_convolutions(block.middle), *_convolutions(block.restore))
        return cls(_in_vectors(path, lanes), next(_convolutions(block.shortcut), None))


@dataclass(frozen=True, slots=True)
class Network:
    """A clip network, its batch norms folded in."""

    stem: tuple[Convolution, ...]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, network: ClipResNet, lanes: int) -> "Network":
        """The network as it is in evaluation, for vectors of this many numbers."""
        blocks = (Block.of(block, lanes) for block in network.stages.modules() if isinstance(block, Bottleneck))
        found = cls(_in_vectors(tuple(_convolutions(network.stem)), lanes), tuple(blocks))
        known = sum(1 for _ in found.convolutions)
        pool = network.pool
        if known != sum(isinstance(part, nn.Conv3d) for part in network.modules()):
            raise EngineError("the engine native knows only convolutions with a batch norm right after each")
        if Window(pool.kernel_size, pool.stride, pool.padding) != POOL:  # type: ignore[arg-type]
            raise EngineError(f"the engine native does not know such a pooling: {pool}")
        if found.stem[0].spread(1) is None:
            raise EngineError("the engine native knows only networks whose first kernel is 7×7 with stride 2")
        if any(prod(each.window.kernel) > MOST_TAPS for each in found.convolutions if each is not found.stem[0]):
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


def _in_vectors(path: tuple[Convolution, ...], lanes: int) -> tuple[Convolution, ...]:
    """Convolutions that follow each other, with whole vectors of channels between them; those too many are 0."""
    inner = [-(-each.channels_out // lanes) * lanes for each in path[:-1]]
    sizes = zip(path, [path[0].weight.shape[1], *inner], [*inner, path[-1].channels_out], strict=True)
    return tuple(each.widened(channels_in, channels_out) for each, channels_in, channels_out in sizes)


class Plan:
    """The layers of a network for clips of one size; run by one thread at a time."""

    def __init__(self, network: Network, size: Triple, colours: int, lanes: int) -> None:
        self._layers = layers = Layers(lanes)
        first = network.stem[0]
        by_places = first.spread(lanes)
        assert by_places is not None  # as checked by `Network.of`
        spread = layers.spread(Map(size, colours, torch.empty(0)), first.window, by_places.weight.shape[1])
        present = layers.convolve(spread, by_places, size=first.window.size(size))
        for convolution in network.stem[1:]:
            present = self._replaced(present, convolution)
        pooled = layers.pool(present, POOL)
        layers.release(present)
        present = pooled
        for block in network.blocks:
            present = self._through(block, present)
        self._output = present.view

    def run(self, library: ctypes.CDLL, threads: int, frames: Tensor) -> Tensor:
        """The map [t, h, w, D] of frames [T, H, W, C], contiguous; good until the next run."""
        self._layers.run(library, threads, source=frames)
        return self._output

    def _through(self, block: Block, present: Map) -> Map:
        inner = self._layers.convolve(present, block.path[0])
        for convolution in block.path[1:-1]:
            inner = self._replaced(inner, convolution)
        added = present if block.shortcut is None else self._replaced(present, block.shortcut, relu=False)
        result = self._layers.convolve(inner, block.path[-1], added=added)
        self._layers.release(inner, added)
        return result

    def _replaced(self, present: Map, convolution: Convolution, *, relu: bool = True) -> Map:
        """A convolution, the memory of whose input is free for others then."""
        result = self._layers.convolve(present, convolution, relu=relu)
        self._layers.release(present)
        return result
