"""From a list of labelled videos to a bundle: stage 1 for each backbone, then stage 2 (docs/protocol.md "Training").

A run directory holds `run.json` (every setting), `log.csv`, `tensorboard/`, `broken.csv` (videos that could not be
read), `<stage>/checkpoint.safetensors` and, in the end, `bundle/`.
"""

import os
from datetime import UTC, datetime
from typing import Any

import torch
from lightning_fabric import Fabric

from faster_video.backbones import ClipResNet
from faster_video.bundle import Bundle, BundleConfig, save_bundle
from faster_video.config import StageConfig
from faster_video.datasets import VideoList
from faster_video.evaluation import evaluate
from faster_video.inference import Classifier
from faster_video.model import Faster, build_model
from faster_video.training.learners import AggregatorLearner, BackboneLearner
from faster_video.training.logs import RunLog
from faster_video.training.loop import BatchSource, Stage, run_stage
from faster_video.training.run import BACKBONES, RunConfig, check_run, map_values, open_run, versions
from faster_video.training.samples import TrainingClips
from faster_video.training.sources import FrozenSource, PixelSource, StoredSource


def train(run: RunConfig, *, resume: bool = False) -> Bundle:
    """Train both stages and write the bundle to `run.out/bundle`.

    Raises:
        DataError: too few labels, a label with a single video, or a validation label that is not trained.
        ConfigError: `run.backbones` do not fit the recipe or the labels; device or precision are not to be had here;
            a batch would be too small for batch norm.
        TrainingError: the run directory is taken, not writable, or holds another run; or training failed.
        KeyboardInterrupt: interrupted, with the state saved; call again with `resume`.
    """
    check_run(run)
    open_run(run, resume=resume)
    fabric = Fabric(accelerator=run.device, devices=1, precision=run.precision)
    model = _first_model(run)
    model.to(fabric.device)
    model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    log = RunLog(run.out)
    try:
        for name in BACKBONES if run.backbones is None else ():
            stage = _backbone_stage(run, name, getattr(model, name), getattr(run.recipe, f"stage1_{name}"))
            run_stage(stage, folder=run.out, log=log, fabric=fabric, seed=run.seed)
        if not model.aggregator.averages_scores:
            stage = _aggregator_stage(run, model, fabric)
            run_stage(stage, folder=run.out, log=log, fabric=fabric, seed=run.seed)
    finally:
        log.close()
    bundle = Bundle(model=model.cpu().eval(), config=_bundle_config(run, log.num_broken))
    save_bundle(bundle, run.bundle_folder)
    if run.validation is not None:
        bundle.config.provenance["metrics"] = _validate(bundle, run.validation)
        save_bundle(bundle, run.bundle_folder)
    return bundle


def _first_model(run: RunConfig) -> Faster:
    """Fresh weights from the seed, but for the backbones that are taken over."""
    torch.manual_seed(run.seed)
    model = build_model(run.recipe.model, len(run.data.labels))
    if run.backbones is not None:
        for name in BACKBONES:
            getattr(model, name).load_state_dict(getattr(run.backbones.model, name).state_dict())
    return model


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


def _backbone_stage(run: RunConfig, name: str, backbone: ClipResNet, config: StageConfig) -> Stage:
    return Stage(
        name=f"stage1_{name}",
        learner=BackboneLearner(backbone, run.recipe.transform),
        config=config,
        num_videos=len(run.data.videos),
        source=PixelSource(_samples(run, num_clips=1), workers=_workers(run)),
        smallest_batch=2 if map_values(run.recipe) == 1 else 1,
    )


def _aggregator_stage(run: RunConfig, model: Faster, fabric: Fabric) -> Stage:
    pixels = PixelSource(_samples(run, num_clips=run.recipe.clips.num_clips), workers=_workers(run))
    frozen = FrozenSource(model, pixels, fabric.device)
    source: BatchSource = frozen
    if run.recipe.stage2_stored_views and not _is_done(run):
        views = run.recipe.stage2_stored_views
        source = StoredSource(frozen, views=views, views_per_video=run.recipe.stage2.views_per_video)
    return Stage(
        name="stage2",
        learner=AggregatorLearner(model),
        config=run.recipe.stage2,
        num_videos=len(run.data.videos),
        source=source,
        smallest_batch=2 if map_values(run.recipe) == 1 else 1,
    )


def _is_done(run: RunConfig) -> bool:
    """Whether the bundle is there already, so that nothing need be computed for it again."""
    return run.bundle_folder.exists()


def _samples(run: RunConfig, num_clips: int) -> TrainingClips:
    return TrainingClips(
        run.data.videos,
        run.data.labels,
        clips=run.recipe.clips,
        num_clips=num_clips,
        transform=run.recipe.transform,
        seed=run.seed,
    )


def _workers(run: RunConfig) -> int:
    return min(os.cpu_count() or 1, 8) if run.workers < 0 else run.workers


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
        provenance=provenance,
    )
