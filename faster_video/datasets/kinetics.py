"""Kinetics-400, 600 and 700: the official CSV files, and the videos under the names that all downloaders give them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from faster_video.datasets.folder import SPLIT_FOLDERS
from faster_video.datasets.text import malformed, numbered_rows
from faster_video.datasets.video_index import VideoIndex, folder_key, index_beside
from faster_video.datasets.video_list import LabelledVideo, Part, VideoList, require_label
from faster_video.errors import DataError
from faster_video.files import printable

COLUMNS = ("label", "youtube_id", "time_start", "time_end")
FOLDERS = ("videos",)
"""Beside or above the list, where videos are looked for too."""
VALIDATION = frozenset({"val", "validate", "validation"})
_ID = re.compile(r"[A-Za-z0-9_-]+")
_SECONDS = re.compile(r"[0-9]{1,6}(\.0+)?")  # pandas writes 10.0


@dataclass(frozen=True, slots=True)
class Segment:
    """One row: some seconds of a YouTube video."""

    youtube_id: str
    start_seconds: int
    end_seconds: int
    label: str
    split: str
    """What the column `split` says, in lower case; empty where there is none."""

    @property
    def stem(self) -> str:
        """The file's name without suffix."""
        return f"{self.youtube_id}_{self.start_seconds:06d}_{self.end_seconds:06d}"


def is_kinetics(source: Path) -> bool:
    """Whether the file's first line is the header of an official list, in any order and case.

    Raises:
        DataError: it is such a header, but not parted by commas.
        OSError: the list cannot be read.
    """
    try:
        with source.open(encoding="utf-8-sig") as file:
            first = next((line for line in islice(file, 100) if line.strip()), "")
    except UnicodeDecodeError:
        return False
    if "youtube_id" in _cells(first, ","):
        return True
    if "youtube_id" in _cells(first, r"[\t;| ]"):
        raise DataError(
            f"{printable(source)}: its first line is {first.strip()!r}; a Kinetics list must be parted by commas"
        )
    return False


def _cells(line: str, comma: str) -> list[str]:
    return [cell.strip(' \t\r\n"').lower() for cell in re.split(comma, line)]


def read_kinetics(source: Path, root: Path | None, part: Part) -> VideoList:
    """Read an official CSV and find its videos `<youtube_id>_<time_start>_<time_end>` (six digits each, any suffix).

    They may lie flat, in class folders (blanks may be underscores), and in `train/`, `val/`, … above these; below
    `root`, or else beside the list. One that is on no disk stands where its class's others are.
    A list that mixes splits is cut down to `part`: `test` is the validation split, the test split where there is none.

    Raises:
        DataError: a column is missing, a line is malformed, or nothing is listed.
        OSError: the list cannot be read.
    """
    segments = _of_part(source, _read_segments(source), part)
    index = _index(source, root, segments)
    found = [index.find(row.stem, folders=(row.label, *_folders_of(row.split))) for row in segments]
    expected: dict[str, Path] = {}
    for row, path in zip(segments, found, strict=True):
        if path is not None:
            expected.setdefault(row.label, path.parent)
    videos = (
        LabelledVideo(path or expected.get(row.label, index.root) / f"{row.stem}.mp4", row.label)
        for row, path in zip(segments, found, strict=True)
    )
    return VideoList(source, tuple(videos), index.root)


def _read_segments(source: Path) -> list[Segment]:
    rows = numbered_rows(source)
    header = [cell.lower() for cell in rows[0][1]]
    columns = _columns(source, header)
    split = header.index("split") if "split" in header else None
    segments, labels = [], set()
    for line, row in rows[1:]:
        label, youtube_id, start, end = (row[column] if column < len(row) else "" for column in columns)
        _check_row(source, line, row, header, (label, youtube_id, start, end))
        if label not in labels:
            require_label(label, f"{printable(source)}, line {line}")
            labels.add(label)
        name = row[split].lower() if split is not None and split < len(row) else ""
        segments.append(Segment(youtube_id, _seconds(start), _seconds(end), label, name))
    if not segments:
        raise DataError(f"{printable(source)}: lists no videos; only the header is there")
    return segments


def _columns(source: Path, header: list[str]) -> list[int]:
    """Where the columns are that must be there."""
    missing = [name for name in COLUMNS if name not in header]
    if missing == ["label"]:
        raise DataError(
            f"{printable(source)}: has no column label, as the test lists that keep their labels secret; there is "
            "nothing to train or to evaluate on, give the train or the validation list"
        )
    if missing:
        raise DataError(
            f"{printable(source)}: has the columns {', '.join(header)}; a Kinetics list must also have "
            f"{', '.join(missing)}"
        )
    return [header.index(name) for name in COLUMNS]


def _check_row(source: Path, line: int, row: Sequence[str], header: Sequence[str], cells: Sequence[str]) -> None:
    _, youtube_id, start, end = cells
    if len(row) > len(header) or not all(cells):
        raise malformed(source, line, ",".join(row), f"it must be {','.join(header)}")
    if not _ID.fullmatch(youtube_id):
        raise DataError(
            f"{printable(source)}, line {line}: youtube_id is {youtube_id!r}; it must be letters, digits, - and _"
        )
    for name, value in (("time_start", start), ("time_end", end)):
        if not _SECONDS.fullmatch(value):
            raise DataError(f"{printable(source)}, line {line}: {name} is {value!r}; it must be a whole second")


def _seconds(value: str) -> int:
    return int(value.partition(".")[0])


def _of_part(source: Path, segments: list[Segment], part: Part) -> list[Segment]:
    """Of a list that mixes splits, the rows of this part; a list of one split is taken as it is."""
    splits = {row.split for row in segments}
    if part == "all" or len(splits) == 1:
        return segments
    wanted = {"train"} if part == "train" else (splits & VALIDATION or {"test"})
    chosen = [row for row in segments if row.split in wanted]
    if not chosen:
        raise DataError(
            f"{printable(source)}: lists no {part} videos; its column split has {', '.join(map(repr, sorted(splits)))}"
        )
    return chosen


def _folders_of(split: str) -> frozenset[str]:
    return VALIDATION if split in VALIDATION else frozenset({split})


def _index(source: Path, root: Path | None, segments: Sequence[Segment]) -> VideoIndex:
    if root is not None:
        return VideoIndex(root)
    classes = {folder_key(label) for label in {row.label for row in segments}}

    def enter(name: str) -> bool:
        key = folder_key(name)
        # Others write train_256 or videos_train.
        return key in classes or key.removeprefix("videos").rstrip("0123456789") in SPLIT_FOLDERS

    return index_beside(source.parent, FOLDERS, {row.stem for row in segments}, enter)
