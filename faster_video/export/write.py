"""A bundle as a folder of graphs that other programs run."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from faster_video.bundle import Bundle
from faster_video.config import require_choice
from faster_video.errors import ExportError
from faster_video.export.check import require_equal
from faster_video.export.description import DESCRIPTION, FORMAT, write_description
from faster_video.export.formats import FORMATS
from faster_video.export.graphs import GRAPHS, graphs_of
from faster_video.export.run_video import example_text
from faster_video.files import printable, replacing_folder, require_writable_place

EXAMPLE = "run_video.py"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What was written."""

    files: dict[str, int]
    """Bytes of each file of graphs."""
    difference: float
    """Largest difference of a probability from the bundle's, over a few clips of noise."""
    left_out: list[str]
    """What the bundle has to look at less of a video, in words; the graphs know none of it."""


def export_bundle(bundle: Bundle, folder: str | Path, form: str) -> Exported:
    """Write the bundle's graphs in one of `FORMATS`, so that `folder` holds an old export or the new one, whole.

    Raises:
        ConfigError: there is no such format, or the networks do not take the bundle's clips.
        ExportError: a package is missing; the bundle has no networks, or some that cannot be exported; nothing can be
            written there; or it is a file, the current folder, or a folder that holds other things than an export as
            it was written.
    """
    require_exportable(folder, form)
    target, example = Path(folder), example_text(form).encode()
    try:
        graphs = graphs_of(bundle)
        with replacing_folder(target) as aside:
            files = {FORMATS[form].write(graph, aside): graph for graph in graphs}
            sizes = {file.name: file.stat().st_size for file in sorted(aside.iterdir())}
            write_description(bundle, files, form, sha256(example).hexdigest(), aside)
            (aside / EXAMPLE).write_bytes(example)
            difference = require_equal(bundle, graphs, aside)
    except OSError as error:
        raise _not_written(target, error) from error
    return Exported(files=sizes, difference=difference, left_out=_left_out(bundle))


def _left_out(bundle: Bundle) -> list[str]:
    config, presets = bundle.config, sorted(bundle.config.presets)
    rule = config.calibration.stop
    return [
        *(["its gate"] if config.model.gate else []),
        *([] if rule is None else [f"its rule to stop, {rule}"]),
        *([f"its presets ({', '.join(presets)})"] if presets else []),
    ]


def require_exportable(folder: str | Path, form: str) -> None:
    """Refuse what `export_bundle` would refuse whatever the bundle, so that it need not be read first.

    Raises:
        ConfigError: there is no such format.
        ExportError: a package is missing, nothing can be written there, or something would be lost.
    """
    require_choice("format", form, FORMATS)
    require_packages = FORMATS[form].require
    if require_packages is not None:
        require_packages()
    target = Path(folder)
    try:
        _require_replaceable(target)
        require_writable_place(target.resolve())
    except OSError as error:
        raise _not_written(target, error) from error


def _not_written(target: Path, error: OSError) -> ExportError:
    return ExportError(f"{printable(target)}: cannot write the graphs there: {error.strerror or error}")


def _require_replaceable(target: Path) -> None:
    """Refuse to write where something other than an export would be lost."""
    if not target.exists():
        return
    place = printable(target)
    if not target.is_dir():
        raise ExportError(f"{place}: is a file; graphs are written to a folder, so choose another name")
    if target.resolve() == Path.cwd():
        raise ExportError(f"{place}: is the current folder, which graphs would replace; choose a new one with --out")
    own = {f"{name}{suffix}" for name in GRAPHS for form in FORMATS.values() for suffix in form.suffixes}
    found = sorted(entry.name for entry in target.iterdir())
    others = [name for name in found if name not in own | {DESCRIPTION, EXAMPLE}]
    if others:
        raise ExportError(
            f"{place}: holds {others[0]!r}, which is no part of exported graphs and would be lost; choose a new folder "
            "with --out"
        )
    if found:
        _require_ours(target, found[0])


def _require_ours(target: Path, found: str) -> None:
    """Of files that are called as ours are, those are that lie beside our description, the example as it was."""
    try:
        about = json.loads((target / DESCRIPTION).read_text("utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        about = None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ExportError(
            f"{printable(target)}: holds {found!r}, which would be lost, and no {DESCRIPTION} that says it was "
            "exported; choose a new folder with --out"
        )
    example = target / EXAMPLE
    if example.exists() and sha256(example.read_bytes()).hexdigest() != about.get("example_sha256"):
        raise ExportError(
            f"{printable(example)}: was changed since it was exported, and would be lost; move it elsewhere, or choose "
            "a new folder with --out"
        )
