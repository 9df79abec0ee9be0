"""The two lists of a distillation: what of them could be read, and what is in both."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from faster_video.datasets import VideoList
from faster_video.errors import DataError, FasterVideoWarning
from faster_video.features import Features
from faster_video.files import printable


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What of a list's videos there was."""

    videos: int
    """All of the list."""
    missing: int
    """Whose files are on no disk."""
    unreadable: dict[Path, str]
    """Those that could not be read, and why."""

    @property
    def readable(self) -> int:
        """How many are neither missing nor unreadable."""
        return self.videos - self.missing - len(self.unreadable)


def found(features: Features, data: VideoList) -> Found:
    """What was found when these features were made of this list."""
    return Found(
        videos=len(data.videos),
        missing=len(features.missing),
        unreadable={data.videos[lost.key.video].path: lost.reason for lost in features.lost},
    )


def require_readable(features: Features, data: VideoList, what: str) -> Found:
    """What was found; `what` the videos are for, such as "to learn from".

    Raises:
        DataError: not one could be read; the message gives the first reason.
    """
    there = found(features, data)
    if there.readable > 0:
        return there
    first = next((f"{printable(path)}: {reason}" for path, reason in there.unreadable.items()), "all are missing")
    raise DataError(f"not one of the {there.videos} videos {what} could be read; {first}; give others")


def warn_of_both(data: VideoList, validation: VideoList) -> None:
    """Say which videos are learned from and judged on: of those the agreement says little."""
    learned = {video.path.resolve() for video in data.videos}
    both = [video.path for video in validation.videos if video.path.resolve() in learned]
    if both:
        warnings.warn(
            f"{len(both)} of the {len(validation.videos)} validation videos are among those to learn from, such as "
            f"{printable(both[0])}: the agreement on them says little about others; take others for one of the two",
            FasterVideoWarning,
            stacklevel=3,
        )
