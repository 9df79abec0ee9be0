"""HMDB-51: the files `<class>_test_split<N>.txt` as they are distributed, one for each class and split."""

import os
import re
from pathlib import Path

from faster_video.datasets.text import malformed, numbered_lines, require_file_name
from faster_video.datasets.video_index import place_in_classes
from faster_video.datasets.video_list import Part, VideoList, require_label
from faster_video.errors import DataError
from faster_video.files import printable

LISTS_FOLDER = "testTrainMulti_7030_splits"
FOLDERS = ("hmdb51_org", "hmdb51", "HMDB51", "videos")
"""Beside or above the lists, where videos are looked for."""
NUMBERS: dict[Part, tuple[str, ...]] = {"train": ("1",), "test": ("2",), "all": ("1", "2")}
"""What the number behind a video must be; 0 means that the split does not use it."""
_NAME = re.compile(r"(?P<label>.+)_test_split(?P<split>[0-9]+)\.txt", re.DOTALL)
_LINE = re.compile(r"(?P<name>[^/]+?)[ \t]+(?P<number>[012])")


def is_hmdb51(source: Path) -> bool:
    """Whether this is one of the files, or the folder that holds them (or has `testTrainMulti_7030_splits/`)."""
    if source.is_dir():
        return any(_NAME.fullmatch(name) for name in os.listdir(_lists_folder(source)))  # noqa: PTH208 - names only
    return _NAME.fullmatch(source.name) is not None


def read_hmdb51(source: Path, root: Path | None, split: int | None, part: Part) -> VideoList:
    """Read every class's list of `split` (None: 1, or that of the file given); `all` is train and test, without 0.

    One file stands for all the classes of its split in its folder. Videos lie as `CLASS/VIDEO` or flat, with any
    video's suffix, below `root` or beside the lists.

    Raises:
        DataError: there is no such split, a class lacks it, or a line is malformed.
        OSError: a list cannot be read.
    """
    own = None if source.is_dir() else _NAME.fullmatch(source.name)
    if own is not None and split not in (None, int(own["split"])):
        raise DataError(
            f"{printable(source)}: is of split {int(own['split'])}, but --split is {split}; give the folder of the "
            "lists, or leave out --split"
        )
    folder = _lists_folder(source) if own is None else source.parent
    files = _files_of(folder, split or (int(own["split"]) if own is not None else 1))
    named = [(label, name) for label, path in files.items() for name in _read_names(path, NUMBERS[part])]
    if not named:
        raise DataError(
            f"{printable(source)}: lists no {part} videos; their number must be {' or '.join(NUMBERS[part])}"
        )
    videos, base = place_in_classes(named, folder, root, FOLDERS)
    return VideoList(source, tuple(videos), base)


def _lists_folder(folder: Path) -> Path:
    inner = folder / LISTS_FOLDER
    return inner if inner.is_dir() else folder


def _files_of(folder: Path, split: int) -> dict[str, Path]:
    """Label → its file of this split, labels sorted; every class must have one."""
    files: dict[int, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        name = _NAME.fullmatch(path.name)
        if name is not None:
            files.setdefault(int(name["split"]), {})[name["label"]] = path
    if split not in files:
        there = ", ".join(map(str, sorted(files)))
        raise DataError(f"{printable(folder)}: has no lists of split {split}; it has those of split {there}")
    lacking = sorted({label for labels in files.values() for label in labels} - files[split].keys())
    if lacking:
        raise DataError(
            f"{printable(folder)}: has no {lacking[0]}_test_split{split}.txt, though other splits have that class; "
            "copy all the lists again"
        )
    for label, path in files[split].items():
        require_label(label, printable(path))
    return files[split]


def _read_names(path: Path, numbers: tuple[str, ...]) -> list[str]:
    names = []
    for line, text in numbered_lines(path):
        entry = _LINE.fullmatch(text)
        if entry is None:
            raise malformed(
                path, line, text, "each line must be VIDEO.avi and 0 (not in this split), 1 (train) or 2 (test)"
            )
        require_file_name(path, line, text)
        if entry["number"] in numbers:
            names.append(entry["name"])
    return names
