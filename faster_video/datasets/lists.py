"""Labelled videos: a folder of class folders, or a CSV of `path,label`."""

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from faster_video.errors import DataError
from faster_video.files import is_one_line, printable

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in "3gp avi flv gif m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv".split()  # noqa: SIM905 - readable
)
"""What a folder is searched for; a list may name any file."""


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """One file and what it shows."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class VideoList:
    """Labelled videos in the order of their list."""

    source: Path
    videos: tuple[LabelledVideo, ...]

    @property
    def labels(self) -> list[str]:
        """Every label that occurs, sorted."""
        return sorted({video.label for video in self.videos})

    @property
    def sha256(self) -> str:
        """Hash of which files have which label, in which order, wherever the list lies; not of their content."""
        base = self.source if self.source.is_dir() else self.source.parent
        lines = (f"{os.path.relpath(video.path, base)}\t{video.label}\n" for video in self.videos)
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def read_list(source: str | Path) -> VideoList:
    """Read LIST: a folder whose sub-folders are labels, or a CSV file with the columns `path` and `label`.

    Paths in a CSV are relative to its folder. Files need not exist yet:
    what cannot be read is counted where it is used.

    Raises:
        DataError: LIST is missing, empty or malformed; the message names the file and the line.
    """
    path = Path(source)
    try:
        if path.is_dir():
            videos = _read_folder(path)
        elif path.exists():
            videos = _read_csv(path)
        else:
            raise DataError(
                f"{printable(path)}: does not exist; give a folder of class folders or a CSV file of path,label"
            )
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read: {error.strerror}") from error
    return VideoList(path, tuple(videos))


def videos_in_folder(folder: Path) -> list[Path]:
    """Every file below `folder` with a video's suffix, sorted; hidden ones and links to folders are passed over."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(parent, name)
            for name in sorted(names)
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
        ]
    return found


def _read_folder(folder: Path) -> list[LabelledVideo]:
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    for entry in classes:
        if not is_one_line(entry.name):
            raise DataError(
                f"{printable(entry)}: this folder's name is no label; rename it to one line of UTF-8 text without "
                "control characters"
            )
    videos = [LabelledVideo(path, entry.name) for entry in classes for path in videos_in_folder(entry)]
    if not videos:
        raise DataError(
            f"{printable(folder)}: holds no labelled videos; it must have one folder per label with video files in it "
            f"({', '.join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES))})"
        )
    return videos


def _read_csv(path: Path) -> list[LabelledVideo]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{printable(path)}: is not a CSV text file: {error}") from error
    if rows and [cell.strip().lower() for cell in rows[0][1]] == ["path", "label"]:
        rows = rows[1:]
    if not rows:
        raise DataError(f"{printable(path)}: lists no videos; each line must be path,label")
    return [_read_row(path, line, row) for line, row in rows]


def _read_row(path: Path, line: int, row: list[str]) -> LabelledVideo:
    cells = [cell.strip() for cell in row]
    if len(cells) != 2 or not all(cells):
        raise DataError(f"{printable(path)}, line {line}: is {','.join(row)!r}; each line must be path,label")
    if not is_one_line(cells[1]):
        raise DataError(
            f"{printable(path)}, line {line}: the label is {cells[1]!a}; it must be text on one line, without control "
            "characters"
        )
    return LabelledVideo(path.parent / cells[0], cells[1])
