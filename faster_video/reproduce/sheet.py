"""An experiment's results as rows of a CSV file, from which everything else in the report can be computed again."""

from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.published import paper_number
from faster_video.reproduce.results import SeedResult
from faster_video.reproduce.tables import Results, Timings, is_per_clip

_SETTINGS = (
    "expensive expensive_width cheap cheap_width aggregator pattern num_clips frames_per_clip frame_stride crop_size"
)
_RESULT = "top1 per_class_mean videos labels gmacs paper_top1 paper_gmacs stage2_seconds"
CSV_FIELDS = tuple(f"experiment row column seed {_SETTINGS} {_RESULT} seconds network_seconds correct".split())
"""Accuracies are in per cent and GMACs per video, those of the paper too, whose GMACs are empty where it prints none or
a misprint. `labels` is K, which tells chance. `seconds` and `network_seconds` are Table 5's, one number per round;
`correct` says of every test video, in the list's order, whether it was right: y or n."""


def csv_rows(
    experiment: Experiment, results: Results, seconds: Timings, num_classes: int | None
) -> list[dict[str, object]]:
    """A row per cell and seed, in the table's order."""
    return [
        _settings_columns(experiment, cell)
        | _result_columns(experiment, cell, seed)
        | _seconds_columns(cell, seconds)
        | {"labels": num_classes}
        for cell in experiment.cells
        if cell in results
        for seed in results[cell].seeds
    ]


def _settings_columns(experiment: Experiment, cell: Cell) -> dict[str, object]:
    model, clips = cell.setting.model, cell.setting.clips
    return {
        "experiment": experiment.name,
        "row": cell.row,
        "column": cell.column,
        "expensive": model.expensive.name,
        "expensive_width": model.expensive.width,
        "cheap": model.cheap.name,
        "cheap_width": model.cheap.width,
        "aggregator": model.aggregator,
        "pattern": model.pattern,
        "num_clips": clips.num_clips,
        "frames_per_clip": clips.frames_per_clip,
        "frame_stride": clips.frame_stride,
        "crop_size": experiment.recipe.transform.crop_size,
    }


def _result_columns(experiment: Experiment, cell: Cell, seed: SeedResult) -> dict[str, object]:
    return {
        "seed": seed.seed,
        "top1": round(100 * seed.top1, 6),
        "per_class_mean": round(100 * seed.per_class_mean, 6),
        "videos": len(seed.correct),
        "gmacs": seed.gmacs_per_video,
        "paper_top1": cell.paper_top1,
        "paper_gmacs": _paper_gmacs(experiment, cell),
        "stage2_seconds": seed.stage2_seconds,
        "correct": "".join("y" if right else "n" for right in seed.correct),
    }


def _paper_gmacs(experiment: Experiment, cell: Cell) -> float | None:
    """Per video; None where the paper's number per clip is a misprint, which is not to be multiplied."""
    if cell.paper_gmacs is None or not is_per_clip(experiment):
        return cell.paper_gmacs
    printed = paper_number(2, cell.row, cell.column)
    if printed is not None and printed.misprint:
        return None
    return round(cell.paper_gmacs * cell.setting.clips.num_clips, 6)


def _seconds_columns(cell: Cell, seconds: Timings) -> dict[str, object]:
    if cell.row not in seconds:
        return {}
    timing = seconds[cell.row]
    return {
        "seconds": " ".join(map(str, timing.seconds)),
        "network_seconds": " ".join(map(str, timing.network_seconds)),
    }
