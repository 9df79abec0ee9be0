"""What is drawn for a batch is the same in all of its pieces, however many processes share it."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from faster_video.config import StageConfig
from faster_video.datasets import LabelledVideo
from faster_video.features.stored import Features, LostFeatures, StoredKey
from faster_video.pattern import Pattern
from faster_video.training.batches import Batches, Share
from faster_video.training.samples import Batch, Maps
from faster_video.training.stored import StoreSource

STAGE = StageConfig(epochs=5, warmup_epochs=0, batch_size=8)
VIDEOS = 24


class Nothing(Features):
    """Maps of a store that holds all clips of both networks."""

    name, views, missing, identity = "nothing", 1, frozenset[int](), "nothing"
    lost: Sequence[LostFeatures] = ()
    videos = tuple(LabelledVideo(Path(f"{number}.mp4"), str(number % 2)) for number in range(VIDEOS))

    def has(self, key: StoredKey) -> bool:
        """All but one."""
        return key.video != 3

    def require_fit(self, model: object, config: object) -> None:
        """They are nobody's."""

    def batch(self, keys: Sequence[StoredKey], flags: Sequence[bool]) -> tuple[Tensor, ...]:
        return tuple(torch.zeros(len(keys), 1, 1, 1, 1) for _ in flags)


def drawn(share: Share, first_step: int = 0) -> list[tuple[bool, ...]]:
    """The networks of every piece of a process."""
    source = StoreSource(
        Nothing(),
        pattern=Pattern.parse("1:1"),
        num_clips=6,
        views_per_video=1,
        patterns=("1:0", "1:1", "random"),
        clip_counts=(2, 4, 6),
    )
    found = []
    for batch in source(Batches(VIDEOS, STAGE, seed=0, first_step=first_step, share=share)):
        assert isinstance(batch, Batch) and isinstance(batch.inputs, Maps)
        found.append(batch.inputs.flags)
    return found


@pytest.mark.parametrize("pieces", [1, 2])
def test_all_pieces_in_all_processes_have_the_same_networks_and_clips(pieces: int) -> None:
    alone = drawn(Share())
    assert len(alone) == 15 and len(set(alone)) > 5
    for rank in range(2):
        shared = drawn(Share(rank=rank, processes=2, pieces=pieces))
        assert shared == [flags for flags in alone for _ in range(pieces)]
    assert drawn(Share(), first_step=4) == alone[4:]  # as in a run that goes on
