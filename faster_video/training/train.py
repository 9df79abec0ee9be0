"""From a list of labelled videos to a bundle: stage 1 for each backbone, then stage 2 (docs/protocol.md "Training").

What a run writes is described in docs/training.md.
"""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric

from faster_video.backbones import ClipResNet
from faster_video.bundle import Bundle, BundleConfig, load_bundle, save_bundle
from faster_video.datasets import LabelledVideo, VideoList
from faster_video.device import lay_channels_last
from faster_video.evaluation import evaluate
from faster_video.features import Features
from faster_video.inference import Classifier
from faster_video.model import Faster, build_model
from faster_video.training.checks import check_run, drawn_patterns, smallest_batch
from faster_video.training.interrupt import Interruption
from faster_video.training.launch import is_first_process, launch
from faster_video.training.learners import AggregatorLearner, BackboneLearner, HeadsLearner, single_clips
from faster_video.training.logs import RunLog
from faster_video.training.loop import run_stage
from faster_video.training.memory import keep_memory
from faster_video.training.processes import share_batch_norm
from faster_video.training.report import report_run
from faster_video.training.run import BACKBONES, RunConfig
from faster_video.training.run_directory import open_run, versions
from faster_video.training.samples import TrainingClips
from faster_video.training.sources import FrozenSource, PixelSource, StoredSource
from faster_video.training.stage import Keeping, Stage, unchanged
from faster_video.training.stored import StoreSource


def train(run: RunConfig, *, resume: bool = False) -> Bundle:
    """Train both stages and write the bundle to `run.out/bundle`.

    Raises:
        DataError: too few labels, a label with a single video, or a validation label that is not trained.
        ConfigError: `run.backbones` or `run.finetune` do not fit the recipe or the labels; device or precision are not
            to be had here; a batch cannot be shared out or would be too small for batch norm.
        TrainingError: the run directory is taken, not writable, or holds another run; or training failed.
        KeyboardInterrupt: interrupted, with the state saved; call again with `resume`.
    """
    missing: tuple[LabelledVideo, ...] = ()
    if run.features is None:
        missing = run.data.missing
        run = replace(run, data=run.data.present())
    check_run(run)
    if is_first_process():
        open_run(run, missing, resume=resume)
    launch(run, _train_stages)
    bundle = load_bundle(run.bundle_folder)
    if run.validation is not None and is_first_process():
        bundle.config.provenance["metrics"] = _validate(bundle, run.validation)
        save_bundle(bundle, run.bundle_folder)
    return bundle


def _train_stages(fabric: Fabric, run: RunConfig) -> None:
    """What every process of the run does; the first one writes."""
    with Interruption(together=fabric.world_size > 1) as interruption:
        _run_stages(fabric, run, interruption)


def _run_stages(fabric: Fabric, run: RunConfig, interruption: Interruption) -> None:
    if fabric.device.type == "cpu":
        keep_memory()
    model = _first_model(run)
    if fabric.world_size > 1:
        share_batch_norm(model, fabric.device)
    model.to(fabric.device)
    lay_channels_last(model)
    log = RunLog(run.out, writes=fabric.is_global_zero)
    keeping = Keeping(
        folder=run.out,
        seed=run.seed,
        checkpoint_seconds=60 * run.checkpoint_minutes,
        most_broken=run.most_broken,
    )
    train_stage = partial(run_stage, keeping=keeping, log=log, fabric=fabric, interruption=interruption)
    try:
        for name in BACKBONES if run.trains_backbones else ():
            train_stage(_backbone_stage(run, name, getattr(model, name)))
        if not model.aggregator.averages_scores or run.learns_heads:
            train_stage(_aggregator_stage(run, model, fabric))
    finally:
        log.close()
    if fabric.is_global_zero:
        save_bundle(Bundle(model=model.cpu().eval(), config=_bundle_config(run, log.num_listed)), run.bundle_folder)
        report_run(run.out)
    fabric.barrier()


