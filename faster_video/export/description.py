"""What a program must know to run the exported graphs, as JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from faster_video.bundle import Bundle
from faster_video.clips.transforms import LONGEST_SHAPE
from faster_video.export.graphs import Graph
from faster_video.pattern import Pattern

DESCRIPTION = "graphs.json"
FORMAT = "faster_video graphs 1"
_LIST_OF_NUMBERS = re.compile(r"\[\n[-+.,\de\s]*\]")
"""As JSON has it, a number a line; no label has a line break."""


def write_description(
    bundle: Bundle, graphs: Mapping[str, Graph], form: str, example_sha256: str, folder: Path
) -> None:
    """Describe the graphs, each under the name of its file, and the example beside them by its SHA-256."""
    config = bundle.config
    pattern = Pattern.parse(config.model.pattern)
    clips, transform = config.clips, config.transform
    about = {
        "format": FORMAT,
        "written_as": form,
        "graphs": {
            graph.name: {"file": file, "inputs": _ports(graph.inputs), "outputs": _ports(graph.outputs)}
            for file, graph in graphs.items()
        },
        "pattern": {"expensive": pattern.expensive, "cheap": pattern.cheap, "written": str(pattern)},
        "clips": asdict(clips),
        "pixels": {
            "short_side": transform.test_short_side,
            "crop_size": transform.crop_size,
            "mean": transform.mean,
            "std": transform.std,
            "longest_shape": LONGEST_SHAPE,
        },
        "temperature": config.calibration.temperature,
        "labels": config.labels,
        "weights_sha256": config.weights_sha256,
        "example_sha256": example_sha256,
        "published_weights": {name: asdict(weights) for name, weights in config.published.items()},
    }
    text = _LIST_OF_NUMBERS.sub(_on_one_line, json.dumps(about, indent=2, ensure_ascii=False))
    (folder / DESCRIPTION).write_text(text + "\n", "utf-8")


def _on_one_line(numbers: re.Match[str]) -> str:
    return " ".join(numbers[0].split()).replace("[ ", "[").replace(" ]", "]")


def _ports(values: Mapping[str, Tensor]) -> list[dict[str, object]]:
    return [
        {"name": name, "type": str(value.dtype).removeprefix("torch."), "shape": list(value.shape)}
        for name, value in values.items()
    ]
