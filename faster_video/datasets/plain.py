"""A list of one's own: a text file with a path and a label on each line, parted by a comma or by a space."""

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

from faster_video.datasets.text import malformed, numbered_lines, numbered_rows, require_file_name
from faster_video.datasets.video_list import VIDEO_SUFFIXES, LabelledVideo, VideoList, require_label
from faster_video.errors import DataError
from faster_video.files import printable

HEADER = ["path", "label"]
COMMA, SPACE = "each line must be path,label", "each line must be path label"
EITHER = f"{COMMA} or path label"
_SPACED = re.compile(r"(?P<path>.+?)[ \t]+(?P<label>[^ \t]+)", re.DOTALL)


def read_plain(source: Path, root: Path | None) -> VideoList:
    """Read `path,label` (CSV, quotes allowed) or `path label` (the label is the last word, the path may hold spaces).

    The first line decides which of both the file is. Paths are relative to `root`; None is the list's folder.

    Raises:
        DataError: the list is empty or malformed; the message names the line.
        OSError: it cannot be read.
    """
    is_spaced = _is_spaced(source)
    rows = list(_spaced(source) if is_spaced else _commas(source))
    base, videos, labels = root or source.parent, [], set()
    for line, name, label in _without_header(source, rows, " " if is_spaced else ","):
        if label not in labels:
            require_label(label, f"{printable(source)}, line {line}")
            labels.add(label)
        require_file_name(source, line, name)
        videos.append(LabelledVideo(base / name, label))
    if not videos:
        raise DataError(f"{printable(source)}: lists no videos; {EITHER}")
    return VideoList(source, tuple(videos), root)


def _without_header(source: Path, rows: list[tuple[int, str, str]], mark: str) -> list[tuple[int, str, str]]:
    """The rows that are videos; a first line that names the columns in other words is refused, or it were a class."""
    if not rows:
        return rows
    line, name, label = rows[0]
    words = [name.lower(), label.lower()]
    if words == HEADER:
        return rows[1:]
    is_strange = len(rows) > 1 and _has_suffix(rows[1][1]) and not _has_suffix(name)
    if is_strange or words == HEADER[::-1]:
        wanted = f"a header must be {mark.join(HEADER)}, and a path must end in a video's suffix if the next one does"
        raise malformed(source, line, f"{name}{mark}{label}", wanted)
    return rows


def _has_suffix(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES  # noqa: PTH122 - many names


def _is_spaced(source: Path) -> bool:
    """By the first line: before its comma, or before its last space, stands a video's name.

    Where neither does, a comma makes it a CSV.
    """
    lines = numbered_lines(source)
    if not lines:
        return False
    first = lines[0][1]
    row, spaced = _first_row(source), _SPACED.fullmatch(first)
    if spaced is None or (row and _has_suffix(row[0])):
        return False
    return _has_suffix(spaced["path"]) or "," not in first


def _first_row(source: Path) -> list[str]:
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            rows = ([cell.strip() for cell in row] for row in csv.reader(file))
            row = next((row for row in rows if any(row)), [])
    except csv.Error:
        return []
    return row if len(row) > 1 else []


def _commas(source: Path) -> Iterator[tuple[int, str, str]]:
    for number, (line, row) in enumerate(numbered_rows(source)):
        if len(row) != 2 or not all(row):
            undecided = number == 0 and len(row) == 1
            raise malformed(source, line, ",".join(row), EITHER if undecided else COMMA)
        if _has_suffix(row[1]) and not _has_suffix(row[0]):
            raise malformed(source, line, ",".join(row), COMMA)
        yield line, row[0], row[1]


def _spaced(source: Path) -> Iterator[tuple[int, str, str]]:
    for line, text in numbered_lines(source):
        parts = _SPACED.fullmatch(text)
        if parts is None or (_has_suffix(parts["label"]) and not _has_suffix(parts["path"])):
            raise malformed(source, line, text, SPACE)
        if not _has_suffix(parts["path"]) and any(map(_has_suffix, parts["path"].split())):
            raise malformed(source, line, text, f"{SPACE}, and a label with blanks needs commas: path,label")
        yield line, parts["path"], parts["label"]
