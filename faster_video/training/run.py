"""What a training run is, what is checked before it starts, and its directory."""

import json
import platform
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch

import faster_video
from faster_video.backbones.blocks import SPATIAL_STRIDE
from faster_video.bundle import Bundle
from faster_video.config import TEMPORAL_STRIDE, Recipe, require_at_least, require_choice
from faster_video.datasets import VideoList
from faster_video.device import choose_device
from faster_video.errors import ConfigError, DataError, TrainingError
from faster_video.evaluation import require_known_labels
from faster_video.files import replacing_file

SETTINGS = "run.json"
BACKBONES = ("expensive", "cheap")
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """What is trained, on what, where."""

    recipe: Recipe
    data: VideoList
    out: Path
    """The run directory."""
    validation: VideoList | None = None
    """Evaluated on at the end; the figures go into the bundle."""
    backbones: Bundle | None = None
    """Takes both backbones from here and trains only stage 2; None trains them in stage 1."""
    seed: int = 0
    """Fixes first weights, order, clips and crops."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    precision: Precision = "32-true"
    """`32-true`, `bf16-mixed` or `16-mixed`."""
    workers: int = -1
    """Processes that decode; -1 is one per core, at most 8; 0 decodes in the main process."""

    def __post_init__(self) -> None:
        require_choice("device", self.device, ("auto", "cpu", "cuda"))
        require_choice("precision", self.precision, get_args(Precision))
        require_at_least("workers", self.workers, -1)

    @property
    def bundle_folder(self) -> Path:
        """Where the trained model goes."""
        return self.out / "bundle"

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when a run is resumed."""
        return {
            "recipe": asdict(self.recipe),
            "data": {
                "path": str(self.data.source),
                "videos": len(self.data.videos),
                "sha256": self.data.sha256,
            },
            "labels": self.data.labels,
            "seed": self.seed,
            "precision": self.precision,
            "backbones_sha256": "" if self.backbones is None else self.backbones.config.weights_sha256,
        }


def check_run(run: RunConfig) -> None:
    """Refuse, before anything is written or computed, what could only fail later.

    Raises:
        DataError: too few labels, a label with a single video, or a validation label that is not trained.
        ConfigError: `run.backbones` do not fit the recipe or the labels; device or precision are not to be had here;
            a batch would be too small for batch norm.
    """
    _check_trainable(run.data)
    if run.validation is not None:
        require_known_labels(run.validation.videos, run.data.labels)
    _check_backbones(run)
    _check_device(run)
    _check_batch_norm(run.recipe)


def _check_trainable(data: VideoList) -> None:
    """Refuse a list that nothing can be learned from.

    Raises:
        DataError: fewer than two labels, or a label with only one video.
    """
    counts = Counter(video.label for video in data.videos)
    if len(counts) < 2:
        raise DataError(f"{data.source}: has only the label {next(iter(counts))!r}; at least two are needed")
    label, fewest = min(counts.items(), key=lambda item: item[1])
    if fewest < 2:
        raise DataError(
            f"{data.source}: label {label!r} has only one video; add others of it, or take its line out of the list"
        )


def _check_backbones(run: RunConfig) -> None:
    """Refuse backbones that the recipe and the list have no use for.

    Raises:
        ConfigError: they are other networks, or were trained for other labels.
    """
    if run.backbones is None:
        return
    theirs = run.backbones.config
    if theirs.labels != run.data.labels:
        raise ConfigError(
            f"the bundle's {len(theirs.labels)} labels are not the {len(run.data.labels)} of {run.data.source}; "
            "its backbones can only be taken for the labels they were trained on"
        )
    ours = run.recipe.transform
    if (theirs.transform.mean, theirs.transform.std) != (ours.mean, ours.std):
        raise ConfigError(
            f"transform.mean and std are {list(ours.mean)} and {list(ours.std)}, but the bundle's backbones were "
            f"trained with {list(theirs.transform.mean)} and {list(theirs.transform.std)}; give these"
        )
    for name in BACKBONES:
        if getattr(theirs.model, name) != getattr(run.recipe.model, name):
            raise ConfigError(
                f"the {name} backbone of the bundle is {getattr(theirs.model, name)}, but the recipe asks for "
                f"{getattr(run.recipe.model, name)}; choose the recipe that the bundle was trained with"
            )


def _check_device(run: RunConfig) -> None:
    """Refuse a device that is not here, and a precision that it does not have."""
    device = choose_device(run.device)
    if run.precision == "16-mixed" and device.type == "cpu":
        raise ConfigError("precision is 16-mixed, which only GPUs compute in; on the CPU choose 32-true or bf16-mixed")


def map_values(recipe: Recipe) -> int:
    """How many values one clip gives each channel of the last feature maps."""
    side = -(-recipe.transform.crop_size // SPATIAL_STRIDE)
    return recipe.clips.frames_per_clip // TEMPORAL_STRIDE * side * side


def _check_batch_norm(recipe: Recipe) -> None:
    """Refuse batches of a single value per channel, whose spread batch norm cannot tell."""
    normalising = ["stage1_expensive", "stage1_cheap", *(["stage2"] if recipe.model.aggregator == "concat" else [])]
    for name in normalising:
        if getattr(recipe, name).batch_size == 1 and map_values(recipe) == 1:
            raise ConfigError(
                f"{name}.batch_size is 1, and a clip of {recipe.clips.frames_per_clip} frames at "
                f"{recipe.transform.crop_size} pixels gives one value per channel, which batch norm cannot use; choose "
                "at least 2, or larger clips"
            )


def open_run(run: RunConfig, *, resume: bool) -> None:
    """Make the run directory, or check that the one there is this run's."""
    path = run.out / SETTINGS
    # Through JSON and back, so that tuples compare equal to the lists that were read.
    settings = json.loads(json.dumps(run.settings))
    if resume:
        _check_same_run(path, settings)
        return
    try:
        run.out.mkdir(parents=True, exist_ok=True)
        if any(run.out.iterdir()):
            raise TrainingError(
                f"{run.out}: is not empty; add --resume to go on with the run in it, or choose another folder"
            )
        with replacing_file(path) as aside:
            aside.write_text(json.dumps(settings | {"versions": versions()}, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise TrainingError(f"{run.out}: cannot write the run there: {error.strerror or error}") from error


def _check_same_run(path: Path, settings: dict[str, Any]) -> None:
    if not path.exists():
        raise TrainingError(f"{path.parent}: holds no run ({path.name} is missing); leave out --resume to start one")
    try:
        before = json.loads(path.read_text("utf-8"))
        different = [name for name, value in settings.items() if before.get(name) != value]
    except (OSError, ValueError, AttributeError) as error:
        raise TrainingError(f"{path}: is not a run's settings: {error}") from error
    if different:
        raise TrainingError(
            f"{path.parent}: holds a run with other settings ({', '.join(different)}); resume it with the ones in "
            f"{path.name}, or choose another folder"
        )


def versions() -> dict[str, str]:
    """Of what shapes the numbers."""
    return {
        "faster_video": faster_video.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
