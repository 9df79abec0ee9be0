"""A bundle of two published networks with their weights, whose aggregator has learned nothing yet."""

from collections.abc import Sequence
from hashlib import sha256

import torch

from faster_video.backbones import PublishedBackbone
from faster_video.backbones.published import PUBLISHED, fill_published
from faster_video.bundle import NETWORKS, Bundle, BundleConfig, PublishedWeights, require_enough_frames
from faster_video.config import ClipConfig, ModelConfig, TransformConfig
from faster_video.engine.kept import network_key
from faster_video.errors import ConfigError
from faster_video.model import build_model


def untrained_bundle(
    model: ModelConfig, clips: ClipConfig, transform: TransformConfig, labels: Sequence[str], seed: int = 0
) -> Bundle:
    """Both networks as they were published; the rest has fresh weights, by the seed.

    Raises:
        ConfigError: a network is none published elsewhere, its own labels are asked for and are others, or it looks at
            more frames than a clip has.
        WeightsError: the weights of a network are not on this machine, or are not its own.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        built = build_model(model, len(labels))
    require_enough_frames(built, clips)
    published = {}
    for name in NETWORKS:
        backbone, config = getattr(built, name), getattr(model, name)
        if not isinstance(backbone, PublishedBackbone):
            raise ConfigError(f"the {name} network is {config.name}, of which no weights are published")
        if config.is_imported:
            continue  # it came with its weights
        file_sha256 = fill_published(backbone, config)
        weights = PUBLISHED[config.name].weights
        assert weights is not None  # they have just been read
        published[name] = PublishedWeights(source=weights.package or weights.url or weights.name, sha256=file_sha256)
    identity = sha256(repr([network_key(getattr(built, name).network) for name in NETWORKS]).encode()).hexdigest()
    config = BundleConfig(
        labels=list(labels),
        model=model,
        clips=clips,
        transform=transform,
        published=published,
        weights_sha256=identity,  # of no file yet, but by it a run knows whether it starts from the same networks
    )
    return Bundle(model=built.eval(), config=config)
