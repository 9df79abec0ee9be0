"""Graphs in OpenVINO's form: a file of layers (.xml) beside a file of weights (.bin), float32."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from faster_video.engine.openvino import is_installed, load_openvino
from faster_video.errors import ExportError
from faster_video.export.graphs import Graph
from faster_video.export.program import not_exported, quiet, traced


def require_openvino() -> None:
    """Raise `ExportError` where OpenVINO is not installed."""
    if not is_installed():
        raise ExportError("the format openvino needs OpenVINO, not installed; pip install 'faster-video[openvino]'")


def write_openvino(graph: Graph, folder: Path) -> str:
    """Write the graph; returns the name of its file of layers.

    Raises:
        ExportError: the graph has operations that OpenVINO has not.
    """
    openvino = load_openvino()
    program = traced(graph)
    with quiet():
        try:
            model = openvino.convert_model(program)
        except Exception as error:  # whatever its kind, something in the network is none of OpenVINO's
            raise not_exported(graph, error) from error
    for port, name in zip([*model.inputs, *model.outputs], [*graph.inputs, *graph.outputs], strict=True):
        port.get_tensor().set_names({name})
    model.reshape({name: list(values.shape) for name, values in graph.inputs.items()})
    file = f"{graph.name}.xml"
    openvino.save_model(model, folder / file, compress_to_fp16=False)
    return file


def load(file: Path) -> Callable[..., list[Any]]:
    """A graph, from arrays to arrays in the order of graphs.json."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it would report every start
    import openvino

    model = openvino.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda *inputs: [np.array(each) for each in model(inputs).values()]
