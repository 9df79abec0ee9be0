"""What training and evaluation ask of stored features, whoever wrote them.

Shapes: B views, N clips per view, D channels, t h w feature map.
"""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from faster_video.bundle import BundleConfig
from faster_video.config import Recipe
from faster_video.datasets import LabelledVideo
from faster_video.errors import DataError
from faster_video.model import Faster

NO_FILE = os.strerror(errno.ENOENT)
"""Why a missing video has no features, as reading it would say."""


class StoredKey(NamedTuple):
    """Which view of which video."""

    video: int
    """Its place in `videos`."""
    view: int
    """0 … views - 1, or TEST."""


@dataclass(frozen=True, slots=True)
class LostFeatures:
    """A view without features, and why."""

    key: StoredKey
    reason: str


class Features(Protocol):
    """The feature maps of labelled videos: a test view of each, and random views to learn from."""

    name: str
    """Of its folder, for messages."""
    videos: tuple[LabelledVideo, ...]
    """In the order of their list, those without features too."""
    views: int
    """Random views of every video."""
    lost: Sequence[LostFeatures]
    """Views whose video could not be read when the features were made."""
    missing: frozenset[int]
    """Places in `videos` of those whose files were on no disk then; none of them is among the lost."""

    def has(self, key: StoredKey) -> bool:
        """Whether this view's maps are there."""
        ...

    def batch(self, keys: Sequence[StoredKey], flags: Sequence[bool]) -> tuple[Tensor, ...]:
        """N maps float32 [B, D, t, h, w] of these views; of clip i from the expensive network where `flags[i]`.

        Raises:
            StoreError: a file is damaged.
            ConfigError: there are no such maps: another network's or fewer clips.
        """
        ...

    @property
    def identity(self) -> str:
        """A hash that tells these features from others, for a run's settings."""
        ...

    def require_fit(self, model: Faster, config: BundleConfig | Recipe) -> None:
        """Refuse a model that these features are not made for.

        Raises:
            ConfigError: its backbones are others, or it sees clips in another way.
        """
        ...


def lost_reasons(features: Features, view: int) -> dict[int, str]:
    """Why videos have no maps of a view, by their places in `videos`, in order."""
    reasons = {lost.key.video: lost.reason for lost in features.lost if lost.key.view == view}
    return dict(sorted((reasons | dict.fromkeys(features.missing, NO_FILE)).items()))


def labels_of(features: Features) -> list[str]:
    """Every label that occurs, sorted: the K classes of what is trained on these features.

    Raises:
        DataError: there are no videos.
    """
    if not features.videos:
        raise DataError(f"{features.name}: holds no videos")
    return sorted({video.label for video in features.videos})