def _first_model(run: RunConfig) -> Faster:
    """Fresh weights from the seed, but for those that are taken over."""
    torch.manual_seed(run.seed)
    model = build_model(run.recipe.model, len(run.data.labels))
    if run.backbones is not None:
        for name in BACKBONES:
            getattr(model, name).load_state_dict(getattr(run.backbones.model, name).state_dict())
    if run.finetune is not None:
        taken = {name: value for name, value in run.finetune.model.state_dict().items() if not _is_new(name)}
        model.load_state_dict(model.state_dict() | taken)
    return model


def _is_new(name: str) -> bool:
    """Whether a weight is not taken over: of one of the three classifiers, which depend on the labels, or of the gate,
    which knows another aggregator's state and other answers."""
    parts = name.split(".")
    return "classifier" in parts or parts[0] == "gate"


def _validate(bundle: Bundle, videos: VideoList) -> dict[str, Any]:
    """What the bundle's provenance says of its quality."""
    result = evaluate(Classifier(bundle), videos.videos, show_progress=True)
    return {
        "data": {"path": str(videos.source), "videos": len(videos.videos), "sha256": videos.sha256},
        "top1": result.counts.top1,
        "per_class_mean": result.counts.per_class_mean,
        "chance": result.counts.chance_uniform,
        "unreadable": result.counts.num_unreadable,
        "gmacs_per_video": result.gmacs_per_video,
    }


def _backbone_stage(run: RunConfig, name: str, backbone: ClipResNet) -> Stage:
    return Stage(
        name=f"stage1_{name}",
        learner=BackboneLearner(backbone),
        config=run.stage_config(f"stage1_{name}"),
        num_videos=len(run.data.videos),
        source=PixelSource(_samples(run, num_clips=1), workers=run.num_workers),
        prepare=partial(single_clips, transform=run.recipe.transform),
        smallest_batch=smallest_batch(run.recipe, f"stage1_{name}"),
    )


def _aggregator_stage(run: RunConfig, model: Faster, fabric: Fabric) -> Stage:
    pixels = PixelSource(_samples(run, num_clips=run.recipe.clips.num_clips), workers=run.num_workers)
    frozen = FrozenSource(model, pixels, fabric.device)
    kind = HeadsLearner if run.learns_heads else AggregatorLearner
    stage = Stage(
        name="stage2",
        learner=kind(model, every_clip=run.recipe.stage2.prefix_loss),
        config=run.recipe.stage2,
        num_videos=len(run.data.videos),
        source=pixels,
        prepare=frozen.features,
        smallest_batch=smallest_batch(run.recipe, "stage2"),
    )
    if run.features is not None:
        return replace(stage, source=_stored(run, run.features, model), prepare=unchanged)
    views = run.recipe.stage2_stored_views
    if not views or run.bundle_folder.exists():  # with the bundle there, nothing is computed for it again
        return stage
    stored = StoredSource(
        frozen, views=views, views_per_video=run.recipe.stage2.views_per_video, shown=fabric.is_global_zero
    )
    return replace(stage, source=stored, prepare=unchanged)


def _stored(run: RunConfig, features: Features, model: Faster) -> StoreSource:
    """Batches from a feature store that fits the model.

    Raises:
        ConfigError: it does not.
    """
    for pattern in drawn_patterns(run.recipe):
        features.require_fit(model.with_pattern(pattern), run.recipe)
    return StoreSource(
        features,
        pattern=model.pattern,
        num_clips=run.recipe.clips.num_clips,
        views_per_video=run.recipe.stage2.views_per_video,
        labels=run.data.labels,
        patterns=run.recipe.stage2.patterns,
        clip_counts=run.recipe.stage2.clip_counts,
        seed=run.seed,
    )


def _samples(run: RunConfig, num_clips: int) -> TrainingClips:
    return TrainingClips(
        run.data.videos,
        run.data.labels,
        clips=run.recipe.clips,
        num_clips=num_clips,
        transform=run.recipe.transform,
        seed=run.seed,
        frame_cache=run.frame_cache,
    )


def _bundle_config(run: RunConfig, num_broken: int) -> BundleConfig:
    provenance = run.settings | {
        "videos_unreadable": num_broken,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "metrics": {},
    }
    return BundleConfig(
        labels=run.data.labels,
        model=run.recipe.model,
        clips=run.recipe.clips,
        transform=run.recipe.transform,
        published={} if run.backbones is None else run.backbones.config.published,
        provenance=provenance,
    )
