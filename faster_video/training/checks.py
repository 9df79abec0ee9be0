"""What is refused before a run writes or computes anything, because it could only fail later."""

import os
from collections import Counter

import torch

from faster_video.backbones.blocks import SPATIAL_STRIDE
from faster_video.config import TEMPORAL_STRIDE, Recipe
from faster_video.datasets import VideoList
from faster_video.device import choose_device
from faster_video.errors import ConfigError, DataError
from faster_video.evaluation import require_known_labels
from faster_video.files import printable
from faster_video.training.run import BACKBONES, RunConfig


def check_run(run: RunConfig) -> None:
    """Refuse, before anything is written or computed, what could only fail later.

    Raises:
        DataError: too few labels, a label with a single video, or a validation label that is not trained.
        ConfigError: `run.backbones` do not fit the recipe or the labels; device or precision are not to be had here;
            a batch would be too small for batch norm.
    """
    _check_trainable(run.data)
    if run.data_sha256 not in ("", run.settings["data"]["sha256"]):
        raise DataError(
            f"{printable(run.data.source)}: its videos on disk have the hash {run.settings['data']['sha256']}, but "
            f"data_sha256 is {run.data_sha256}: the list or what is on disk has changed; leave data_sha256 out to "
            "train on it as it is"
        )
    if run.validation is not None:
        require_known_labels(run.validation.videos, run.data.labels)
    _check_backbones(run)
    _check_finetune(run)
    _check_features(run)
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


def _check_features(run: RunConfig) -> None:
    """Refuse features that come without the networks that made them."""
    if run.features is None and run.recipe.model.takes_features:
        raise ConfigError(
            "model.expensive and model.cheap are features, which only --features gives; choose networks for videos"
        )
    if run.features is not None and run.finetune is not None:
        raise ConfigError("features and finetune are both given; features come from networks that stay as they are")
    if run.features is not None and run.backbones is None and not run.recipe.model.takes_features:
        raise ConfigError(
            f"{run.features.name}: holds features of a bundle's networks; give that bundle with --backbones"
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
