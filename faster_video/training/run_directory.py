"""The folder that a run writes (docs/training.md "The run directory"): its settings, and how to repeat it."""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

import faster_video
from faster_video.datasets import LabelledVideo
from faster_video.errors import TrainingError
from faster_video.files import printable, replacing_file
from faster_video.training.logs import warn, write_rows
from faster_video.training.run import RunConfig

SETTINGS = "run.json"
CONFIG = "config.yaml"
MISSING = "missing.csv"


def open_run(run: RunConfig, missing: Sequence[LabelledVideo], *, resume: bool) -> None:
    """Make the run directory, or check that the one there is this run's; says which videos are `missing` on disk."""
    path = run.out / SETTINGS
    # Through JSON and back, so that tuples compare equal to the lists that were read.
    settings = json.loads(json.dumps(run.settings))
    if resume:
        _check_same_run(path, settings)
        _tell_missing(run, missing)
        return
    try:
        run.out.mkdir(parents=True, exist_ok=True)
        if any(not _is_leftover(entry) for entry in run.out.iterdir()):
            raise TrainingError(
                f"{printable(run.out)}: is not empty; add --resume to go on with the run in it, or choose another "
                "folder"
            )
        with replacing_file(run.out / CONFIG) as aside:
            aside.write_text(_config_text(run), "utf-8")
        if missing:
            with replacing_file(run.out / MISSING) as aside:
                write_rows(aside, ("path", "label"), [{"path": str(v.path), "label": v.label} for v in missing])
        with replacing_file(path) as aside:  # last: with it the folder is a run
            aside.write_text(json.dumps(settings | {"versions": versions()}, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise TrainingError(f"{printable(run.out)}: cannot write the run there: {error.strerror or error}") from error
    _tell_missing(run, missing)


def _tell_missing(run: RunConfig, missing: Sequence[LabelledVideo]) -> None:
    if missing:
        warn(
            f"{len(missing)} of {len(missing) + len(run.data.videos)} videos of {printable(run.data.source)} are "
            f"missing and left out; {printable(run.out / MISSING)} lists them"
        )


def _is_leftover(entry: Path) -> bool:
    """Whether a process that was killed before the run began has left this behind."""
    unfinished = tuple(f".{name}." for name in (CONFIG, MISSING, SETTINGS))
    return entry.name in (CONFIG, MISSING) or entry.name.startswith(unfinished)


def _config_text(run: RunConfig) -> str:
    """The options of `faster-video train` that repeat this run in another folder, as YAML."""
    options: Mapping[str, Any] = {
        **(run.origins or {"data": str(run.data.source)}),
        "data_sha256": run.settings["data"]["sha256"],
        "weights_sha256": run.starting_sha256,
        "seed": run.seed,
        "device": run.device,
        "devices": run.devices,
        "nodes": run.nodes,
        "precision": run.precision,
        "workers": run.workers,
        "frame_cache": None if run.frame_cache is None else str(run.frame_cache.absolute()),
        "most_broken": run.most_broken,
        "checkpoint_minutes": run.checkpoint_minutes,
        # Through JSON and back: tuples become lists, which YAML has a plain form for.
        **json.loads(json.dumps(asdict(run.recipe))),
    }
    text: str = yaml.safe_dump(options, sort_keys=False, allow_unicode=True)
    return f"# Repeats this run: faster-video train --config {CONFIG}\n{text}"


def _check_same_run(path: Path, settings: dict[str, Any]) -> None:
    if not path.exists():
        raise TrainingError(f"{path.parent}: holds no run ({path.name} is missing); leave out --resume to start one")
    try:
        before = json.loads(path.read_text("utf-8"))
        different = [
            _told(name, before.get(name), value)
            for name, value in settings.items()
            if _lasting(name, before.get(name)) != _lasting(name, value)
        ]
    except (OSError, ValueError, AttributeError) as error:
        raise TrainingError(f"{path}: is not a run's settings: {error}") from error
    if different:
        raise TrainingError(
            f"{path.parent}: holds a run with other settings ({', '.join(different)}); resume it with the ones in "
            f"{path.name}, or choose another folder"
        )


def _lasting(name: str, value: Any) -> Any:
    """What of a setting must stay: a list may lie elsewhere."""
    return {key: part for key, part in value.items() if key != "path"} if name == "data" and value else value


def _told(name: str, before: Any, now: Any) -> str:
    """A setting that is not the same, in a message."""
    if name != "data" or not before:
        return name
    return f"data: {before['videos']} videos then, {now['videos']} now, or others"


def versions() -> dict[str, str]:
    """Of what shapes the numbers; the commit is that of this package's source, where it lies in a git repository."""
    return {
        "git_commit": _git_commit(),
        "faster_video": faster_video.__version__,
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "lightning_fabric": version("lightning-fabric"),
        "av": version("av"),
        "python": platform.python_version(),
    }


def _git_commit() -> str:
    """`<hash>`, `<hash> with changes`, or nothing where the package is not under git's control."""
    here = Path(faster_video.__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # not some repository around an installed package
        changed = " with changes" if git("status", "--porcelain", "--untracked-files=no", ".") else ""
        return git("rev-parse", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return ""
