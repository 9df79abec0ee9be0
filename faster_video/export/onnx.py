"""Graphs as ONNX files, one each, with their weights inside."""

from importlib.util import find_spec
from pathlib import Path

import torch

from faster_video.errors import ExportError
from faster_video.export.graphs import Graph
from faster_video.export.program import not_exported, quiet, traced

OPSET = 20
"""Version of ONNX's operations that the graphs are written in."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
LARGEST = (2 << 30) - (1 << 24)
"""Bytes of weights that a file can hold: its format ends at 2 GiB."""


def require_onnx() -> None:
    """Raise `ExportError` where a package that is needed is not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ExportError(
            f"the format onnx needs {', '.join(missing)}, not installed; pip install 'faster-video[export]'"
        )


def write_onnx(graph: Graph, folder: Path) -> str:
    """Write the graph; returns the file's name.

    Raises:
        ExportError: the graph has operations that ONNX has not, or more weights than a file can hold.
    """
    size = sum(values.nbytes for values in graph.module.state_dict().values())
    if size > LARGEST:
        raise ExportError(
            f"the {graph.name} graph has {size / 1e9:.1f} GB of weights, and an ONNX file holds {LARGEST / 1e9:.1f}; "
            "choose openvino or torch-export"
        )
    program = traced(graph)
    with quiet():
        try:
            made = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                verbose=False,
            )
        except Exception as error:  # whatever its kind, something in the network is none of ONNX's
            raise not_exported(graph, error) from error
    assert made is not None  # as no file is given
    for node in made.model.graph.all_nodes():
        node.metadata_props.clear()  # what it was in Python
    file = f"{graph.name}.onnx"
    made.save(folder / file, external_data=False)
    return file
