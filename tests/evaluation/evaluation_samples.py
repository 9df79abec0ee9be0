"""A small bundle with random weights, made-up labelled videos, and an evaluation made of numbers alone."""

from pathlib import Path

import numpy as np
import torch

from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, TransformConfig
from faster_video.datasets import LabelledVideo
from faster_video.evaluation import Counts, Evaluation, JudgedVideo
from faster_video.model import build_model
from faster_video.video import write_video


def random_bundle(labels: list[str]) -> Bundle:
    """Untrained, but with classifiers strong enough that its answers differ from video to video."""
    config = BundleConfig(
        labels=labels,
        model=ModelConfig(
            expensive=BackboneConfig(name="r3d50", width=1 / 16),
            cheap=BackboneConfig(name="r2d26", width=1 / 16),
            pattern="1:1",
        ),
        clips=ClipConfig(num_clips=3, frames_per_clip=8),
        transform=TransformConfig(crop_size=32, test_short_side=32, train_short_side=(32, 40)),
    )
    torch.manual_seed(4)
    model = build_model(config.model, len(labels))
    for part in (model, model.expensive, model.cheap):
        torch.nn.init.normal_(part.classifier.linear.weight, std=3.0)
    return Bundle(model=model.eval(), config=config)


def write_labelled(folder: Path, labels: list[str], count: int) -> list[LabelledVideo]:
    """`count` videos of one random colour each, their labels taken in turn."""
    generator = np.random.default_rng(1)
    videos = []
    for number in range(count):
        colours = generator.integers(0, 256, size=(6, 8, 3), dtype=np.uint8)
        picture = colours.repeat(8, axis=0).repeat(8, axis=1)
        path = folder / f"{number}.mp4"
        write_video(path, [picture] * 12, 25)
        videos.append(LabelledVideo(path, labels[number % len(labels)]))
    return videos


def invented_evaluation(num_classes: int, num_videos: int, *, unreadable: bool) -> Evaluation:
    """Random outcomes, two thirds of them right; some unreadable if asked for."""
    generator = np.random.default_rng(num_classes)
    labels = [f"label ${number}$ with a rather long name" for number in range(num_classes)]
    counts, videos = Counts.empty(num_classes), []
    for number in range(num_videos):
        truth = int(generator.integers(num_classes))
        probabilities: list[float] | None = (generator.random(num_classes) / num_classes).tolist()
        if probabilities and generator.random() < 2 / 3:
            probabilities[truth] = 1.0
        if unreadable and number % 9 == 0:
            probabilities = None
        counts += Counts.of_video(truth, probabilities, num_classes)
        reason = "the file is empty" if probabilities is None else None
        videos.append(JudgedVideo(path=Path(f"[{number}].mp4"), label=labels[truth], unreadable=reason))
    return Evaluation(labels=labels, pattern="1:3", aggregator="fast_gru", num_clips=8, counts=counts, videos=videos)
