"""A list of one's own: a text file with a path and a label on each line, parted by a comma or by a space."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from faster_video.datasets.text import malformed, numbered_lines, numbered_rows, require_file_name
from faster_video.datasets.video_list import LabelledVideo, VideoList, is_video_name, require_label
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
    parted = _spaced(source) if _is_spaced(source) else _commas(source)
    base, videos, labels = root or source.parent, [], set()
    for line, name, label in parted:
        if label not in labels:
            require_label(label, f"{printable(source)}, line {line}")
            labels.add(label)
        require_file_name(source, line, name)
        videos.append(LabelledVideo(base / name, label))
    if not videos:
        raise DataError(f"{printable(source)}: lists no videos; {EITHER}")
    return VideoList(source, tuple(videos), root)


def _is_spaced(source: Path) -> bool:
    """By the first line: before its comma, or before its last space, stands a video's name.

    Where neither does, a comma makes it a CSV.
    """
    lines = numbered_lines(source)
    if not lines:
        return False
    first = lines[0][1]
    row, spaced = _first_row(source), _SPACED.fullmatch(first)
    if spaced is None or (row and is_video_name(Path(row[0]).name)):
        return False
    return is_video_name(Path(spaced["path"]).name) or "," not in first


def _first_row(source: Path) -> list[str]:
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            rows = ([cell.strip() for cell in row] for row in csv.reader(file))
            row = next((row for row in rows if any(row)), [])
    except csv.Error:
        return []
    return row if len(row) > 1 else []


def _commas(source: Path) -> Iterator[tuple[int, str, str]]:
    rows = numbered_rows(source)
    has_header = bool(rows) and [cell.lower() for cell in rows[0][1]] == HEADER
    for number, (line, row) in enumerate(rows[has_header:]):
        if len(row) != 2 or not all(row):
            undecided = number == 0 and len(row) == 1 and not has_header
            raise malformed(source, line, ",".join(row), EITHER if undecided else COMMA)
        yield line, row[0], row[1]


def _spaced(source: Path) -> Iterator[tuple[int, str, str]]:
    lines = numbered_lines(source)
    has_header = lines[0][1].lower().split() == HEADER
    for line, text in lines[has_header:]:
        parts = _SPACED.fullmatch(text)
        if parts is None or (is_video_name(parts["label"]) and not is_video_name(Path(parts["path"]).name)):
            raise malformed(source, line, text, SPACE)
        yield line, parts["path"], parts["label"]
