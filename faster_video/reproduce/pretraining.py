"""Networks that learn from other videos first, as the paper's from Kinetics before UCF-101 (Section 4, "Datasets")."""

from dataclasses import dataclass, replace
from typing import Any

from faster_video.config import Recipe, StageConfig, require_at_least
from faster_video.datasets import VideoList
from faster_video.errors import DataError, TrainingError
from faster_video.files import printable
from faster_video.reproduce.parts import content_sha256, read_training_part
from faster_video.reproduce.runs import trained
from faster_video.training.run import RunConfig

RATE_SHARE = 1 / 3
"""Of stage 1's learning rate, for networks that have learned before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pretraining:
    """Stage 1 on these videos, with labels of their own; then again, shorter, on those of the experiment."""

    data: VideoList
    """On disk."""
    epochs: int
    """Of the second time, for either network that learns at all."""
    missing: int = 0
    """Videos that are on no disk; they are left out."""

    def __post_init__(self) -> None:
        require_at_least("--finetune_epochs", self.epochs, 1)

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when an experiment goes on in its folder."""
        return {
            "videos": len(self.data.videos),
            "sha256": self.data.sha256,
            "content": content_sha256(self.data),
            "finetune_epochs": self.epochs,
        }

    def second_time(self, recipe: Recipe) -> Recipe:
        """The recipe with stage 1 as it is for networks that have learned before: a third of the rate."""
        return replace(
            recipe,
            stage1_expensive=self._shortened(recipe.stage1_expensive),
            stage1_cheap=self._shortened(recipe.stage1_cheap),
        )

    def _shortened(self, stage: StageConfig) -> StageConfig:
        if not stage.epochs:  # a stage that is left out
            return stage
        return replace(
            stage,
            epochs=self.epochs,
            warmup_epochs=min(stage.warmup_epochs, self.epochs / 10),
            learning_rate=stage.learning_rate * RATE_SHARE,
        )


def read_pretraining(source: str, *, root: str | None = None, epochs: int) -> Pretraining:
    """The training videos of another LIST; `root` is the folder under which they lie, as `--pretrain_root` says.

    Raises:
        DataError: it cannot be read, or none of its videos is on disk.
    """
    try:
        whole = read_training_part(source, root=root)
        data = whole.present()
    except DataError as error:  # which names the option that is for the experiment's own videos
        raise DataError(str(error).replace("--root", "--pretrain_root")) from error
    return Pretraining(data=data, epochs=epochs, missing=len(whole.videos) - len(data.videos))


def settings_of(pretraining: Pretraining | None) -> dict[str, Any]:
    """For the folder: the same keys with and without."""
    if pretraining is None:
        return {"videos": 0, "sha256": "", "content": "", "finetune_epochs": 0}
    return pretraining.settings


def require_beginning(run: RunConfig, first: RunConfig) -> None:
    """Refuse networks that somebody has copied without those they began as: whose they are, nobody can tell.

    Raises:
        TrainingError: `run` has its bundle, but `first`, which it is fine-tuned from, has none.
    """
    if run.bundle_folder.exists() and not first.bundle_folder.exists():
        raise TrainingError(
            f"{printable(run.out)}: is there, but not {printable(first.out)}, which it must have been fine-tuned from; "
            "copy that too, or remove the former, and both are trained again (as also where an older version made it, "
            "which began at every clip length anew)"
        )


def from_pretrained(run: RunConfig, first: RunConfig) -> RunConfig:
    """`run` from the weights that `first` has trained before, or trains now.

    Raises:
        TrainingError: `run` is done, but `first` is not there or was done with other settings; or training failed.
    """
    require_beginning(run, first)
    start = trained(first)
    origins: dict[str, str | int] = {"data": str(run.data.source), "finetune": str(first.bundle_folder.absolute())}
    return replace(run, finetune=start, origins=origins)
