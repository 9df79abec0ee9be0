"""Decoded frames to the network's input (docs/protocol.md "Training", "Testing").

Clips stay uint8 until `normalize`: workers send a quarter of the bytes, the device does the arithmetic.
"""

# Shapes: T frames of a clip, H W their height and width, S the side of the crop, 3 colours.

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faster_video.config import TransformConfig
from faster_video.errors import ConfigError
from faster_video.video import View, Window

CPU = torch.device("cpu")
CACHED_VALUES = 1 << 17
"""Of frames that are normalised at once: what fits a processor's cache."""
LONGEST_SHAPE = 8
"""Frames are cut to at most this ratio of sides before resizing: 1x4000 pixels would need gigabytes."""


def test_view(height: int, width: int, config: TransformConfig) -> View:
    """What a network is tested on of frames of this size: short side resized, centre crop [S, S]."""
    return _view(height, width, config.test_short_side, config.crop_size, lambda room: room // 2)


def train_view(height: int, width: int, config: TransformConfig, random: Random) -> View:
    """What a network learns from of frames of this size: random short side, random crop [S, S], random flip.

    Every chance is drawn from `random`, so a seed fixes it.
    """
    short_side = random.randint(*config.train_short_side)
    view = _view(height, width, short_side, config.crop_size, lambda room: random.randrange(room + 1))
    return replace(view, mirrored=random.random() < config.flip_probability)


def test_clip(frames: NDArray[np.uint8], config: TransformConfig) -> Tensor:
    """The clip a network is tested on, from frames in memory: uint8 [T, H, W, 3] to uint8 [3, T, S, S].

    Raises `ConfigError` for frames of another kind.
    """
    return as_clip(test_view(*_size(frames), config).of(frames))


def train_clip(frames: NDArray[np.uint8], config: TransformConfig, random: Random) -> Tensor:
    """The clip a network learns from, from frames in memory: uint8 [T, H, W, 3] to uint8 [3, T, S, S].

    Raises `ConfigError` for frames of another kind.
    """
    return as_clip(train_view(*_size(frames), config, random).of(frames))


def as_clip(frames: NDArray[np.uint8]) -> Tensor:
    """Frames [T, S, S, 3] in the order of a clip, uint8 [3, T, S, S]."""
    return torch.from_numpy(np.require(frames, requirements=["C", "W"])).permute(3, 0, 1, 2).contiguous()


def normalize(clip: Tensor, config: TransformConfig) -> Tensor:
    """Pixels in the range the network expects, (x / 255 - mean) / std, on the device the clip is on.

    From uint8 [..., 3, T, H, W] to float32 of the same shape. Raises `ConfigError` where it is done already.
    """
    if clip.dtype != torch.uint8 or clip.ndim < 4 or clip.shape[-4] != 3:
        raise ConfigError(
            f"clip is {clip.dtype} {list(clip.shape)}; normalize takes uint8 [..., 3, T, H, W], and only once"
        )
    scale, shift = (values.view(3, 1, 1, 1) for values in _scale_and_shift(config, clip.device))
    return clip.float().mul_(scale).add_(shift)


def normalized_clip(frames: Sequence[NDArray[np.uint8]], config: TransformConfig, into: Tensor | None = None) -> Tensor:
    """`normalize` of T frames [S, S, 3], to the last bit, several times as quick on a processor.

    The clip, float32 [3, T, S, S], has the colours last in memory. `into` is such a clip that nobody needs any longer;
    it is written over, because the system takes longer to hand over new memory than the arithmetic takes.
    """
    clip = torch.empty(len(frames), *frames[0].shape) if into is None else into.movedim(0, -1)
    scale, shift = (values.repeat(clip.shape[2]) for values in _scale_and_shift(config, CPU))  # of a line
    at_once = max(1, CACHED_VALUES // frames[0].size)  # frames
    for first in range(0, len(frames), at_once):
        some = clip[first : first + at_once]
        for frame, normal in zip(frames[first : first + at_once], some.numpy(), strict=True):
            np.copyto(normal, frame)
        some.flatten(2).mul_(scale).add_(shift)
    return clip.movedim(-1, 0)


@cache  # a CUDA graph goes on reading them
def _scale_and_shift(config: TransformConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of each colour, on the device: x * scale + shift is (x / 255 - mean) / std."""
    with torch.inference_mode(False):  # they are kept, also for those who learn
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (config.mean, config.std))
        return (1 / (255 * std)).float().to(device), (-mean / std).float().to(device)


def _size(frames: NDArray[np.uint8]) -> tuple[int, int]:
    """Height and width of frames that a clip can be made of."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise ConfigError(
            f"frames is {frames.dtype} {list(frames.shape)}; a clip needs uint8 [T, H, W, 3], none of them 0"
        )
    return frames.shape[1], frames.shape[2]


def _view(height: int, width: int, short_side: int, crop_size: int, place: Callable[[int], int]) -> View:
    """Short side resized, a square cut out; `place(room)` says where in [0, room] a cut begins."""
    longest = LONGEST_SHAPE * min(height, width)
    cut = _window((height, width), (min(height, longest), min(width, longest)), place)
    short = min(cut.height, cut.width)
    size = ((2 * cut.height * short_side + short) // (2 * short), (2 * cut.width * short_side + short) // (2 * short))
    return View(cut=cut, size=size, crop=_window(size, (crop_size, crop_size), place))


def _window(size: tuple[int, int], kept: tuple[int, int], place: Callable[[int], int]) -> Window:
    """A window of size `kept` in a picture of this height and width."""
    top, left = (place(side - part) for side, part in zip(size, kept, strict=True))
    return Window(top=top, left=left, height=kept[0], width=kept[1])
