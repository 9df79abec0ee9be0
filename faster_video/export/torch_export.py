"""Graphs as PyTorch's own exported programs (.pt2)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def load(file: Path) -> Callable[..., list[Any]]:
    """A graph, from arrays to arrays in the order of graphs.json."""
    import torch

    module = torch.export.load(file).module()
    return torch.no_grad()(lambda *inputs: [each.numpy() for each in module(*map(torch.from_numpy, inputs))])
