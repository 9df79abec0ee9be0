"""Training runs that go on where they stopped, and the results of what they have trained."""

import json
import shutil
from pathlib import Path

from faster_video.bundle import Bundle, load_bundle
from faster_video.cost import video_cost
from faster_video.errors import TrainingError
from faster_video.evaluation import require_readable
from faster_video.features import evaluate_features, open_features
from faster_video.files import printable
from faster_video.reproduce.cells import Setting
from faster_video.reproduce.folder import ExperimentFolder
from faster_video.reproduce.results import SeedResult
from faster_video.training.report import read_log
from faster_video.training.run import RunConfig
from faster_video.training.run_directory import SETTINGS
from faster_video.training.train import train


def trained(run: RunConfig) -> Bundle:
    """The bundle that a run has written, or writes now, from where it stopped.

    Raises:
        TrainingError: there is one of other settings; or training failed.
    """
    if not run.bundle_folder.exists():
        return train(run, resume=(run.out / SETTINGS).exists())
    bundle = load_bundle(run.bundle_folder)
    ours = json.loads(json.dumps(run.settings))
    theirs = bundle.config.provenance
    different = [name for name, value in ours.items() if _lasting(theirs.get(name)) != _lasting(value)]
    if different:
        raise TrainingError(
            f"{printable(run.out)}: was trained with other settings ({', '.join(different)}); remove it, and it is "
            "trained again"
        )
    return bundle


def judge(
    folder: ExperimentFolder, setting: Setting, seed: int, bundle: Bundle, store: Path, seconds: float, device: str
) -> None:
    """Keep the result of a setting on the test views of a store."""
    evaluation = evaluate_features(bundle, open_features(store, part="test"), device=device)
    require_readable(evaluation, store)
    crop_size = bundle.config.transform.crop_size
    result = SeedResult(
        seed=seed,
        correct=tuple(video.correct for video in evaluation.videos),
        per_class_mean=evaluation.counts.per_class_mean,
        gmacs_per_video=video_cost(setting.model, setting.clips, crop_size, len(bundle.labels)).gmacs,
        stage2_seconds=seconds,
    )
    folder.save(setting, result, len(evaluation.unreadable))


def stage2_seconds(run: Path) -> float:
    """Wall time of a run's stage 2, all its sessions together."""
    return sum(sum(stage.seconds) for stage in read_log(run) if stage.stage == "stage2")


def _lasting(value: object) -> object:
    """What of a run's setting must stay: a list may lie elsewhere."""
    return {name: part for name, part in value.items() if name != "path"} if isinstance(value, dict) else value


def forget_run_of_others(out: Path, identity: str) -> None:
    """Remove a stage 2 that was begun on another store than there is now: a video that was mended changes it."""
    if (out / SETTINGS).exists():
        settings = json.loads((out / SETTINGS).read_text("utf-8"))
        if settings["data"]["sha256"] != identity:
            shutil.rmtree(out)
