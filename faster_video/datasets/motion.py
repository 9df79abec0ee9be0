"""Made-up videos whose label is an ordered sequence of motions, for tests, demos and honest comparisons.

A textured shape appears over a moving, cluttered background, moves in one way, vanishes, appears somewhere else and
moves in another way. Every phase has an equal share of the frames and is drawn inside it as if it were alone, with
pauses that are longer than a clip. So where shares are whole clips (2 shares of 32 frames, clips of 8), a bag of clips
knows which motions there were but not which came first: averaging clip scores cannot pass one over the number of orders
(a half for two phases). One frame shows no motion at all.

Shapes: T frames of a video, S side of a frame in pixels.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from faster_video.config import MotionConfig

_DIRECTIONS = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "up": (0.0, -1.0), "down": (0.0, 1.0)}
_SPRITE = 48
"""Side of a shape's texture in pixels, before it is scaled into the frame."""


def label_name(motions: tuple[str, ...]) -> str:
    """How a sequence of motions is written as a label, such as `left-then-up`."""
    return "-then-".join(motions)


def render(motions: tuple[str, ...], config: MotionConfig, generator: np.random.Generator) -> NDArray[np.uint8]:
    """One video that shows `motions` in this order: uint8 [T, S, S, 3]. The generator fixes it completely."""
    frames = _background(config, generator)  # [T, 3, S, S] in 0 … 1
    for _ in range(config.clutter):
        frames = _paint(frames, _sprite(generator), *_wobble(config, generator))
    for motion, (start, end) in zip(motions, phase_spans(config, generator), strict=True):
        frames[start:end] = _paint(
            frames[start:end], _sprite(generator), *_move(motion, end - start, config, generator)
        )
    grain = torch.from_numpy(generator.normal(0, 0.02, size=frames.shape).astype(np.float32))
    pixels = ((frames + grain).clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()


def phase_spans(config: MotionConfig, generator: np.random.Generator) -> list[tuple[int, int]]:
    """First frame of each phase and the first one after it: the same chances in every phase's share of the frames."""
    spans = []
    for first in range(0, config.frames, config.frames_per_phase):
        length = int(generator.integers(config.phase_frames[0], config.phase_frames[1] + 1))
        spare = config.frames_per_phase - length - config.pause_frames
        start = first + config.pause_frames // 2 + int(generator.integers(0, spare + 1))
        spans.append((start, start + length))
    return spans


def _noise(channels: int, cells: int, side: int, generator: np.random.Generator) -> Tensor:
    """A smooth random texture in 0 … 1: [channels, side, side], `cells` blobs across."""
    coarse = torch.from_numpy(generator.random((1, channels, cells, cells), dtype=np.float32))
    return functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)[0]


def _background(config: MotionConfig, generator: np.random.Generator) -> Tensor:
    """A texture that slides steadily in a random direction through the whole video: [T, 3, S, S]."""
    margin = config.size // 16
    side = config.size + 2 * margin
    texture = 0.25 + 0.5 * _noise(3, int(generator.integers(5, 12)), side, generator)
    angle = generator.uniform(0, 2 * np.pi)
    steps = np.linspace(-1, 1, config.frames) * margin * generator.uniform(0, 1)
    tops = margin + np.rint(steps * np.sin(angle)).astype(int)
    lefts = margin + np.rint(steps * np.cos(angle)).astype(int)
    views = [texture[:, y : y + config.size, x : x + config.size] for y, x in zip(tops, lefts, strict=True)]
    return torch.stack(views)


def _sprite(generator: np.random.Generator) -> Tensor:
    """A random textured shape: [4, 48, 48], three colours and its opacity."""
    axis = np.linspace(-1, 1, _SPRITE, dtype=np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    corners, phase = int(generator.integers(3, 7)), generator.uniform(0, 2 * np.pi)
    angle = np.arctan2(y, x) - phase
    # A regular polygon's edge in polar form, its corners on the unit circle.
    wedge = np.mod(angle, 2 * np.pi / corners) - np.pi / corners
    edge = np.cos(np.pi / corners) / np.cos(wedge)
    opacity = np.clip((edge - np.hypot(x, y)) * _SPRITE / 4, 0, 1)[None]
    colours = _noise(3, int(generator.integers(3, 7)), _SPRITE, generator)
    colours = (colours - 0.5) * 1.6 + 0.5
    return torch.cat([colours.clamp(0, 1), torch.from_numpy(opacity.astype(np.float32))])


Floats = NDArray[np.float64]
Track = tuple[Floats, Floats, float, Floats]
"""Centres [T, 2] (x, y in 0 … 1), angles [T] in radians, diameter (share of the side), opacity [T]."""


def _wobble(config: MotionConfig, generator: np.random.Generator) -> Track:
    """A small shape that sways about a random place without getting anywhere."""
    time = np.arange(config.frames)
    diameter = config.shape_size * generator.uniform(0.4, 0.7)
    place = generator.uniform(diameter / 2, 1 - diameter / 2, size=2)
    period = generator.uniform(10, 24, size=3)
    phase = generator.uniform(0, 2 * np.pi, size=3)
    sway = np.sin(2 * np.pi * time[:, None] / period + phase)  # [T, 3]: x, y, angle
    return place + 0.01 * sway[:, :2], phase[2] + 0.15 * sway[:, 2], diameter, np.ones(config.frames)


def _move(motion: str, length: int, config: MotionConfig, generator: np.random.Generator) -> Track:
    """One phase: a straight way or a turn on the spot, at a random place, fading in and out."""
    time = np.arange(length) - (length - 1) / 2
    pace = config.speed * generator.uniform(0.85, 1.15)
    step = 0.025 * pace * np.array(_DIRECTIONS.get(motion, (0.0, 0.0)))
    turn = np.deg2rad(9) * pace * {"clockwise": 1, "counterclockwise": -1}.get(motion, 0)
    diameter = config.shape_size * generator.uniform(0.85, 1.15)
    reach = np.minimum(diameter / 2 + np.abs(step) * length / 2, 0.5)
    place = generator.uniform(reach, 1 - reach)
    opacity = np.clip((length / 2 - np.abs(time)) / 2, 0, 1)
    return place + time[:, None] * step, generator.uniform(0, 2 * np.pi) + time * turn, diameter, opacity


def _paint(frames: Tensor, sprite: Tensor, centres: Floats, angles: Floats, diameter: float, opacity: Floats) -> Tensor:
    """Lay the sprite over each frame along its track: [T, 3, S, S]."""
    count = frames.shape[0]
    cos, sin = np.cos(angles) / diameter, np.sin(angles) / diameter
    x, y = 2 * centres[:, 0] - 1, 2 * centres[:, 1] - 1
    # grid_sample asks where in the sprite each pixel of the frame comes from: the inverse of the sprite's placement.
    inverse = np.stack([cos, sin, -cos * x - sin * y, -sin, cos, sin * x - cos * y], axis=1)
    theta = torch.from_numpy(inverse.reshape(count, 2, 3).astype(np.float32))
    grid = functional.affine_grid(theta, [count, 4, *frames.shape[2:]], align_corners=False)
    layer = functional.grid_sample(sprite.expand(count, -1, -1, -1), grid, align_corners=False)
    alpha = layer[:, 3:] * torch.from_numpy(opacity.astype(np.float32)).view(count, 1, 1, 1)
    return frames * (1 - alpha) + layer[:, :3] * alpha
