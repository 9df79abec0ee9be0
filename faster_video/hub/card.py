"""The model card of a bundle, README.md on the Hub: what the bundle says of itself, and what its networks cost."""

from pathlib import PurePath
from typing import Any

import yaml

from faster_video.bundle import BundleConfig
from faster_video.config import BackboneConfig
from faster_video.cost import video_cost
from faster_video.files import printable

TASK = "video-classification"
_USE = """## Use

```sh
pip install 'faster-video[hub]'
faster-video classify holiday.mp4 --bundle {repository}
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
faster-video evaluate {repository} FOLDER
```
"""


def model_card(config: BundleConfig, repository: str, license_id: str | None = None) -> str:
    """README.md for the model `repository`, USER/NAME: metadata in YAML, then Markdown.

    `license_id` is a name of the Hub's list, such as apache-2.0. Measurements are those of the bundle's provenance;
    where it has none, the card says so.
    """
    head = yaml.safe_dump(_metadata(config, repository, license_id), sort_keys=False, allow_unicode=True, width=1000)
    use = _USE_WITH_FEATURES if config.model.takes_features else _USE
    parts = (
        f"---\n{head}---\n",
        _title(config, repository),
        use.format(repository=repository),
        _networks(config),
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
    return f"## Networks and cost\n\n{_table(rows)}\n{what}"


def _network(backbone: BackboneConfig) -> str:
    return backbone.name if backbone.width == 1 else f"{backbone.name}, {backbone.width:g} of its width"


def _measured(config: BundleConfig) -> str:
    """Every number among the metrics of the provenance, as it stands there."""
    metrics = _mapping(config.provenance.get("metrics"))
    rows = {name: _number(value) for name, value in metrics.items() if _is_number(value)}
    if not rows:
        return "## Measured\n\nNo measurement is recorded in this bundle.\n"
    data = _mapping(metrics.get("data"))
    on_list = f" on `{_last(data['path'])}`" if isinstance(data.get("path"), str) else ""
    of_videos = f", {data['videos']:,} videos" if isinstance(data.get("videos"), int) else ""
    return f"## Measured\n\n{_table(rows)}\nAs recorded{on_list}{of_videos} when the bundle was made.\n"


def _labels(config: BundleConfig) -> str:
    """One per line, as code, so that no label is taken for Markdown."""
    return "## Labels\n\n" + "".join(f"    {printable(label)}\n" for label in config.labels)


def _table(rows: dict[str, str]) -> str:
    return "| | |\n|---|---|\n" + "".join(f"| {_cell(name)} | {_cell(value)} |\n" for name, value in rows.items())


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
