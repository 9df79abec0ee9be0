"""What the tests of the lists' formats share."""

import re
from pathlib import Path

import pytest
from hypothesis import strategies as st

from faster_video.datasets import VideoList, read_list
from faster_video.errors import DataError

# What a file system takes as one part of a path, and no reader may cut at: brackets, &, ;, !, #, %, quotes, umlauts …
file_names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"], exclude_characters="/"),
    min_size=1,
    max_size=20,
).filter(lambda name: name.strip() == name and not name.startswith("."))


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(path: Path, content: str | bytes) -> Path:
    """The file, with exactly these line ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pairs(videos: VideoList, base: Path) -> list[tuple[str, str]]:
    """Path from `base`, and label."""
    return [(str(video.path.relative_to(base)), video.label) for video in videos.videos]


def refusal(source: Path, base: Path, **options: object) -> str:
    """What is said of a list that is refused, without the folder `base` in front of file names."""
    with pytest.raises(DataError) as caught:
        read_list(source, **options)  # type: ignore[arg-type]
    return re.sub(re.escape(f"{base}/"), "", str(caught.value))
