"""Exported graphs of any format, run as the example that lies beside them runs its own."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faster_video.export import example
from faster_video.export.example import answers
from faster_video.export.formats import FORMATS

__all__ = ["answers", "example_text", "load_graphs"]


def load_graphs(folder: Path, about: dict[str, Any]) -> dict[str, Callable[..., list[Any]]]:
    """The graphs that graphs.json tells `about`, each as a function from its inputs to its outputs, in order."""
    load = FORMATS[about["written_as"]].load
    return {name: load(folder / graph["file"]) for name, graph in about["graphs"].items()}


def example_text(form: str) -> str:
    """The example as it is written beside graphs of a format: with the loader of that one in the place of ONNX's."""
    return inspect.getsource(example).replace(inspect.getsource(example.load), inspect.getsource(FORMATS[form].load))
