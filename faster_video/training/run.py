"""What a training run is, and what is checked before it starts."""

import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from faster_video.backbones.blocks import SPATIAL_STRIDE
from faster_video.bundle import Bundle
from faster_video.config import TEMPORAL_STRIDE, Recipe, StageConfig, require_at_least, require_at_most, require_choice
from faster_video.datasets import VideoList
from faster_video.device import choose_device
from faster_video.errors import ConfigError, DataError
from faster_video.evaluation import require_known_labels
from faster_video.files import printable

BACKBONES = ("expensive", "cheap")
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """What is trained, on what, where."""

    recipe: Recipe
    data: VideoList
    out: Path
    """The run directory."""
    data_sha256: str = ""
    """The hash that the videos of `data` which are on disk must have; empty takes any."""
    validation: VideoList | None = None
    """Evaluated on at the end; the figures go into the bundle."""
    backbones: Bundle | None = None
    """Takes both backbones from here and trains only stage 2; None trains them in stage 1."""
    finetune: Bundle | None = None
    """Every weight but the classifiers' starts from here; None starts from random ones."""
    seed: int = 0
    """Fixes first weights, order, clips and crops."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    devices: int = 1
    """Processes that share every batch on this machine: one per GPU, or on the CPU as many as wanted."""
    nodes: int = 1
    """Machines, each with `devices` processes that torchrun has started."""
    precision: Precision = "32-true"
    """`32-true`, `bf16-mixed` or `16-mixed`."""
    workers: int = -1
    """Processes that decode, for each of `devices`; -1 shares the cores out, at most 8; 0 decodes where it trains."""
    most_broken: float = 0.05
    """Share of the videos that may turn out to be unreadable before training stops."""
    checkpoint_minutes: float = 10.0
    """Longest time between two checkpoints; there is one after every epoch, too."""
    origins: dict[str, str | int] = field(default_factory=dict)
    """The options that name files, such as `data` and `finetune`, for the run's config.yaml."""

    def __post_init__(self) -> None:
        require_choice("device", self.device, ("auto", "cpu", "cuda"))
        require_choice("precision", self.precision, get_args(Precision))
        require_at_least("devices", self.devices, 1)
        require_at_least("nodes", self.nodes, 1)
        require_at_least("workers", self.workers, -1)
        require_at_least("most_broken", self.most_broken, 0)
        require_at_most("most_broken", self.most_broken, 1)
        require_at_least("checkpoint_minutes", self.checkpoint_minutes, 0)
        if self.backbones is not None and self.finetune is not None:
            raise ConfigError(
                "backbones and finetune are both given; backbones keeps a bundle's networks as they are, finetune "
                "trains them on: choose one"
            )

    @property
    def num_processes(self) -> int:
        """How many share every batch, on all machines together."""
        return self.devices * self.nodes

    @property
    def num_workers(self) -> int:
        """Decoding processes of each training process."""
        return min((os.cpu_count() or 1) // self.devices, 8) if self.workers < 0 else self.workers

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
            "backbones_sha256": _weights_sha256(self.backbones),
            "finetune_sha256": _weights_sha256(self.finetune),
        }

    def stage_config(self, name: str) -> StageConfig:
        """Of `stage1_expensive`, `stage1_cheap` or `stage2`."""
        config: StageConfig = getattr(self.recipe, name)
        return config


def _weights_sha256(bundle: Bundle | None) -> str:
    return "" if bundle is None else bundle.config.weights_sha256


def check_run(run: RunConfig) -> None:
    """Refuse, before anything is written or computed, what could only fail later.

    Raises:
        DataError: too few labels, a label with a single video, or a validation label that is not trained.
        ConfigError: `run.backbones` do not fit the recipe or the labels; device or precision are not to be had here;
            a batch would be too small for batch norm.
    """
    _check_trainable(run.data)
    if run.data_sha256 not in ("", run.data.sha256):
        raise DataError(
            f"{printable(run.data.source)}: its videos on disk have the hash {run.data.sha256}, but data_sha256 is "
            f"{run.data_sha256}: the list or what is on disk has changed; leave data_sha256 out to train on it as it is"
        )
    if run.validation is not None:
        require_known_labels(run.validation.videos, run.data.labels)
    _check_backbones(run)
    _check_finetune(run)
    _check_device(run)
    _check_shares(run)
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


def _check_finetune(run: RunConfig) -> None:
    """Refuse weights that do not fit the recipe's networks."""
    if run.finetune is None:
        return
    for name in (*BACKBONES, "aggregator"):
        theirs, ours = getattr(run.finetune.config.model, name), getattr(run.recipe.model, name)
        if theirs != ours:
            raise ConfigError(
                f"model.{name} is {ours}, but the bundle to start from has {theirs}; leave it as the bundle has it"
            )


def _check_device(run: RunConfig) -> None:
    """Refuse devices that are not here, and a precision that they do not have."""
    device = choose_device(run.device)
    if device.type == "cuda" and run.devices > torch.cuda.device_count():
        raise ConfigError(
            f"devices is {run.devices}, but PyTorch sees {torch.cuda.device_count()} CUDA GPUs; give at most as many"
        )
    if run.nodes > 1 and "TORCHELASTIC_RUN_ID" not in os.environ:
        raise ConfigError(
            f"nodes is {run.nodes}, but torchrun has not started this process; start the same command on every machine "
            f"with torchrun --nnodes {run.nodes} --nproc-per-node {run.devices}"
        )
    if run.precision == "16-mixed" and device.type == "cpu":
        raise ConfigError("precision is 16-mixed, which only GPUs compute in; on the CPU choose 32-true or bf16-mixed")


def _check_shares(run: RunConfig) -> None:
    """Refuse batches that cannot be shared out evenly."""
    for name in ("stage1_expensive", "stage1_cheap", "stage2"):
        config = run.stage_config(name)
        parts = run.num_processes * config.accumulate
        if config.batch_size % parts:
            raise ConfigError(
                f"{name}.batch_size is {config.batch_size}; it must be a multiple of {parts}, for {run.num_processes} "
                f"processes in {config.accumulate} pieces each"
            )
        if len(run.data.videos) * config.views_per_video < parts:
            raise ConfigError(
                f"{run.data.source}: {len(run.data.videos)} videos are too few to share a batch between "
                f"{run.num_processes} processes in {config.accumulate} pieces each; give fewer"
            )


def map_values(recipe: Recipe) -> int:
    """How many values one clip gives each channel of the last feature maps."""
    side = -(-recipe.transform.crop_size // SPATIAL_STRIDE)
    return recipe.clips.frames_per_clip // TEMPORAL_STRIDE * side * side


def _check_batch_norm(recipe: Recipe) -> None:
    """Refuse batches of a single value per channel, whose spread batch norm cannot tell."""
    normalising = ["stage1_expensive", "stage1_cheap", *(["stage2"] if recipe.model.aggregator == "concat" else [])]
    for name in normalising:
        config = getattr(recipe, name)
        if config.batch_size == config.accumulate and map_values(recipe) == 1:
            one = "batch_size is 1" if config.batch_size == 1 else f"accumulate is {config.accumulate}, its batch_size"
            raise ConfigError(
                f"{name}.{one}, and a clip of {recipe.clips.frames_per_clip} frames at "
                f"{recipe.transform.crop_size} pixels gives one value per channel, which batch norm cannot use; choose "
                "at least 2, or larger clips"
            )
