"""A small bundle with random weights and made-up videos, for the tests in this folder."""

from pathlib import Path

import numpy as np
import torch

from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, TransformConfig
from faster_video.model import build_model
from faster_video.video import write_video

LABELS = ["wave", "jump", "run", "sit", "[bold]odd[/] $x$ _label", "stand", "fall"]


def small_bundle(pattern: str = "1:2", aggregator: str = "fast_gru", num_clips: int = 5) -> Bundle:
    """Untrained, but with classifiers strong enough that its answers differ from clip to clip."""
    config = BundleConfig(
        labels=LABELS,
        model=ModelConfig(
            expensive=BackboneConfig(name="r2plus1d50", width=1 / 16),
            cheap=BackboneConfig(name="r2d26", width=1 / 16),
            aggregator=aggregator,
            pattern=pattern,
        ),
        clips=ClipConfig(num_clips=num_clips, frames_per_clip=8, frame_stride=2),
        transform=TransformConfig(crop_size=32, test_short_side=36, train_short_side=(36, 40)),
    )
    torch.manual_seed(3)
    model = build_model(config.model, len(LABELS))
    for part in (model, model.expensive, model.cheap):
        torch.nn.init.normal_(part.classifier.linear.weight, std=3.0)
    return Bundle(model=model.eval(), config=config)


def write_sample(path: Path, num_frames: int = 50, seed: int = 0) -> Path:
    """A video of blocks that change colour now and then, 25 frames a second."""
    generator = np.random.default_rng(seed)
    colours = generator.integers(0, 256, size=(num_frames // 10 + 1, 6, 8, 3), dtype=np.uint8)
    frames = (colours[number // 10].repeat(8, axis=0).repeat(8, axis=1) for number in range(num_frames))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, frames, 25)
    return path
