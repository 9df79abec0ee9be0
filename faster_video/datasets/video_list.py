"""Labelled videos as values: what every reader of a list returns, and which of its files are on disk."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from faster_video.errors import DataError
from faster_video.files import is_one_line, printable

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in "3gp avi flv gif m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv".split()  # noqa: SIM905 - readable
)
"""What a folder is searched for; a list may name any file."""

Part = Literal["train", "test", "all"]
"""Which part of a list that holds several."""


def is_video_name(name: str) -> bool:
    """Whether a file of this name is taken for a video: it has a video's suffix and is not hidden."""
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not name.startswith(".")  # noqa: PTH122 - many names


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """One file and what it shows."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class VideoList:
    """Labelled videos in the order of their list, whether their files are on disk or not."""

    source: Path
    """The list: a file or a folder."""
    videos: tuple[LabelledVideo, ...]
    root: Path | None = None
    """The folder under which the videos lie; None is the list's own."""

    @property
    def base(self) -> Path:
        """What the videos' paths are relative to where the list is hashed or written out."""
        if self.root is not None:
            return self.root
        return self.source if self.source.is_dir() else self.source.parent

    @property
    def labels(self) -> list[str]:
        """Every label that occurs, sorted."""
        return sorted({video.label for video in self.videos})

    @property
    def sha256(self) -> str:
        """Hash of which files have which label, in which order, wherever they lie; not of their content."""
        base = os.fspath(self.base)
        lines = (f"{_relative(os.fspath(video.path), base)}\t{video.label}\n" for video in self.videos)
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()

    @property
    def missing(self) -> tuple[LabelledVideo, ...]:
        """The videos whose files are on no disk, in order; every folder of the list is looked into once."""
        absent = _absent({video.path for video in self.videos})
        return tuple(video for video in self.videos if video.path in absent)

    def present(self) -> "VideoList":
        """The same list without its missing videos.

        Raises:
            DataError: all of them are missing.
        """
        missing = self.missing
        require_not_all_missing(self, missing)
        absent = {video.path for video in missing}
        return replace(self, videos=tuple(video for video in self.videos if video.path not in absent))


def require_not_all_missing(videos: VideoList, missing: tuple[LabelledVideo, ...]) -> None:
    """Refuse a list of which not one file is there: its videos are looked for in the wrong place.

    Raises:
        DataError: that is so; the message says where the first should be.
    """
    if len(missing) == len(videos.videos) > 0:
        raise DataError(
            f"{printable(videos.source)}: none of its {len(missing)} videos is on disk; the first should be "
            f"{printable(missing[0].path)}; give the folder under which they lie with --root"
        )


def is_missing(path: Path) -> bool:
    """Whether there is no file of this name, as against one that may not be read."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def require_label(label: str, where: str) -> None:
    """Refuse a label that cannot be printed on one line.

    Raises:
        DataError: it has control characters; the message begins with `where`.
    """
    if not is_one_line(label):
        raise DataError(f"{where}: the label is {label!a}; it must be text on one line, without control characters")


def _absent(paths: Iterable[Path]) -> set[Path]:
    """Those of the paths that name nothing, from one look into each folder."""
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    return {path for folder, inside in folders.items() for path in _absent_from(folder, inside)}


def _absent_from(folder: Path, paths: list[Path]) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry in entries if not entry.is_symlink()}
    except (FileNotFoundError, NotADirectoryError):
        return paths
    except OSError:  # such as a folder that may be passed through but not listed
        names = set()
    # What the listing does not name may be there all the same: a link, or a name in other letters where that is one.
    return [path for path in paths if path.name not in names and is_missing(path)]


def _relative(path: str, base: str) -> str:
    """`os.path.relpath`, quickly where the path lies below the base and says so."""
    beginning = "" if base == os.curdir else os.path.join(base, "")  # noqa: PTH118 - many paths
    rest = path.removeprefix(beginning)
    if path.startswith(beginning) and not rest.startswith(os.sep) and os.pardir not in rest:
        return rest
    return os.path.relpath(path, base)
