"""Which files a user means by the paths given; nothing is opened, and no name is taken as a pattern."""

import os
from collections.abc import Iterable
from pathlib import Path

from faster_video.datasets import videos_in_folder
from faster_video.datasets.lists import VIDEO_SUFFIXES
from faster_video.inference.answers import Failure


def find_videos(paths: Iterable[str | Path]) -> list[Path | Failure]:
    """The files meant by `paths`: folders searched to the bottom in sorted order, all else taken as it is.

    A path that does not exist stays in the list: reading it fails, and it is reported as one bad file
    among others. So is a folder without any video: it is a `Failure` in the list.
    """
    found: list[Path | Failure] = []
    for path in map(Path, paths):
        if os.path.isdir(path):  # noqa: PTH112 - just False for a name that is too long
            found += videos_in_folder(path) or [Failure(path, _NO_VIDEO)]
        else:
            found.append(path)
    return found


_NO_VIDEO = f"no video in this folder or below it; looked for files ending in {', '.join(sorted(VIDEO_SUFFIXES))}"
