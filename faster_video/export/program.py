"""A graph as the operations that PyTorch computes it with: what all formats are made from."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.export import ExportedProgram

from faster_video.errors import ExportError
from faster_video.export.graphs import Graph
from faster_video.export.resizing import ResizingAsProducts


def traced(graph: Graph) -> ExportedProgram:
    """The graph's operations, without the names of source files that tracing leaves in it.

    Raises:
        ExportError: its module does what cannot be traced.
    """
    inputs = tuple(graph.inputs.values())
    resizing = ResizingAsProducts()
    with torch.inference_mode(False), torch.no_grad(), resizing, quiet():
        graph.module(*inputs)
        try:
            program = torch.export.export(graph.module, inputs, strict=False)
        except Exception as error:  # of any kind: the module may be anybody's
            raise not_exported(graph, error) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def not_exported(graph: Graph, error: Exception) -> ExportError:
    """The error of a graph that cannot be written, with what PyTorch says of it."""
    said = next((line for line in str(error).splitlines() if line.strip()), "")
    return ExportError(
        f"the {graph.name} graph cannot be exported: {type(error).__name__}: {said.strip()}; its network must do the "
        "same with every clip, in operations that PyTorch can export"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without what exporters say to those who write exporters."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
