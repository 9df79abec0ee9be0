"""Made-up videos whose label is a sequence or a set of motions, for tests, demos and honest comparisons.

A textured shape appears over a moving, cluttered background, moves in one way, vanishes; another one appears somewhere
else and moves in another way. A move is a motion of the label or a distraction: a diagonal that no label names, or, to
mislead, a motion of another label. Motions go one way (six of them) or to and fro (three). Every move is drawn as if it
were alone, with pauses that are longer than a clip: in an equal share of the frames where the order is the label, else
whenever it likes. Where moves are short, most of a video is dull. One frame shows no motion at all. What an average of
clip scores can know depends on the kind of set:

- Ordered, with shares of whole clips (2 shares of 32 frames, clips of 8): a bag of clips tells which motions there were
  but not which came first, with repeats and distractions as without. Averaging cannot pass one over the number of
  orders (a half for two motions), whatever the clip networks are.
- Unordered: when something is shown says nothing, and all that the label says is in the bag of clips. Averaging is not
  handicapped by construction; it loses only where dull or wrongly read clips outweigh the telling ones. One clip is not
  enough as soon as there are two motions: it shows one at most, and each motion is in many labels.
- One motion, repeated, among fewer misleading ones: the label is what is seen most, so every clip is evidence and none
  is enough; an average of clip scores is a vote, the more clips the better. Motions to and fro look in part like the
  ones that go one way. Where the label's motion stays in its place besides, a memory of places knows more than a count.

Shapes: T frames of a video, S side of a frame in pixels.
"""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from faster_video.datasets.motion_config import SWINGS, MotionConfig

Floats = NDArray[np.float64]
Track = tuple[Floats, Floats, float, Floats]
"""Centres [T, 2] (x, y in 0 … 1), angles [T] in radians, diameter (share of the side), opacity [T]."""

_DIRECTIONS = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
    "shaking": (1.0, 0.0),
    "nodding": (0.0, 1.0),
}
_TURNS = {"clockwise": 1, "counterclockwise": -1, "rocking": 1}
_SLANT = 0.5**0.5
_DIAGONALS = {
    "left-up": (-_SLANT, -_SLANT),
    "right-up": (_SLANT, -_SLANT),
    "left-down": (-_SLANT, _SLANT),
    "right-down": (_SLANT, _SLANT),
}
"""Distractions that no label names, as quick as the straight motions."""
_SWING_FRAMES = (14.0, 20.0)
"""Shortest and longest period of a motion to and fro: a clip of 8 frames sees half of one."""
JOINTS = {True: "-then-", False: "-and-"}
"""What stands between the motions in a label's name, in ordered and in unordered sets."""
_SCENES = 1 << 40
"""Sets the generators of a set's scenes apart from those of its videos."""
_QUARTERS = np.array([(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)])
"""Their middles (x, y)."""
_STRAY = 0.04
"""How far a move that stays may be from there."""
_SPRITE = 48
"""Side of a shape's texture in pixels, before it is scaled into the frame."""


def label_name(motions: tuple[str, ...], *, ordered: bool = True) -> str:
    """How motions are written as a label: `left-then-up` for a sequence, `left-and-up` for a set."""
    return JOINTS[ordered].join(motions)


