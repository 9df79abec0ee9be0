"""Writing what an experiment has come to: a CSV with a row per cell and seed, Markdown in the paper's form, a picture.

Shapes: V test videos, S seeds, K classes.
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from faster_video.errors import TrainingError
from faster_video.files import printable, replacing_file
from faster_video.pictures import save_picture
from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.pictures import draw
from faster_video.reproduce.published import paper_number, paper_places, published_transfers
from faster_video.reproduce.results import FEWEST_VIDEOS, CellResult
from faster_video.reproduce.sheet import CSV_FIELDS, csv_rows
from faster_video.reproduce.tables import (
    Results,
    Timings,
    difference_tables,
    gmacs_rows,
    has_shares,
    is_per_clip,
    markdown_table,
    num_seeds,
    printed_table,
    timing_rows,
    title_of,
    top1_rows,
)

__all__ = ["printed_table", "write_report"]


def write_report(
    experiment: Experiment,
    results: Mapping[Cell, CellResult],
    out: Path,
    *,
    num_classes: int | None = None,
    seconds: Timings | None = None,
) -> list[Path]:
    """Write `out`/NAME.csv, .md and .png, each whole or not at all; returns the three.

    Cells without results are named as such; all others have the same seeds. `num_classes` tells the chance level.

    Raises:
        TrainingError, PictureError: nothing can be written there.
    """
    table, text, picture = (out / f"{experiment.name}.{ending}" for ending in ("csv", "md", "png"))
    with _writing(table) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, CSV_FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(csv_rows(experiment, results, seconds or {}, num_classes))
    with _writing(text) as aside:
        aside.write_text(markdown(experiment, results, num_classes=num_classes, seconds=seconds), "utf-8")
    save_picture(draw(experiment, results, seconds), picture)
    return [table, text, picture]


def markdown(
    experiment: Experiment, results: Results, *, num_classes: int | None = None, seconds: Timings | None = None
) -> str:
    """The whole page; it names the picture and the CSV beside it."""
    per = "clip" if is_per_clip(experiment) else "video"
    parts = [
        f"# {title_of(experiment)}",
        f"![{experiment.title}]({experiment.name}.png)",
        "## Top-1 in per cent",
        markdown_table(top1_rows(experiment, results)),
        caption(experiment, results, num_classes),
        f"## GMACs per {per}",
        markdown_table(gmacs_rows(experiment, results)),
    ]
    parts += [text for text in (_cost_caption(experiment),) if text]
    if seconds:
        parts += ["## Wall time", markdown_table(timing_rows(experiment, results, seconds)), _timing_caption(seconds)]
    parts += _differences(experiment, results)
    parts += _papers_own(experiment)
    if experiment.name == "table8":
        parts += ["## Other methods in the paper", _others(), "Mean of three splits, top-1 in per cent."]
    parts.append(f"One row per cell and seed, with all settings: [{experiment.name}.csv]({experiment.name}.csv).")
    return "\n\n".join(parts) + "\n"


def caption(experiment: Experiment, results: Results, num_classes: int | None) -> str:
    """What the accuracies are of, how far they can be trusted, and what the paper's are of."""
    lines = [_unfinished(experiment, results), _sample(results)]
    if num_classes is not None:
        lines.append(f"Naming any of the {num_classes} labels would be right in {100 / num_classes:.1f} % of cases.")
    if any(cell.paper_top1 is not None for cell in experiment.cells):
        lines.append(_why_different(experiment))
    return " ".join(line for line in lines if line)


def _unfinished(experiment: Experiment, results: Results) -> str:
    lacking = sum(cell not in results for cell in experiment.cells)
    return f"**Unfinished:** {lacking} of {len(experiment.cells)} cells without a result yet." if lacking else ""


def _sample(results: Results) -> str:
    if not results:
        return ""
    videos = sorted({len(seed.correct) for result in results.values() for seed in result.seeds})
    widest = max(result.half_interval for result in results.values())
    seeds = num_seeds(results)
    count = f"{videos[0]}" if len(videos) == 1 else f"{videos[0]} to {videos[-1]}"
    over = f"mean over {seeds} seeds ± standard deviation between them" if seeds > 1 else "of one seed"
    return (
        f"Top-1 on {count} test videos, {over}. Over other test videos the 95 % interval of a cell "
        f"is at most ± {100 * widest:.1f} points wide."
    )


def _why_different(experiment: Experiment) -> str:
    """Whose numbers stand in brackets."""
    kinetics = "Kinetics-400 (400 labels, about 240,000 training videos, 224 px, networks at full width)"
    theirs = f"UCF-101 and HMDB-51 after {kinetics}" if experiment.name == "table8" else kinetics
    model, side = experiment.cells[0].setting.model, experiment.recipe.transform.crop_size
    widths = " and ".join(f"{width:g}" for width in sorted({model.expensive.width, model.cheap.width}))
    return (
        f"The paper's numbers are of {theirs}. Ours are of the list given, at {side} px, with networks of width "
        f"{widths} and another training: of other videos, levels cannot be compared; directions and ratios can."
        f"{_other_networks(experiment)}"
    )


