"""Networks that learn from other videos first, as the paper's learn from Kinetics before UCF-101 (Section 4.5)."""

from dataclasses import dataclass, replace
from typing import Any

from faster_video.config import Recipe, StageConfig, require_at_least
from faster_video.datasets import VideoList

RATE_SHARE = 1 / 3
"""Of stage 1's learning rate, for networks that have learned before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pretraining:
    """Stage 1 on these videos, with labels of their own; then again, shorter, on those of the experiment."""

    data: VideoList
    epochs: int
    """Of the second time, for either network."""

    def __post_init__(self) -> None:
        require_at_least("--finetune_epochs", self.epochs, 1)

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when an experiment goes on in its folder."""
        return {"videos": len(self.data.videos), "sha256": self.data.sha256, "finetune_epochs": self.epochs}

    def second_time(self, recipe: Recipe) -> Recipe:
        """The recipe with stage 1 as it is for networks that have learned before: a third of the rate."""
        return replace(
            recipe,
            stage1_expensive=self._shortened(recipe.stage1_expensive),
            stage1_cheap=self._shortened(recipe.stage1_cheap),
        )

    def _shortened(self, stage: StageConfig) -> StageConfig:
        return replace(
            stage,
            epochs=self.epochs,
            warmup_epochs=min(stage.warmup_epochs, self.epochs / 10),
            learning_rate=stage.learning_rate * RATE_SHARE,
        )


def settings_of(pretraining: Pretraining | None) -> dict[str, Any]:
    """For the folder: the same keys with and without."""
    return {"videos": 0, "sha256": "", "finetune_epochs": 0} if pretraining is None else pretraining.settings
