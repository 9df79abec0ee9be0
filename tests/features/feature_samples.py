"""A small set of made-up videos, a bundle with random weights, and what extracts its features."""

from dataclasses import replace
from pathlib import Path

import torch
from training_samples import small_recipe

from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, TransformConfig
from faster_video.datasets import VideoList
from faster_video.features import Extraction, FeatureStore, extract
from faster_video.model import build_model


def bundle_for(labels: list[str], pattern: str = "1:1", num_clips: int = 3) -> Bundle:
    """Untrained, with classifiers strong enough that its answers differ; the cheap map must be projected."""
    recipe = small_recipe()
    config = BundleConfig(
        labels=labels,
        model=replace(recipe.model, pattern=pattern),
        clips=ClipConfig(num_clips=num_clips, frames_per_clip=8),
        transform=replace(recipe.transform, flip_probability=0.5),
    )
    torch.manual_seed(4)
    model = build_model(config.model, len(labels))
    for part in (model, model.expensive, model.cheap):
        torch.nn.init.normal_(part.classifier.linear.weight, std=3.0)
    return Bundle(model=model.eval(), config=config)


def extraction(data: VideoList, out: Path, **changes: object) -> Extraction:
    """Two random views, three videos per shard, decoded in this process."""
    bundle = changes.pop("bundle", None) or bundle_for(data.labels)
    base = Extraction(bundle=bundle, data=data, out=out, workers=0, shard_videos=3)  # type: ignore[arg-type]
    return replace(base, **changes)  # type: ignore[arg-type]


def stored(data: VideoList, out: Path, **changes: object) -> FeatureStore:
    """The store that this extraction writes."""
    extract(extraction(data, out, **changes))
    return FeatureStore(out)


def given_bundle(labels: list[str], channels: int, map_size: tuple[int, int, int] = (1, 1, 1)) -> Bundle:
    """A bundle for features of another model."""
    backbone = BackboneConfig(name="features", channels=channels, map_size=map_size)
    config = BundleConfig(
        labels=labels,
        model=ModelConfig(expensive=backbone, cheap=backbone, pattern="1:3"),
        clips=ClipConfig(num_clips=4, frames_per_clip=8),
        transform=TransformConfig(),
    )
    torch.manual_seed(2)
    return Bundle(model=build_model(config.model, len(labels)).eval(), config=config)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too, byte for byte."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
