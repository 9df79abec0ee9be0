"""Which files a user means by the paths given; nothing is opened, and no name is taken as a pattern."""

from collections.abc import Iterable
from pathlib import Path

from faster_video.datasets import lists
from faster_video.errors import DecodeError
from faster_video.video.container import printable


def find_videos(paths: Iterable[str | Path]) -> list[Path]:
    """The files meant by `paths`: folders searched to the bottom in sorted order, all else taken as it is.

    A path that does not exist stays in the list: reading it fails, and it is reported as one bad file
    among others.

    Raises:
        DecodeError: there is no video in a folder; the message names it.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        found += _videos_inside(path) if path.is_dir() else [path]
    return found


def _videos_inside(folder: Path) -> list[Path]:
    videos = lists.find_videos(folder)
    if not videos:
        raise DecodeError(
            f"{printable(folder)}: no video in this folder or below it; looked for files ending in "
            f"{', '.join(sorted(lists.VIDEO_SUFFIXES))}"
        )
    return videos
