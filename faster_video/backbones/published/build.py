"""From a name to a published network in the place of a backbone, empty or with its weights."""

from functools import lru_cache
from pathlib import Path

from torch import nn

from faster_video.backbones.published.adapter import PublishedBackbone
from faster_video.backbones.published.imported import imported
from faster_video.backbones.published.spec import InputRules, Published
from faster_video.backbones.published.table import PUBLISHED
from faster_video.backbones.published.weights import fill, read_weights, require_sha256, require_weights
from faster_video.config import BackboneConfig
from faster_video.errors import ConfigError

IG65M = "ig65m_"
LABELS = Path(__file__).parent / "labels"


@lru_cache(maxsize=8)
def published_labels(name: str) -> tuple[str, ...]:
    """The labels of a list such as `kinetics400` or `imagenet`, in the order of the scores.

    Of `ig65m_N` the words were never published: they are numbers.
    """
    if name.startswith(IG65M):
        return tuple(f"hashtag {number}" for number in range(int(name.removeprefix(IG65M))))
    return tuple((LABELS / f"{name}.txt").read_text(encoding="utf-8").splitlines())


def published_backbone(config: BackboneConfig, num_classes: int) -> PublishedBackbone:
    """The published network that `config` names, in a backbone for `num_classes` labels, with fresh weights.

    Raises:
        ConfigError: it is made elsewhere and cannot be, answers with another number of labels, or sees clips of one
            length only.
    """
    if config.is_imported:
        network, rules, map_size = imported(config.name, answers=num_classes if config.head == "published" else None)
    else:
        network, rules, map_size = _empty(config, PUBLISHED[config.name])
        if config.head == "published":
            _require_classes(config, num_classes)
    return PublishedBackbone(network, rules=rules, map_size=map_size, config=config, num_classes=num_classes)  # type: ignore[arg-type]


def fill_published(backbone: PublishedBackbone, config: BackboneConfig, file: Path | None = None) -> str:
    """Give it the published weights, from `file` or from where they belong; their SHA-256.

    Raises:
        WeightsError: they are not there, or are not this network's.
    """
    published = PUBLISHED[config.name]
    path = require_weights(published) if file is None else file
    known = published.weights if file is None else None
    sha256 = require_sha256(path, None if known is None else known.sha256)
    key = None if published.weights is None else published.weights.key
    fill(backbone.network, read_weights(path, key), path)  # type: ignore[arg-type]
    return sha256


def _empty(config: BackboneConfig, published: Published) -> tuple[nn.Module, InputRules, tuple[int, int, int]]:
    """Network, rules and size t, h, w of its map."""
    _, height, width = published.map_size
    frames = config.frames or published.rules.frames
    if frames != published.rules.frames and not published.takes_any_frames:
        raise ConfigError(
            f"frames of {config.name} is {frames}, but it sees {published.rules.frames} at once, no more and no less; "
            "leave it out"
        )
    time = frames if published.takes_any_frames else published.map_size[0]
    return published.build(len(published_labels(published.labels))), published.rules, (time, height, width)


def _require_classes(config: BackboneConfig, num_classes: int) -> None:
    """Refuse another number of labels than its own."""
    labels = published_labels(PUBLISHED[config.name].labels)
    if num_classes != len(labels):
        raise ConfigError(
            f"head of {config.name} is 'published', which answers with the {len(labels)} labels of "
            f"{PUBLISHED[config.name].labels}, and there are {num_classes}; choose linear"
        )
