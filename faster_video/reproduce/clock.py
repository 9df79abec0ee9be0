"""Table 5's wall times: measured once of what has been judged, then kept beside the results."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dacite

from faster_video.clips import clip_starts
from faster_video.errors import TrainingError
from faster_video.files import printable
from faster_video.reproduce.folder import canonical, setting_name, write_json
from faster_video.reproduce.run import ExperimentRun, judged_bundles
from faster_video.reproduce.timing import Timing, measure_seconds

TIMED = "table5"
TIMED_VIDEOS = 100
"""As in the paper."""


def kept_seconds(run: ExperimentRun, device: str) -> dict[str, Timing] | None:
    """Row → what was measured before; None where nothing was, or of other settings or another device.

    Raises:
        TrainingError: the file is not what `measured_seconds` wrote.
    """
    path = _file(run)
    try:
        values = json.loads(path.read_text("utf-8"))
        if {name: values[name] for name in ("device", "settings")} != _measured_of(run, device):
            return None
        config = dacite.Config(strict=True, cast=[tuple])
        return {row: dacite.from_dict(Timing, timing, config) for row, timing in values["seconds"].items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, dacite.DaciteError) as error:
        raise TrainingError(
            f"{printable(path)}: holds no wall times: {error}; remove it, and they are measured again"
        ) from error


def measured_seconds(run: ExperimentRun, device: str) -> dict[str, Timing]:
    """Row → how long its bundle of seed 0 takes over some test videos, evenly chosen; kept in the folder.

    Raises:
        DataError: no video can be read.
        TrainingError: the folder cannot be written.
    """
    (workshop,) = run.workshops.values()
    videos = workshop.parts.test.present().videos
    chosen = clip_starts(len(videos), min(TIMED_VIDEOS, len(videos)), 1)
    run.say(f"wall time over {len(chosen)} videos")
    found = measure_seconds(judged_bundles(run), [videos[number].path for number in chosen], device=device)
    seconds = {row: asdict(timing) for row, timing in found.items()}
    write_json(_file(run), {**_measured_of(run, device), "seconds": seconds})
    return found


def _file(run: ExperimentRun) -> Path:
    (workshop,) = run.workshops.values()
    return workshop.folder.path / "results" / f"timing-{run.experiment.name}.json"


def _measured_of(run: ExperimentRun, device: str) -> dict[str, Any]:
    """What the times depend on, but for the machine."""
    settings = {cell.row: setting_name(canonical(cell.setting)) for cell in run.experiment.cells}
    return {"device": device, "settings": settings}
