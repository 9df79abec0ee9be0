"""What an experiment learns from and what it is judged on: two lists that share no video."""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faster_video.config import require_at_least
from faster_video.datasets import LabelledVideo, VideoList, read_list
from faster_video.datasets.lists import read_parts
from faster_video.datasets.motion_set import SETTINGS as MOTION_SETTINGS
from faster_video.errors import ConfigError, DataError
from faster_video.files import printable

TRAIN, TEST = "train.csv", "test.csv"
"""A folder that holds both lists, as `make-motion` writes them, is a LIST with two parts."""
MOST_VALIDATION = 0.5
_OF_GROUP = re.compile(r"(_g\d+)_c\d+\.[^./]*$")
"""End of a name in UCF-101: the clips `…_g08_c01.avi`, `…_g08_c02.avi` … are cut from one video."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentParts:
    """Training videos on disk, and all test videos: those that are missing count as wrong."""

    train: VideoList
    test: VideoList
    missing: int = 0
    """Training videos that are on no disk; they are left out."""

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when an experiment goes on in its folder."""
        return {
            "train": {
                "videos": len(self.train.videos),
                "sha256": self.train.sha256,
                "content": content_sha256(self.train),
            },
            "test": {
                "videos": len(self.test.videos),
                "sha256": self.test.sha256,
                "on_disk_sha256": self.test.present().sha256,
                "content": content_sha256(self.test),
            },
        }


def read_experiment_parts(
    source: str | Path,
    *,
    root: str | None = None,
    split: int | None = None,
    test: str | None = None,
    validation_share: float = 0.0,
) -> ExperimentParts:
    """The parts of LIST; `test` is a list of its own for a LIST without parts.

    With `validation_share` above 0, that share of every label's training videos is held out and judged in the place of
    the test part, which is then not read. Which they are follows from their paths in the list alone.

    Raises:
        DataError: LIST has no parts and neither `test` nor a share is given; a part cannot be read or is not on disk;
            or a video is in both.
        ConfigError: the share is below 0 or above a half, or given beside `test`.
    """
    require_at_least("--validation_share", validation_share, 0)
    if validation_share > MOST_VALIDATION:
        raise ConfigError(f"--validation_share is {validation_share}; it must be at most {MOST_VALIDATION}")
    if validation_share and test is not None:
        raise ConfigError("--validation_share and --test are both given; choose what the experiment is judged on")
    train, judged = _read(Path(source), root, split)
    if validation_share:
        train, judged = _held_out(train, validation_share)
    elif test is not None:
        judged = read_list(test, root=None if Path(test).is_dir() else root, part="test")
    if judged is None:
        raise DataError(
            f"{printable(source)}: has no test part; give one with --test LIST, or hold out a part of it with "
            "--validation_share 0.2"
        )
    require_apart(train, judged)
    present = train.present()
    return ExperimentParts(train=present, test=judged, missing=len(train.videos) - len(present.videos))


def read_training_part(source: str | Path, *, root: str | None = None) -> VideoList:
    """Of a LIST with parts, the training part, on disk or not; of another, all. Raises DataError as `read_list`."""
    return _read(Path(source), root, None)[0]


def content_sha256(videos: VideoList) -> str:
    """Hash of how large the files of a list are, in its order, and of the settings of a made-up set beside it.

    Other videos under the same names are found out so without reading them all.
    """
    found = hashlib.sha256("".join(f"{_size(video.path)}\n" for video in videos.videos).encode())
    beside = (videos.source if videos.source.is_dir() else videos.source.parent) / MOTION_SETTINGS
    if beside.is_file():
        found.update(beside.read_bytes())
    return found.hexdigest()


def _size(path: Path) -> int:
    """In bytes; -1 of a file that is missing or hidden."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _read(source: Path, root: str | None, split: int | None) -> tuple[VideoList, VideoList | None]:
    """Training and test videos; None where LIST holds no test part."""
    if (source / TRAIN).is_file() and (source / TEST).is_file():
        train, test = (read_list(source / name, root=root, split=split) for name in (TRAIN, TEST))
        return train, test
    whole = read_list(source, root=root, split=split)
    parts = read_parts(whole, root=root, split=split)
    return parts.get("train", whole), parts.get("test")


def _held_out(train: VideoList, share: float) -> tuple[VideoList, VideoList]:
    """The rest, and a share of every label: the videos, or groups of them, whose paths have the smallest hashes."""
    of_label: dict[str, list[LabelledVideo]] = defaultdict(list)
    for video in train.videos:
        of_label[video.label].append(video)
    held: set[LabelledVideo] = set()
    for label, videos in of_label.items():
        if len(videos) < 3:
            raise DataError(
                f"{printable(train.source)}: label {label!r} has only {len(videos)} training videos; to hold out a "
                "part and learn from the rest, every label needs three"
            )
        count = min(max(1, round(share * len(videos))), len(videos) - 2)
        chosen = _whole_groups(videos, train.base, count)
        if not chosen:
            raise DataError(
                f"{printable(train.source)}: the {len(videos)} training videos of label {label!r} are clips of too few "
                "groups (_g01, _g02 …) to hold one out and learn from the rest"
            )
        held |= chosen
    rest = tuple(video for video in train.videos if video not in held)
    return replace(train, videos=rest), replace(train, videos=tuple(video for video in train.videos if video in held))


def _whole_groups(videos: Sequence[LabelledVideo], base: Path, count: int) -> set[LabelledVideo]:
    """`count` videos of a label or a few more, so that no group is in both parts; at least two are left."""
    groups: dict[bytes, list[LabelledVideo]] = defaultdict(list)
    for video in videos:
        groups[_hash(video, base)].append(video)
    chosen: set[LabelledVideo] = set()
    for key in sorted(groups):
        if len(chosen) < count and len(chosen) + len(groups[key]) <= len(videos) - 2:
            chosen |= set(groups[key])
    return chosen


def _hash(video: LabelledVideo, base: Path) -> bytes:
    """Of the path, or of the group that it names."""
    relative = _OF_GROUP.sub(r"\1", Path(os.path.relpath(video.path, base)).as_posix())
    return hashlib.sha256(relative.encode(errors="surrogateescape")).digest()


def require_apart(train: VideoList, test: VideoList, what: str = "training videos") -> None:
    """Refuse test videos that a network learns from; `what` they are, too.

    Raises:
        DataError: there are such videos.
    """
    shared = {video.path for video in train.videos} & {video.path for video in test.videos}
    if shared:
        raise DataError(
            f"{printable(test.source)}: {len(shared)} of its videos, such as {printable(min(shared))}, are {what} "
            "too; a network must not be judged on what it has learned from"
        )
