"""The layers of a clip network, for `kernels.c` and clips of one size.

Shapes: T H W frames of a clip or places of a map, C its channels, t h w feature map, D its channels.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import nn

from faster_video.backbones.blocks import Bottleneck, ClipResNet
from faster_video.errors import EngineError
from faster_video.inference.engine.layers import Layers, Map
from faster_video.inference.engine.weights import Convolution, Triple, Window

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


class Plan:
    """The layers of a network for clips of one size; run by one thread at a time."""

    def __init__(self, network: Network, size: Triple, colours: int, lanes: int) -> None:
        self._layers = layers = Layers(lanes)
        frames, height, width = size
        margin = network.stem[0].window.padding[2]
        padded = Map(
            (frames, height, width + 2 * margin), colours, torch.zeros(frames * height * (width + 2 * margin) * colours)
        )
        self.input = padded.view[:, :, margin : margin + width]
        """[T, H, W, C], for the caller to fill; left and right of it lie zeros that the first kernel looks at."""
        present = layers.convolve_lines(padded, network.stem[0])
        for convolution in network.stem[1:]:
            present = self._replaced(present, convolution)
        pooled = layers.pool(present, POOL)
        layers.release(present)
        present = pooled
        for block in network.blocks:
            present = self._through(block, present)
        self.output = present.view
        """[t, h, w, D], good until the next run."""

    def run(self, library: ctypes.CDLL, threads: int) -> None:
        """Fill `output` from `input`."""
        self._layers.run(library, threads)

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
