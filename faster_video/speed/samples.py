"""Something to measure with where nothing is given: random weights, and a video file that shows nothing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import ClipConfig, Recipe, TransformConfig
from faster_video.model import build_model
from faster_video.video import write_video

LABELS = 400
"""As many as Kinetics has."""
FPS = 30
MOST_FRAMES = 3000
SHIFT = 32
"""Pixels that the picture moves to and fro."""


def random_bundle(recipe: Recipe) -> Bundle:
    """A recipe's model as it is made, but for norms that let every block speak."""
    labels = [f"label {number}" for number in range(LABELS)]
    config = BundleConfig(labels=labels, model=recipe.model, clips=recipe.clips, transform=recipe.transform)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(recipe.model, LABELS).eval()
        let_every_block_speak(model)
    return Bundle(model=model, config=config)


def let_every_block_speak(model: nn.Module) -> None:
    """Fresh networks begin every block as its shortcut."""
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm3d):
            nn.init.uniform_(norm.weight, 0.5, 1)
            nn.init.uniform_(norm.running_var, 0.5, 1.5)  # type: ignore[arg-type]


def write_made_up_video(path: Path, clips: ClipConfig, transform: TransformConfig) -> None:
    """H.264 of 4:3, at the height that the networks' input is cut from and a sixth longer than all clips together.

    For FASTER16 these are 300 frames of 340×256. Never more than `MOST_FRAMES`.
    """
    height = transform.test_short_side // 2 * 2
    width = height * 4 // 3 // 2 * 2
    count = min(-(-clips.num_clips * clips.span * 75 // 64), MOST_FRAMES)
    write_video(path, _frames(count, height, width), FPS)


def _frames(count: int, height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """A grainy picture that moves to and fro, uint8 [H, W, 3]."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, height // 8 + 4, width // 8 + 4, generator=generator)
    picture = functional.interpolate(coarse, (height + SHIFT, width + SHIFT), mode="bicubic")[0].movedim(0, -1) * 220
    for number in range(count):
        shift = SHIFT - abs(number % (2 * SHIFT) - SHIFT)
        seen = picture[shift : shift + height, shift // 2 : shift // 2 + width]
        grainy = seen + 4 * torch.rand(seen.shape, generator=generator)
        yield grainy.clamp(0, 255).byte().numpy()
