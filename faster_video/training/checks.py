"""What is refused before a run writes or computes anything, because it could only fail later."""

import math
import os
from collections import Counter

import torch

from faster_video.backbones.blocks import SPATIAL_STRIDE
from faster_video.bundle import require_enough_frames
from faster_video.config import RANDOM_PATTERN, TEMPORAL_STRIDE, Recipe
from faster_video.datasets import VideoList
from faster_video.device import choose_device
from faster_video.errors import ConfigError, DataError
from faster_video.evaluation import require_known_labels
from faster_video.files import printable
from faster_video.pattern import Pattern
from faster_video.training.run import BACKBONES, RunConfig
from faster_video.video.frame_cache import require_frame_cache


def check_run(run: RunConfig) -> None:
    """Refuse, before anything is written or computed, what could only fail later.

    Raises:
        DataError: too few labels, a label with a single video, or a validation label that is not trained.
        ConfigError: the recipe has a gate; `run.backbones` do not fit the recipe or the labels; device or precision
            are not to be had here; a batch would be too small for batch norm; decoded frames cannot be kept where they
            shall be.
    """
    _check_trainable(run.data)
    if run.data_sha256 not in ("", run.settings["data"]["sha256"]):
        raise DataError(
            f"{printable(run.data.source)}: its videos on disk have the hash {run.settings['data']['sha256']}, but "
            f"data_sha256 is {run.data_sha256}: the list or what is on disk has changed; take data_sha256 out "
            "(--data_sha256 '' or its line in the file of --config) to train on it as it is"
        )
    if run.validation is not None:
        require_known_labels(run.validation.videos, run.data.labels)
    if run.weights_sha256 not in ("", run.starting_sha256):
        raise ConfigError(
            f"the bundle to start from has the weights {run.starting_sha256 or 'of none'}, but weights_sha256 is "
            f"{run.weights_sha256}; give the bundle of then, or take weights_sha256 out"
        )
    _check_gate(run)
    _check_published(run)
    _check_backbones(run)
    _check_finetune(run)
    _check_features(run)
    _check_device(run)
    _check_shares(run)
    if run.features is None:
        require_frame_cache(run.frame_cache)


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


def _check_gate(run: RunConfig) -> None:
    """Refuse a gate that nothing would train. Raises `ConfigError`."""
    if run.recipe.model.gate:
        raise ConfigError(
            "model.gate is true, but train leaves a gate untrained; leave it out, and let faster-video gate train one "
            "for the finished bundle"
        )


def _check_published(run: RunConfig) -> None:
    """Refuse to train published networks, which would lose what they are taken for. Raises `ConfigError`."""
    if run.recipe.model.has_published and run.backbones is None:
        names = " and ".join(sorted({run.recipe.model.expensive.name, run.recipe.model.cheap.name}))
        raise ConfigError(
            f"model.expensive and model.cheap are {names}, and published networks are not trained here; give both with "
            "--expensive and --cheap, or a bundle of them with --backbones, and stage 2 is"
        )


