"""Decoded frames to the network's input (docs/protocol.md "Training", "Testing").

Clips stay uint8 until `normalize`: workers send a quarter of the bytes, the device does the arithmetic.
"""

# Shapes: T frames of a clip, H W their height and width, S the side of the crop, 3 colours.

from collections.abc import Callable
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from faster_video.config import TransformConfig
from faster_video.errors import ConfigError

LONGEST_SHAPE = 8
"""Frames are cut to at most this ratio of sides before resizing: 1x4000 pixels would need gigabytes."""


def test_clip(frames: NDArray[np.uint8], config: TransformConfig) -> Tensor:
    """The clip a network is tested on: short side resized, centre crop.

    From uint8 [T, H, W, 3] to uint8 [3, T, S, S]. Raises `ConfigError` for frames of another kind.
    """
    return _test_window(frames, config).transpose(0, 1).contiguous()  # [3, T, S, S]


def normalized_test_clip(frames: NDArray[np.uint8], config: TransformConfig) -> Tensor:
    """`normalize` of the `test_clip`, to the last bit, several times as quick on a processor.

    From uint8 [T, H, W, 3] to float32 [3, T, S, S] with the colours last in memory: frame by frame, so that one stays
    in the processor's cache until it is done. Raises `ConfigError` for frames of another kind.
    """
    window = _test_window(frames, config).movedim(1, -1)  # [T, S, S, 3]
    clip = torch.empty(window.shape)
    mean, std = (torch.tensor(values).repeat(window.shape[2]) for values in (config.mean, config.std))  # of a line
    for pixels, normal in zip(window, clip, strict=True):
        normal.copy_(pixels)
        normal.flatten(1).div_(255).sub_(mean).div_(std)
    return clip.movedim(-1, 0)


def _test_window(frames: NDArray[np.uint8], config: TransformConfig) -> Tensor:
    """[T, 3, S, S], not contiguous."""
    return _resize_and_crop(frames, config.test_short_side, config.crop_size, lambda room: room // 2)


def train_clip(frames: NDArray[np.uint8], config: TransformConfig, random: Random) -> Tensor:
    """The clip a network learns from: random short side, random crop, random flip, one for all its frames.

    From uint8 [T, H, W, 3] to uint8 [3, T, S, S]. Every chance is drawn from `random`, so a seed fixes it.
    Raises `ConfigError` for frames of another kind.
    """
    short_side = random.randint(*config.train_short_side)
    clip = _resize_and_crop(frames, short_side, config.crop_size, lambda room: random.randrange(room + 1))
    clip = clip.transpose(0, 1).contiguous()  # [3, T, S, S]
    return clip.flip(-1) if random.random() < config.flip_probability else clip


def normalize(clip: Tensor, config: TransformConfig) -> Tensor:
    """Pixels in the range the network expects, (x / 255 - mean) / std, on the device the clip is on.

    From uint8 [..., 3, T, H, W] to float32 of the same shape. Raises `ConfigError` where it is done already.
    """
    if clip.dtype != torch.uint8 or clip.ndim < 4 or clip.shape[-4] != 3:
        raise ConfigError(
            f"clip is {clip.dtype} {list(clip.shape)}; normalize takes uint8 [..., 3, T, H, W], and only once"
        )
    mean = torch.tensor(config.mean, device=clip.device).view(3, 1, 1, 1)
    std = torch.tensor(config.std, device=clip.device).view(3, 1, 1, 1)
    return clip.float().div_(255).sub_(mean).div_(std)


def _resize_and_crop(frames: NDArray[np.uint8], short_side: int, crop_size: int, place: Callable[[int], int]) -> Tensor:
    """Short side resized, a square cut out, [T, 3, S, S]; `place(room)` says where in [0, room] a cut begins."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise ConfigError(
            f"frames is {frames.dtype} {list(frames.shape)}; a clip needs uint8 [T, H, W, 3], none of them 0"
        )
    clip = torch.from_numpy(np.require(frames, requirements=["C", "W"])).permute(0, 3, 1, 2)  # [T, 3, H, W]
    longest = LONGEST_SHAPE * min(clip.shape[-2:])
    clip = _cut(clip, (min(clip.shape[-2], longest), min(clip.shape[-1], longest)), place)
    return _cut(_resize(clip, short_side), (crop_size, crop_size), place)


def _resize(clip: Tensor, short_side: int) -> Tensor:
    """Scale [T, 3, H, W] so that its short side has this length; sides keep their ratio, rounded."""
    height, width = clip.shape[-2:]
    short = min(height, width)
    size = [(2 * side * short_side + short) // (2 * short) for side in (height, width)]
    if size == [height, width]:
        return clip
    # uint8 with the colours last is FFmpeg's own layout and, in torch, ten times as fast as float32.
    return interpolate(clip, size=size, mode="bilinear", align_corners=False, antialias=True)


def _cut(clip: Tensor, size: tuple[int, int], place: Callable[[int], int]) -> Tensor:
    """A window of this height and width of [..., H, W]."""
    top, left = (place(side - kept) for side, kept in zip(clip.shape[-2:], size, strict=True))
    return clip[..., top : top + size[0], left : left + size[1]]
