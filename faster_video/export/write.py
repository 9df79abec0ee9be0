"""A bundle as a folder of graphs that other programs run."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faster_video.bundle import Bundle
from faster_video.config import require_choice
from faster_video.errors import ExportError
from faster_video.export import run_video
from faster_video.export.check import require_equal
from faster_video.export.description import DESCRIPTION, write_description
from faster_video.export.graphs import GRAPHS, Graph, graphs_of
from faster_video.export.onnx import require_onnx, write_onnx
from faster_video.export.openvino import require_openvino, write_openvino
from faster_video.export.torch_export import require_nothing, write_torch_export
from faster_video.files import printable, replacing_folder

EXAMPLE = "run_video.py"


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A way of writing graphs."""

    require: Callable[[], None]
    """Refuses where a package is not installed."""
    write: Callable[[Graph, Path], str]
    """Writes a graph into a folder; returns the name of the file to open."""
    suffixes: tuple[str, ...]
    """Of the files of a graph."""


FORMATS: dict[str, Format] = {
    "onnx": Format(require=require_onnx, write=write_onnx, suffixes=(".onnx",)),
    "openvino": Format(require=require_openvino, write=write_openvino, suffixes=(".xml", ".bin")),
    "torch-export": Format(require=require_nothing, write=write_torch_export, suffixes=(".pt2",)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What was written."""

    files: dict[str, int]
    """Bytes of each file of graphs."""
    difference: float
    """Largest difference of a probability from the model's, over a few clips of noise."""


def export_bundle(bundle: Bundle, folder: str | Path, form: str) -> Exported:
    """Write the bundle's graphs in one of `FORMATS`, so that `folder` holds an old export or the new one, whole.

    Raises:
        ConfigError: there is no such format, or the networks do not take the bundle's clips.
        ExportError: a package is missing; the bundle has no networks, or some that cannot be exported; nothing can be
            written there, or it is a file or a folder that holds other things than an export.
    """
    require_choice("format", form, FORMATS)
    FORMATS[form].require()
    target = Path(folder)
    try:
        _require_replaceable(target)
        graphs = graphs_of(bundle)
        with replacing_folder(target) as aside:
            files = {FORMATS[form].write(graph, aside): graph for graph in graphs}
            sizes = {file.name: file.stat().st_size for file in sorted(aside.iterdir())}
            write_description(bundle, files, form, aside)
            shutil.copyfile(run_video.__file__, aside / EXAMPLE)
            difference = require_equal(bundle, graphs, aside)
    except OSError as error:
        reason = error.strerror or error
        raise ExportError(f"{printable(target)}: cannot write the graphs there: {reason}") from error
    return Exported(files=sizes, difference=difference)


def _require_replaceable(target: Path) -> None:
    """Refuse to write where something other than an export would be lost."""
    if target.exists() and not target.is_dir():
        raise ExportError(f"{printable(target)}: is a file; graphs are written to a folder, so choose another name")
    own = {f"{name}{suffix}" for name in GRAPHS for form in FORMATS.values() for suffix in form.suffixes}
    found = {entry.name for entry in target.iterdir()} if target.exists() else set()
    others = sorted(found - own - {DESCRIPTION, EXAMPLE})
    if others:
        raise ExportError(
            f"{printable(target)}: holds {others[0]!r}, which is no part of exported graphs and would be lost; choose "
            "a new folder with --out"
        )
