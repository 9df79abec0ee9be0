"""Which views of which videos every step takes, and which of them this process computes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from torch.utils.data import Sampler

from faster_video.config import StageConfig
from faster_video.training.samples import SampleKey


class PieceKeys(list[SampleKey]):
    """The keys of one piece of a batch."""

    def __init__(self, keys: Iterable[SampleKey], first: SampleKey) -> None:
        super().__init__(keys)
        self.first = first
        """Of the whole batch, the same in all of its pieces and processes: what is drawn for a batch is drawn by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """The part of every batch that falls to one process, in pieces whose gradients are added up."""

    rank: int = 0
    """Number of this process."""
    processes: int = 1
    """Processes that share a batch."""
    pieces: int = 1
    """Pieces of this process's part (`StageConfig.accumulate`)."""

    def of(self, keys: list[SampleKey]) -> list[list[SampleKey]]:
        """This process's pieces of a batch, each `PieceKeys`; piece j of all processes together is the same for any
        number of them."""
        step = self.processes * self.pieces
        return [PieceKeys(keys[self.rank * self.pieces + piece :: step], keys[0]) for piece in range(self.pieces)]


WHOLE = Share()
"""Everything, at once."""


class Batches(Sampler[list[SampleKey]]):
    """The keys of every batch of a stage, all epochs after another, from `first_step` on; of each, this share.

    In each epoch every video comes `views_per_video` times, in an order drawn from the seed and the epoch. What
    does not fill a whole batch is left out of that epoch, so that all batches weigh the same; a set smaller than a
    batch is one.
    """

    def __init__(
        self, num_videos: int, config: StageConfig, *, seed: int, first_step: int = 0, share: Share = WHOLE
    ) -> None:
        self.num_videos = num_videos
        self.config = config
        self.seed = seed
        self.first_step = first_step
        self.share = share

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one epoch."""
        return max(1, self.num_videos * self.config.views_per_video // self.config.batch_size)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole stage."""
        return self.steps_per_epoch * self.config.epochs

    def __len__(self) -> int:
        return (self.total_steps - self.first_step) * self.share.pieces

    def __iter__(self) -> Iterator[list[SampleKey]]:
        """Lists of keys (`PieceKeys`): as many per step that is still to do as the share has pieces."""
        for step in range(self.first_step, self.total_steps):
            epoch, batch = divmod(step, self.steps_per_epoch)
            if batch == 0 or step == self.first_step:
                keys = self._epoch(epoch)
            start = batch * self.config.batch_size
            yield from self.share.of(keys[start : start + self.config.batch_size])

    def _epoch(self, epoch: int) -> list[SampleKey]:
        views = self.config.views_per_video
        keys = [SampleKey(epoch, video, view) for video in range(self.num_videos) for view in range(views)]
        Random(f"{self.seed}/{epoch}").shuffle(keys)
        return keys
