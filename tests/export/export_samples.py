"""Small networks of the backbones' protocol, bundles of them, and what exported graphs make of a video."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from inference_samples import LABELS
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from faster_video.aggregators import build_aggregator
from faster_video.backbones import PooledClassifier
from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import ClipConfig, ModelConfig, TransformConfig
from faster_video.export.run_video import answers, load_graphs
from faster_video.inference import Classifier
from faster_video.model import Faster, make_projection
from faster_video.pattern import Pattern

SIDE = 32
RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino", "torch-export": "torch"}
"""What each format needs, here and where it is read."""


def need(form: str) -> None:
    """Skip the test where the format's runtime is not installed."""
    pytest.importorskip(RUNTIMES[form], reason=f"{RUNTIMES[form]} is not installed")


class SmallNetwork(nn.Module):
    """A clip network of one layer, somebody else's: it makes frames smaller first, and ends in a map of this size."""

    def __init__(self, channels: int, map_size: tuple[int, int, int], side: int = SIDE) -> None:
        super().__init__()
        self.channels, self.map_size, self.side = channels, map_size, side
        self.layer = nn.Conv3d(3, channels, (2, 4, 4), (2, 4, 4))
        self.classifier = PooledClassifier(channels, len(LABELS))
        nn.init.normal_(self.classifier.linear.weight, std=3.0)

    def forward(self, clip: Tensor) -> Tensor:
        """[B, C, T, H, W] to [B, D, *map_size]."""
        images = clip.transpose(1, 2).flatten(0, 1)
        small = functional.interpolate(images, (self.side, self.side), mode="bilinear", antialias=True)
        maps = self.layer(small.unflatten(0, (-1, clip.shape[2])).transpose(1, 2))  # type: ignore[no-untyped-call]
        return functional.adaptive_avg_pool3d(torch.relu(maps), self.map_size)

    def feature_size(self, _frames: int, _height: int, _width: int) -> tuple[int, int, int]:
        """Whatever the clip's size."""
        return self.map_size

    def require_clip(self, shape: torch.Size) -> None:
        """Take every clip."""


def bundle_of(
    expensive: SmallNetwork, cheap: SmallNetwork, aggregator: str = "fast_gru", pattern: str = "1:3"
) -> Bundle:
    """A bundle of these networks, whose answers differ from clip to clip."""
    classifier = PooledClassifier(expensive.channels, len(LABELS))
    nn.init.normal_(classifier.linear.weight, std=3.0)
    model = Faster(
        expensive=expensive,
        cheap=cheap,
        pattern=Pattern.parse(pattern),
        aggregator=build_aggregator(aggregator, expensive.channels),
        classifier=classifier,
        projection=make_projection(cheap.channels, expensive.channels),
    )
    config = BundleConfig(
        labels=LABELS,
        model=ModelConfig(aggregator=aggregator, pattern=pattern),
        clips=ClipConfig(num_clips=6, frames_per_clip=8),
        transform=TransformConfig(crop_size=SIDE, test_short_side=36, train_short_side=(36, 40)),
    )
    return Bundle(model=model.eval(), config=config)


def small_pair(aggregator: str = "fast_gru", pattern: str = "1:3") -> Bundle:
    """The cheap network sees smaller frames, and its map has other sides and fewer channels."""
    torch.manual_seed(5)
    return bundle_of(SmallNetwork(16, (2, 3, 3)), SmallNetwork(12, (1, 5, 4), side=20), aggregator, pattern)


def of_graphs(folder: Path, bundle: Bundle, video: Path) -> NDArray[np.float32]:
    """Probabilities [N, K] after every clip of a video."""
    about = json.loads((folder / "graphs.json").read_text("utf-8"))
    clips = (clip.pixels.numpy() for clip in Classifier(bundle, "cpu", "eager").decoder.read(video))
    return np.stack([probabilities for _, probabilities in answers(load_graphs(folder, about), about, clips)])


def of_classifier(bundle: Bundle, video: Path) -> NDArray[np.float64]:
    """Probabilities [N, K] after every clip of a video."""
    return np.array([clip.probabilities for clip in Classifier(bundle, "cpu", "eager").classify(video).clips])
