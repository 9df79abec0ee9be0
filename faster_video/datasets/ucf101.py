"""UCF-101: `trainlist01.txt` to `testlist03.txt` and `classInd.txt` as they are distributed."""

import os
import re
from pathlib import Path

from faster_video.datasets.text import malformed, numbered_lines, require_file_name
from faster_video.datasets.video_index import place_in_classes
from faster_video.datasets.video_list import Part, VideoList, require_label
from faster_video.errors import DataError
from faster_video.files import printable

CLASSES = "classInd.txt"
LISTS_FOLDER = "ucfTrainTestlist"
FOLDERS = ("UCF-101", "UCF101", "ucf101", "videos")
"""Beside or above the lists, where videos are looked for."""
_NAME = re.compile(r"(?P<part>train|test)list(?P<split>[0-9]{2})\.txt")
_LINE = re.compile(r"(?P<name>[^/]+/[^/]*?[^/ \t])(?:[ \t]+(?P<number>[0-9]+))?")
_CLASS = re.compile(r"(?P<number>[0-9]+)[ \t]+(?P<label>.+)")
_WANTED = "each line must be CLASS/VIDEO.avi and, in a training list, the class's number"


def is_ucf101(source: Path) -> bool:
    """Whether this is one of the lists, or the folder that holds them (or that has `ucfTrainTestlist/`)."""
    if source.is_dir():
        return any(_NAME.fullmatch(name) for name in os.listdir(_lists_folder(source)))  # noqa: PTH208 - names only
    return _NAME.fullmatch(source.name) is not None or source.name == CLASSES


def read_ucf101(source: Path, root: Path | None, split: int | None, part: Part) -> VideoList:
    """Read a list, or from their folder those of `split` (None: 1) that `part` names: train, test, or both in turn.

    Labels are the class folders' names; numbers must agree with `classInd.txt` where it lies beside the list.
    Videos lie as `CLASS/VIDEO` or flat, with any video's suffix, below `root` or beside the lists.

    Raises:
        DataError: there is no such split, a line is malformed, or a number contradicts `classInd.txt`.
        OSError: a list cannot be read.
    """
    if source.is_dir():
        folder = _lists_folder(source)
        parts = ("train", "test") if part == "all" else (part,)
        files = [folder / f"{name}list{split or 1:02d}.txt" for name in parts]
        _require_files(source, folder, files, split or 1)
    else:
        folder, files = source.parent, [source]
        _require_split(source, split)
    numbers = _read_classes(folder / CLASSES)
    names = [name for file in files for name in _read_names(file, numbers)]
    videos, base = place_in_classes(names, folder, root, FOLDERS)
    return VideoList(source, tuple(videos), base)


def _lists_folder(folder: Path) -> Path:
    inner = folder / LISTS_FOLDER
    return inner if inner.is_dir() else folder


def _require_files(source: Path, folder: Path, files: list[Path], split: int) -> None:
    for file in files:
        if not file.is_file():
            there = ", ".join(sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name)))
            raise DataError(f"{printable(source)}: has no {file.name} for split {split}; it has {there}")


def _require_split(source: Path, split: int | None) -> None:
    name = _NAME.fullmatch(source.name)
    if name is None:
        raise DataError(
            f"{printable(source)}: names the classes, not the videos; give trainlist01.txt, or the folder of the lists"
        )
    if split not in (None, int(name["split"])):
        raise DataError(
            f"{printable(source)}: is of split {int(name['split'])}, but --split is {split}; give the folder of the "
            "lists, or leave out --split"
        )


def _read_classes(path: Path) -> dict[str, tuple[int, str]]:
    """Label → its number and where that stands; empty where the file is not there."""
    numbers: dict[str, tuple[int, str]] = {}
    if not path.is_file():
        return numbers
    for line, text in numbered_lines(path):
        entry = _CLASS.fullmatch(text)
        if entry is None:
            raise malformed(path, line, text, "each line must be the class's number and its name")
        number, label = int(entry["number"]), entry["label"]
        if label in numbers or any(number == other for other, _ in numbers.values()):
            raise malformed(
                path, line, text, "its number or its name stands on an earlier line; each must be there once"
            )
        numbers[label] = (number, CLASSES)
    return numbers


def _read_names(path: Path, numbers: dict[str, tuple[int, str]]) -> list[tuple[str, str]]:
    """Class and file name of every line; numbers that are not in `classInd.txt` must agree with earlier lines."""
    has_classes, names = bool(numbers), []
    for line, text in numbered_lines(path):
        entry = _LINE.fullmatch(text)
        if entry is None:
            raise malformed(path, line, text, _WANTED)
        label, _, name = entry["name"].partition("/")
        require_label(label, f"{printable(path)}, line {line}")
        require_file_name(path, line, text)
        if has_classes and label not in numbers:
            raise malformed(path, line, text, f"{CLASSES} has no class {label!r}, so one of the two must be corrected")
        if entry["number"] is not None:
            number, where = numbers.setdefault(label, (int(entry["number"]), f"line {line}"))
            if number != int(entry["number"]):
                contradiction = f"{where} gives {label} the number {number}, so one of the two must be corrected"
                raise malformed(path, line, text, contradiction)
        names.append((label, name))
    if not names:
        raise DataError(f"{printable(path)}: lists no videos; {_WANTED}")
    return names
