"""The formats that graphs are written in, each with what writes them and what runs them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faster_video.export import example
from faster_video.export.graphs import Graph
from faster_video.export.onnx import require_onnx, write_onnx
from faster_video.export.openvino import load as load_openvino
from faster_video.export.openvino import require_openvino, write_openvino
from faster_video.export.torch_export import load as load_torch_export
from faster_video.export.torch_export import write_torch_export


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A way of writing graphs."""

    write: Callable[[Graph, Path], str]
    """Writes a graph into a folder; returns the name of the file to open."""
    load: Callable[[Path], Callable[..., list[Any]]]
    """A graph from that file, as a function from arrays to arrays; called `load`, and needs nothing of this package."""
    suffixes: tuple[str, ...]
    """Of the files of a graph."""
    require: Callable[[], None] | None = None
    """Refuses where a package is not installed; None where PyTorch is enough."""


FORMATS: dict[str, Format] = {
    "onnx": Format(write=write_onnx, load=example.load, suffixes=(".onnx",), require=require_onnx),
    "openvino": Format(write=write_openvino, load=load_openvino, suffixes=(".xml", ".bin"), require=require_openvino),
    "torch-export": Format(write=write_torch_export, load=load_torch_export, suffixes=(".pt2",)),
}