def _check_backbones(run: RunConfig) -> None:
    """Refuse backbones that the recipe and the list have no use for.

    Raises:
        ConfigError: they are other networks, were trained for other labels, or look at more frames than a clip has.
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
    require_enough_frames(run.backbones.model, run.recipe.clips)


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
    for name in ("patterns", "clip_counts"):
        if run.features is None and getattr(run.recipe.stage2, name):
            raise ConfigError(
                f"stage2.{name} is given without --features; {name.replace('_', ' ')} change on stored maps only: "
                "extract with --networks both"
            )
    if run.features is not None and run.finetune is not None:
        raise ConfigError("features and finetune are both given; features come from networks that stay as they are")
    if run.features is not None and run.backbones is None and not run.recipe.model.takes_features:
        raise ConfigError(
            f"{run.features.name}: holds features of a bundle's networks; give that bundle with --backbones"
        )
    if run.features is not None and run.backbones is not None:
        model = run.backbones.model
        for pattern in drawn_patterns(run.recipe):
            run.features.require_fit(model.with_pattern(pattern), run.recipe)


def drawn_patterns(recipe: Recipe) -> list[Pattern]:
    """Patterns that need all the maps that stage 2 may learn from."""
    names = set(recipe.stage2.patterns or [recipe.model.pattern])
    if RANDOM_PATTERN in names:
        names = names - {RANDOM_PATTERN} | {"1:0", "0:1"}
    return [Pattern.parse(name) for name in sorted(names)]


def _check_device(run: RunConfig) -> None:
    """Refuse devices that are not here, and a precision that they do not have."""
    device = choose_device(run.device)
    if device.type == "cuda" and run.devices > torch.cuda.device_count():
        raise ConfigError(
            f"devices is {run.devices}, but PyTorch sees {torch.cuda.device_count()} CUDA GPUs; give at most as many"
        )
    if "TORCHELASTIC_RUN_ID" in os.environ:
        started = int(os.environ["WORLD_SIZE"])
        if started != run.num_processes:
            raise ConfigError(
                f"torchrun has started {started} processes, but devices is {run.devices} and nodes {run.nodes}; give "
                "--devices as torchrun's --nproc-per-node and --nodes as its --nnodes"
            )
    elif run.nodes > 1:
        raise ConfigError(
            f"nodes is {run.nodes}, but torchrun has not started this process; start the same command on every machine "
            f"with torchrun --nnodes {run.nodes} --nproc-per-node {run.devices}"
        )
    if run.precision == "16-mixed" and device.type == "cpu":
        raise ConfigError("precision is 16-mixed, which only GPUs compute in; on the CPU choose 32-true or bf16-mixed")


def _check_shares(run: RunConfig) -> None:
    """Refuse batches that cannot be shared out evenly, or whose pieces are too small for batch norm."""
    for name in _stages(run):
        config, videos = run.stage_config(name), len(run.data.videos)
        parts = run.num_processes * config.accumulate
        shared = f"{run.num_processes} processes with accumulate {config.accumulate}"
        if config.batch_size % parts:
            raise ConfigError(
                f"{name}.batch_size is {config.batch_size}; for {shared} it must be a multiple of {parts}"
            )
        batch = min(config.batch_size, videos * config.views_per_video)
        if batch < parts:
            raise ConfigError(
                f"{printable(run.data.source)}: {videos} videos are too few to share a batch between {shared}; give "
                "fewer"
            )
        if batch // config.accumulate < smallest_batch(run.recipe, name):
            raise ConfigError(
                f"{name}.batch_size is {config.batch_size} with accumulate {config.accumulate}: one video at a time, "
                f"and a clip of {run.recipe.clips.frames_per_clip} frames at {run.recipe.transform.crop_size} pixels "
                "gives one value per channel, which batch norm cannot use; choose at least 2 times accumulate, or "
                "larger clips"
            )


def _stages(run: RunConfig) -> list[str]:
    """The stages that have something to do."""
    names = [f"stage1_{name}" for name in BACKBONES if run.trains_backbones]
    if run.recipe.model.aggregator != "average":
        names.append("stage2")
    return [name for name in names if run.stage_config(name).epochs]


def smallest_batch(recipe: Recipe, stage: str) -> int:
    """Videos that batch norm needs to tell the spread of a channel: 2 where each gives it one value."""
    learns_batch_norm = stage != "stage2" or recipe.model.aggregator == "concat"
    return 2 if learns_batch_norm and _map_values(recipe) == 1 else 1


def _map_values(recipe: Recipe) -> int:
    """How many values one clip gives each channel of the last feature maps."""
    if recipe.model.takes_features:
        return math.prod(recipe.model.expensive.map_size)
    side = -(-recipe.transform.crop_size // SPATIAL_STRIDE)
    return recipe.clips.frames_per_clip // TEMPORAL_STRIDE * side * side