def render(motions: tuple[str, ...], config: MotionConfig, generator: np.random.Generator) -> NDArray[np.uint8]:
    """One video of the label `motions`: uint8 [T, S, S, 3]. The generator fixes it completely."""
    frames = _scene(config, generator)  # [T, 3, S, S] in 0 … 1
    moves = shown_moves(motions, config, generator)
    spans = move_spans(config, generator)
    for move, (start, end), place in zip(moves, spans, shown_places(moves, motions, config, generator), strict=True):
        sprite, track = _sprite(generator), _move(move, end - start, config, generator, place)
        frames[start:end] = _paint(frames[start:end], sprite, *track)
    grain = torch.from_numpy(generator.normal(0, 0.02, size=frames.shape).astype(np.float32))
    pixels = ((frames + grain).clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()


def shown_moves(motions: tuple[str, ...], config: MotionConfig, generator: np.random.Generator) -> list[str]:
    """The moves of a video of the label `motions`, in the order in which they are shown.

    Unordered sets shuffle the motions; distractions are put among them at random. Where there is nothing to choose,
    nothing is drawn.
    """
    moves = [motion for motion in motions for _ in range(config.repeats)]
    if not config.ordered:
        generator.shuffle(moves)
    others = [motion for motion in config.motions if motion not in motions] if config.misleading else list(_DIAGONALS)
    distraction = ""
    for _ in range(config.distractions):
        if not distraction or not config.misleading:
            distraction = others[generator.integers(len(others))]
        moves.insert(int(generator.integers(len(moves) + 1)), distraction)
    return moves


def shown_places(
    moves: Sequence[str], motions: tuple[str, ...], config: MotionConfig, generator: np.random.Generator
) -> list[Floats | None]:
    """Middle of each move (x, y in 0 … 1), or None for anywhere.

    Where the label's motions stay, these are in one quarter of the frame, and distractions take turns in the others.
    """
    if not config.stays:
        return [None] * len(moves)
    home, *others = generator.permutation(_QUARTERS)
    turns = cycle(others)
    middles = np.array([home if move in motions else next(turns) for move in moves])
    return list(middles + generator.uniform(-_STRAY, _STRAY, size=middles.shape))


def move_spans(config: MotionConfig, generator: np.random.Generator) -> list[tuple[int, int]]:
    """First frame of each move and the first one after it.

    Where the order is the label, every move has the same chances in its own share of the frames. Elsewhere moves come
    when they like: clips spread evenly over a video must not all meet the pauses between shares.
    """
    if not config.order_counts:
        return _spans_at_random(config, generator)
    spans = []
    for share in range(config.num_moves):
        first = share * config.frames_per_move
        length = int(generator.integers(config.phase_frames[0], config.phase_frames[1] + 1))
        spare = config.frames_per_move - length - config.pause_frames
        start = first + config.pause_frames // 2 + int(generator.integers(0, spare + 1))
        spans.append((start, start + length))
    return spans


def _spans_at_random(config: MotionConfig, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Moves one after the other, at least a pause apart; the frames to spare are anywhere around them."""
    fewest, most = config.phase_frames
    lengths = generator.integers(fewest, most + 1, size=config.num_moves)
    spare = config.frames - int(lengths.sum()) - config.num_moves * config.pause_frames
    waits = np.sort(generator.integers(0, spare + 1, size=config.num_moves))  # frames to spare before each move
    before = np.cumsum(lengths + config.pause_frames) - lengths  # the moves and pauses before each, its own included
    starts = waits + before - config.pause_frames + config.pause_frames // 2
    return [(int(start), int(start + length)) for start, length in zip(starts, lengths, strict=True)]


def _scene(config: MotionConfig, generator: np.random.Generator) -> Tensor:
    """A background with its clutter, drawn for this video or one of the set's: [T, 3, S, S]."""
    if config.scenes:
        generator = np.random.default_rng([config.seed, _SCENES, int(generator.integers(config.scenes))])
    frames = _background(config, generator)
    for _ in range(config.clutter):
        frames = _paint(frames, _sprite(generator), *_wobble(config, generator))
    return frames


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


def _wobble(config: MotionConfig, generator: np.random.Generator) -> Track:
    """A small shape that sways about a random place without getting anywhere."""
    time = np.arange(config.frames)
    diameter = config.shape_size * generator.uniform(0.4, 0.7)
    place = generator.uniform(diameter / 2, 1 - diameter / 2, size=2)
    period = generator.uniform(10, 24, size=3)
    phase = generator.uniform(0, 2 * np.pi, size=3)
    sway = np.sin(2 * np.pi * time[:, None] / period + phase)  # [T, 3]: x, y, angle
    return place + 0.01 * sway[:, :2], phase[2] + 0.15 * sway[:, 2], diameter, np.ones(config.frames)


def _move(
    move: str, length: int, config: MotionConfig, generator: np.random.Generator, place: Floats | None = None
) -> Track:
    """A straight way, a turn on the spot, or either to and fro, fading in and out; without a place at a random one."""
    time = np.arange(length) - (length - 1) / 2
    way, reach_of_way = time, length / 2  # in frames, from the middle of the move
    if move in SWINGS:
        way = _to_and_fro(length, generator)
        reach_of_way = np.abs(way).max()
    pace = config.speed * generator.uniform(0.85, 1.15)
    step = 0.025 * pace * np.array((_DIRECTIONS | _DIAGONALS).get(move, (0.0, 0.0)))
    turn = np.deg2rad(9) * pace * _TURNS.get(move, 0)
    diameter = config.shape_size * generator.uniform(0.85, 1.15)
    if place is None:
        reach = np.minimum(diameter / 2 + np.abs(step) * reach_of_way, 0.5)
        place = generator.uniform(reach, 1 - reach)
    opacity = np.clip((length / 2 - np.abs(time)) / 2, 0, 1)
    return place + way[:, None] * step, generator.uniform(0, 2 * np.pi) + way * turn, diameter, opacity


def _to_and_fro(length: int, generator: np.random.Generator) -> Floats:
    """Way along a line, one frame's worth per frame and turning back twice in a period: [length], its mean 0."""
    period, phase = generator.uniform(*_SWING_FRAMES), generator.uniform(0, 1)
    way: Floats = np.abs((np.arange(length) / period + phase) % 1 - 0.5) * period
    centred: Floats = way - way.mean()
    return centred


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
