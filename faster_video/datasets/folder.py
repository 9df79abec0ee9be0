"""A folder of class folders: every sub-folder's name is the label of the videos below it."""

import os
from pathlib import Path

from faster_video.datasets.video_list import VIDEO_SUFFIXES, LabelledVideo, VideoList, is_video_name
from faster_video.errors import DataError
from faster_video.files import is_one_line, printable

SPLIT_FOLDERS = frozenset("train training val valid validate validation eval test testing".split())  # noqa: SIM905
"""Names under which people keep the parts of a set; each part then is a LIST of its own."""


def read_class_folders(folder: Path) -> VideoList:
    """Every video below the sub-folders, labels and files sorted.

    Raises:
        DataError: there is none, a folder's name is no label, or the sub-folders are parts of a set and not classes.
        OSError: the folder cannot be read.
    """
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    _require_labels(classes)
    videos = [LabelledVideo(path, entry.name) for entry in classes for path in videos_in_folder(entry)]
    _require_no_parts(folder, list(dict.fromkeys(video.label for video in videos)))
    if not videos:
        raise DataError(
            f"{printable(folder)}: holds no labelled videos; it must have one folder per label with video files in it "
            f"({', '.join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES))})"
        )
    return VideoList(folder, tuple(videos))


def _require_labels(classes: list[Path]) -> None:
    for entry in classes:
        if not is_one_line(entry.name):
            raise DataError(
                f"{printable(entry)}: this folder's name is no label; rename it to one line of UTF-8 text without "
                "control characters"
            )


def _require_no_parts(folder: Path, names: list[str]) -> None:
    """Of the folders that hold videos; beside them there may be others, such as `annotations/`."""
    if not names or not SPLIT_FOLDERS.issuperset(name.lower() for name in names):
        return
    first = printable(folder / names[0])
    if len(names) == 1:
        raise DataError(
            f"{printable(folder)}: its only folder with videos, {names[0]}, is a part of a set, not a label; give "
            f"{first}"
        )
    raise DataError(
        f"{printable(folder)}: its folders {', '.join(names)} are parts of a set, not labels; give one of them, such "
        f"as {first}"
    )


def videos_in_folder(folder: Path) -> list[Path]:
    """Every file below `folder` with a video's suffix, sorted; hidden ones and links to folders are passed over."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in sorted(names) if is_video_name(name)]
    return found