def _other_networks(experiment: Experiment) -> str:
    """Which networks the paper's numbers are of, where ours are others; Table 6 names them in its columns."""
    model = experiment.cells[0].setting.model
    expensive = {"table6": "", "table8": "r3d50", "figure4": "r2plus1d50 (at 32 × 8: r3d50)"}
    said = []
    for kind, theirs, ours in (
        ("expensive", expensive.get(experiment.name, "r2plus1d50"), model.expensive.name),
        ("cheap", "r2d26", model.cheap.name),
    ):
        if theirs and theirs != ours:
            said.append(f" The paper's {kind} network is {theirs}, ours {ours}.")
    return "".join(said)


def _cost_caption(experiment: Experiment) -> str:
    lines = []
    if has_shares(experiment):
        lines.append("In per cent: of the average over all clips expensive, in the same column.")
    if any(cell.paper_gmacs is not None for cell in experiment.cells):
        lines.append("What the paper prints as GFLOPs are multiply-adds / 1e9, as ours are.")
    lines += [
        f"The paper's {cost} per clip {where} is a misprint: {why}." for cost, where, why in _misprints(experiment)
    ]
    return " ".join(lines)


def _misprints(experiment: Experiment) -> list[tuple[str, str, str]]:
    """Costs of Table 2 that cannot be right, where a cell of the experiment shows them."""
    found = {}
    for cell in experiment.cells:
        model, clips = cell.setting.model, cell.setting.clips
        is_cheap = (model.aggregator, model.pattern, model.cheap.name) == ("average", "0:1", "r2d26")
        printed = paper_number(2, "r2d26", f"{clips.frames_per_clip} × {clips.num_clips}") if is_cheap else None
        if printed is not None and printed.misprint and cell.paper_gmacs is not None:
            found[cell.column] = (f"{printed.gmacs}", f"of R2D-26 at {clips.frames_per_clip} frames", printed.misprint)
    return list(found.values())


def _timing_caption(seconds: Timings) -> str:
    first = next(iter(seconds.values()))
    rounds = len(first.seconds)
    how = f"Median of {rounds} rounds (fastest – slowest)" if rounds > 1 else "One round"
    return (
        f"{how} over {first.videos} videos, one video at a time, the methods taking turns at every video; decoding is "
        "in the seconds, and not in those of the networks alone. Shares are of all clips expensive. The paper's are of "
        "100 videos at 32 × 8 frames on a TITAN X with an i7."
    )


def _differences(experiment: Experiment, results: Results) -> list[str]:
    tables = difference_tables(experiment, results)
    if not tables:
        return []
    parts = ["## Differences"]
    for text, rows in tables:
        parts += [f"The paper: {text}", markdown_table(rows)]
    return [
        *parts,
        "In points of top-1. *Clear*: every seed has the same sign, and neither 95 % interval holds zero, that over "
        f"videos (taken video by video) nor that over seeds (Student's t); never with one seed or fewer than "
        f"{FEWEST_VIDEOS} videos. Of many differences a few are clear by chance. *Cost*: GMACs of the first as a share "
        "of the second's.",
    ]


def _papers_own(experiment: Experiment) -> list[str]:
    """The paper's table as it stands, where one of its rows stands beside none of ours."""
    number = int(experiment.name[-1])
    rows, columns = paper_places(number)
    beside = {cell.row for cell in experiment.cells if cell.paper_top1 is not None}
    if experiment.name.startswith("figure") or beside >= set(rows):
        return []
    table = [["", *columns], *([row, *(_papers_cell(number, row, column) for column in columns)] for row in rows)]
    per = "clip" if is_per_clip(experiment) else "video"
    has_gmacs = any(", " in text for row in table[1:] for text in row[1:])
    note = f"Top-1 in per cent and GMACs per {per}." if has_gmacs else "Top-1 in per cent."
    return [
        "## The paper's own table",
        markdown_table(table),
        note if beside else f"{note} {_why_different(experiment)}",
    ]


def _papers_cell(table: int, row: str, column: str) -> str:
    number = paper_number(table, row, column)
    if number is None:
        return ""
    gmacs = "" if number.gmacs is None else f", {number.gmacs:.1f}"
    return f"{number.top1:.1f}{gmacs}" + (" (a misprint)" if number.misprint else "")


def _others() -> str:
    rows = [
        [other.name, other.pretraining, f"{other.ucf101:.1f}", f"{other.hmdb51:.1f}"] for other in published_transfers()
    ]
    return markdown_table([["method", "pre-training", "ucf101", "hmdb51"], *rows])


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place; a full or forbidden disk in one sentence."""
    try:
        with replacing_file(path) as aside:
            yield aside
    except OSError as error:
        raise TrainingError(
            f"{printable(path)}: cannot be written ({error.strerror or error}); make room, then "
            "give the same command again"
        ) from error
