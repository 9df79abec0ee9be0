"""Batches of stage 2 from stored features: nothing is decoded, and no frozen backbone runs.

Shapes: B videos of a batch, N clips per video, D channels, t h w feature map.
"""

from collections.abc import Iterable, Iterator, Sequence
from random import Random

import torch

from faster_video.config import RANDOM_PATTERN
from faster_video.errors import ConfigError
from faster_video.features.stored import Features, StoredKey, labels_of
from faster_video.files import printable
from faster_video.pattern import Pattern
from faster_video.training.batches import PieceKeys
from faster_video.training.samples import Batch, Inputs, Maps, SampleKey, Unreadable


class StoreSource:
    """The same batches as `FrozenSource` gives for the stored views, rounded to float16.

    The M stored views of a video take turns: epoch e, view v of V per epoch is stored view (e·V + v) mod M.
    """

    def __init__(
        self,
        features: Features,
        *,
        pattern: Pattern,
        num_clips: int,
        views_per_video: int,
        labels: list[str] | None = None,
        patterns: Sequence[str] = (),
        clip_counts: Sequence[int] = (),
        seed: int = 0,
    ) -> None:
        """Batches of `num_clips` maps; `labels` are the K classes in order, or all that occur in the store.

        Of `patterns` and `clip_counts`, where there are some, every batch has one in all of its pieces and processes,
        drawn by the seed; `pattern` or `num_clips` is then not used.

        Raises:
            ConfigError: there are no random views, or a video's label is none of `labels`.
        """
        if features.views < 1:
            raise ConfigError(f"{features.name}: holds no random views to learn from; extract with --views 1 or more")
        numbers = {label: number for number, label in enumerate(labels or labels_of(features))}
        unknown = sorted({video.label for video in features.videos} - numbers.keys())
        if unknown:
            raise ConfigError(
                f"{features.name}: has the label {unknown[0]!r}, which is none of the {len(numbers)} to be learned"
            )
        self.features = features
        self.flags = pattern.flags(num_clips)
        self._draws = bool(patterns or clip_counts)
        self._patterns = tuple(patterns) or (str(pattern),)
        self._clip_counts = tuple(clip_counts) or (num_clips,)
        self._seed = seed
        self.views_per_video = views_per_video
        self._labels = [numbers[video.label] for video in features.videos]
        self.unreadable = [
            Unreadable(path, f"{printable(path)}: {lost.reason}")
            for lost in features.lost
            if lost.key.view >= 0
            for path in [features.videos[lost.key.video].path]
        ]
        """Reported with the first batch and in no batch; videos that were missing are in none either, unreported."""

    def __call__(self, batches: Iterable[list[SampleKey]]) -> Iterator[Batch | list[Unreadable]]:
        """One batch of N maps, float32 [B, D, t, h, w], per list of keys.

        Raises:
            StoreError: a file is damaged.
            ConfigError: the pattern wants maps that are not stored.
        """
        unreadable, self.unreadable = self.unreadable, []
        for keys in batches:
            read = [key for key in map(self._stored, keys) if self.features.has(StoredKey(key.video, key.epoch))]
            if not read:
                yield unreadable
                unreadable = []
                continue
            first = keys.first if isinstance(keys, PieceKeys) else keys[0]
            maps = self._maps([StoredKey(key.video, key.epoch) for key in read], first)
            labels = torch.tensor([self._labels[key.video] for key in read])
            yield Batch(maps, labels, read, unreadable)
            unreadable = []

    def _maps(self, read: list[StoredKey], first: SampleKey) -> Inputs:
        """N maps of these views; `first` is of the whole batch, and fixes N and the pattern."""
        if not self._draws:
            return self.features.batch(read, self.flags)
        random = Random(f"{self._seed}/pattern/{first}")
        pattern, count = random.choice(self._patterns), random.choice(self._clip_counts)
        if pattern == RANDOM_PATTERN:
            share = random.random()
            flags = tuple(random.random() < share for _ in range(count))
        else:
            flags = tuple(Pattern.parse(pattern).flags(count))
        return Maps(self.features.batch(read, flags), flags)

    def _stored(self, key: SampleKey) -> SampleKey:
        """Which of the stored views stands for this one."""
        turn = key.epoch * self.views_per_video + key.view
        return SampleKey(turn % self.features.views, key.video, 0)
