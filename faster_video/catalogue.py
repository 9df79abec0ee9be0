"""The clip networks there are: what each takes, costs and gives, and where its weights come from.

Shapes: T frames of a clip, S side of the crop, D channels, t h w feature map.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import torch
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from faster_video.backbones import BACKBONES, build_backbone
from faster_video.backbones.published import PUBLISHED, Published, published_labels
from faster_video.config import BackboneConfig
from faster_video.cost import count_gmacs, count_parameters
from faster_video.counts import kept_counts
from faster_video.errors import ConfigError

SIZES = {"r2d26": 8, "r2plus1d50": 8, "r3d50": 32}
"""Frames of the clips, of 224 pixels, for which Table 1 gives the cost of its networks."""
SIDE, CLASSES = 224, 400
WITH_SOURCES = 100
"""Columns of a terminal that has room for where networks come from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One network."""

    name: str
    frames: int
    """Of a clip that it looks at."""
    frame_stride: int
    crop_size: int
    """Side of the square that it sees, in pixels."""
    channels: int
    """D of its map."""
    map_size: tuple[int, int, int]
    gmacs: float | None
    """Of one such clip, its own answer included; None where a package that builds the network is not installed."""
    parameters: int | None
    """Its own answer's included."""
    labels: str
    """The list that it answers with; empty for a network to be trained."""
    accuracy: str
    """As published, such as `Kinetics-400 75.94 % top-1, …` with the way of testing; empty where nothing is."""
    source: str
    weights: str
    """Address or package of the published weights; empty where there are none."""
    license: str

    def as_dict(self) -> dict[str, object]:
        """All of the above in types that JSON has."""
        return asdict(self) | {"map_size": list(self.map_size)}


@dataclass(frozen=True, slots=True)
class _Counted:
    gmacs: float
    parameters: int


def catalogue() -> list[Entry]:
    """Ours first, then the published ones."""
    return [*map(_ours, BACKBONES), *map(_published, PUBLISHED.values())]


def _ours(name: str) -> Entry:
    frames = SIZES[name]
    with torch.device("meta"):
        network = build_backbone(BackboneConfig(name=name), CLASSES)
    counted = _counted(BackboneConfig(name=name), CLASSES, frames, SIDE)
    return Entry(
        name=name,
        frames=frames,
        frame_stride=1,
        crop_size=SIDE,
        channels=network.channels,
        map_size=network.feature_size(frames, SIDE, SIDE),
        gmacs=counted.gmacs,
        parameters=counted.parameters,
        labels="",
        accuracy="",
        source="the paper's Table 1; no weights were published: faster-video train",
        weights="",
        license="",
    )


def _published(published: Published) -> Entry:
    rules, weights = published.rules, published.weights
    config = BackboneConfig(name=published.name, head="published")
    counted = None
    with suppress(ConfigError):  # torchvision builds it, and is not installed
        counted = _counted(config, len(published_labels(published.labels)), rules.frames, rules.crop_size)
    return Entry(
        name=published.name,
        frames=rules.frames,
        frame_stride=rules.stride,
        crop_size=rules.crop_size,
        channels=published.channels,
        map_size=published.map_size,
        gmacs=None if counted is None else counted.gmacs,
        parameters=None if counted is None else counted.parameters,
        labels=published.labels,
        accuracy=published.accuracy,
        source=published.source,
        weights="" if weights is None else weights.package or weights.url or "",
        license="" if weights is None else weights.license,
    )


def _counted(config: BackboneConfig, classes: int, frames: int, side: int) -> _Counted:
    def count() -> _Counted:
        with torch.device("meta"):
            network = build_backbone(config, classes)
            clip = torch.empty(1, 3, frames, side, side)
            network.eval()
            gmacs = count_gmacs(lambda: network.classifier(network(clip)))
        return _Counted(gmacs, count_parameters(network))

    return kept_counts((config, classes, frames, side), _Counted, count)


def catalogue_table(entries: Sequence[Entry], width: int) -> Table:
    """For a terminal of `width` columns, 80 or more; from 100 on with the sources, and `Entry` has more."""
    table = Table(
        box=SIMPLE,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        title="Clip networks: frames × distance, side in pixels and cost of the clip they see",
        caption="top-1 as published; K400: Kinetics-400; ?: pip install torchvision; more: --json",
    )
    table.add_column("name", no_wrap=True)
    table.add_column("clip", no_wrap=True)
    table.add_column("GMACs", justify="right", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("labels", no_wrap=True)
    table.add_column("top-1", justify="right", no_wrap=True)
    if width >= WITH_SOURCES:
        table.add_column("source")
    for entry in entries:
        cells = (
            entry.name,
            f"{entry.frames}×{entry.frame_stride}, {entry.crop_size}",
            "?" if entry.gmacs is None else f"{entry.gmacs:.2f}",
            "?" if entry.parameters is None else f"{entry.parameters / 1e6:.1f} M",
            entry.labels.replace("kinetics", "K"),
            _top1(entry),
            Text(entry.source, no_wrap=True, overflow="ellipsis"),
        )
        table.add_row(*cells[: len(table.columns)])
    return table


def _top1(entry: Entry) -> str:
    """The published top-1 to one decimal, of weights that can be had."""
    if not entry.weights:
        return "no weights"
    percent = entry.accuracy.partition(" % top-1")[0].rpartition(" ")[2]
    return f"{float(percent):.1f} %" if percent else ""
