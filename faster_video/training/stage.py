"""What a stage of training is: what learns, from what, how, and what is kept of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import nn

from faster_video.config import StageConfig
from faster_video.training.batches import Batches
from faster_video.training.samples import Batch, Inputs, Unreadable

Piece = Batch | list[Unreadable]
"""What a source gives for one list of keys; a list of the unreadable videos where none of it could be read."""


class BatchSource(Protocol):
    """Makes the batches of a stage from the keys that are still to do."""

    def __call__(self, batches: Batches) -> Iterable[Piece]:
        """One item per list of keys."""
        ...


def unchanged(inputs: Inputs) -> Inputs:
    """What is ready for the learner as it comes."""
    return inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What learns, from what, and how."""

    name: str
    learner: nn.Module
    """Maps the inputs of a batch to scores [B, K]; its parameters and buffers are what a checkpoint holds."""
    config: StageConfig
    num_videos: int
    source: BatchSource
    prepare: Callable[[Inputs], Inputs] = unchanged
    """What is done on the training device to a batch's inputs before the learner sees them."""
    smallest_batch: int = 1
    """Readable videos, of all processes, below which a piece is passed over: one value has no spread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """Where a run's state goes, how often, and how many broken videos it bears."""

    folder: Path
    """The run directory; a stage's checkpoints are in the folder of its name."""
    seed: int
    checkpoint_seconds: float
    """Longest time between two checkpoints within an epoch."""
    most_broken: float
    """Share of a stage's videos that may be unreadable."""
