"""Graphs as PyTorch's own exported programs (.pt2)."""

from pathlib import Path

import torch

from faster_video.export.graphs import Graph
from faster_video.export.program import quiet, traced


def write_torch_export(graph: Graph, folder: Path) -> str:
    """Write the graph; returns the file's name. Raises `ExportError`."""
    program = traced(graph)
    program.example_inputs = None  # the only thing that would be pickled
    file = f"{graph.name}.pt2"
    with quiet():
        torch.export.save(program, folder / file)
    return file


def require_nothing() -> None:
    """PyTorch is there, and nothing else is needed."""
