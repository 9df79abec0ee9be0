"""Which cells each of the paper's tables and figures has, at a recipe's size (docs/reproduce.md)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from faster_video.config import BackboneConfig, ClipConfig, Recipe, require_choice
from faster_video.errors import ConfigError
from faster_video.reproduce.cells import Cell, Experiment, Setting
from faster_video.reproduce.names import SPLITS
from faster_video.reproduce.published import PaperNumber, figure3_number, paper_number
from faster_video.reproduce.sizes import Sizes, choose_sizes

TABLE3_ROWS = ("average", "concat", "lstm", "gru", "fast_gru")
CHEAP_PER_EXPENSIVE = (0, 1, 3, 7, 15, 31)
"""Of Table 4."""
ALL_CHEAP, ALL_EXPENSIVE = "all cheap, average", "all expensive, average"
PAPER_FRAMES = 256
"""F of the paper."""


@dataclass(frozen=True, slots=True)
class _Printed:
    """Where in the paper a cell's numbers stand."""

    table: int
    row: str
    column: str
    times: float = 1.0
    """What turns the printed GFLOPs into those of a video: N where the table prints them per clip."""


def make_experiment(name: str, recipe: Recipe, *, frames: Sequence[int] | None = None) -> Experiment:
    """The experiment called `name` at the recipe's size, with clips of `frames` frames only (None: all that fit).

    `paper_gmacs` is of a video, but in Table 2 of a clip, as the paper prints it.

    Raises:
        ConfigError: there is no such experiment; the recipe takes features or too few frames; or `frames` cannot be
            (see `choose_sizes`).
    """
    require_choice("experiment", name, EXPERIMENTS)
    if recipe.model.takes_features:
        raise ConfigError(
            "model.expensive and model.cheap are features, but the experiments compare networks on videos; choose two "
            "networks"
        )
    title, make_cells = EXPERIMENTS[name]
    cells = tuple(make_cells(choose_sizes(name, recipe, frames)))
    return Experiment(name=name, title=title, recipe=recipe, cells=cells)


def with_splits(experiment: Experiment, set_name: str, splits: Sequence[int]) -> Experiment:
    """Table 8 with a column for each split and, last, one for all of them together: `ucf101`, `hmdb51` or `splits`.

    The paper's number, a mean of three splits, stands there only if these are the three.
    """
    columns = [*(f"split {number}" for number in splits), set_name]
    has_all = set(splits) == set(SPLITS)
    cells = [
        replace(cell, column=column, paper_top1=_table8_top1(cell, column) if has_all else None)
        for cell in experiment.cells
        for column in columns
    ]
    return replace(experiment, cells=tuple(cells))


def _cell(row: str, column: str, setting: Setting, printed: _Printed | None) -> Cell:
    """With the paper's numbers, where it prints some at this place."""
    number = None if printed is None else paper_number(printed.table, printed.row, printed.column)
    if number is None or printed is None:
        return Cell(row=row, column=column, setting=setting)
    is_misprint = printed.times != 1 and number.misprint  # shown where it stands, not multiplied
    gmacs = None if number.gmacs is None or is_misprint else number.gmacs * printed.times
    return Cell(row=row, column=column, setting=setting, paper_top1=number.top1, paper_gmacs=gmacs)


def _with_number(cell: Cell, number: PaperNumber | None) -> Cell:
    """The same beside another number of the paper, whose cost is per video."""
    return cell if number is None else replace(cell, paper_top1=number.top1, paper_gmacs=number.gmacs)


def _size(clips: ClipConfig) -> str:
    """L × N, as the columns are called."""
    return f"{clips.frames_per_clip} × {clips.num_clips}"


def _is_paper_size(clips: ClipConfig, frames: int) -> bool:
    return clips.frames_per_clip == frames and clips.num_clips * frames == PAPER_FRAMES


def _table2(sizes: Sizes) -> Iterator[Cell]:
    """Each network alone, average pooling of its clips' scores."""
    for backbone, pattern in ((sizes.recipe.model.cheap, "0:1"), (sizes.recipe.model.expensive, "1:0")):
        for clips in sizes.clips:
            setting = sizes.setting(clips, "average", pattern)
            yield _cell(backbone.name, _size(clips), setting, _Printed(2, backbone.name, _size(clips)))


def _table3(sizes: Sizes) -> Iterator[Cell]:
    """Aggregators over more and more clips, the first one expensive."""
    for aggregator in TABLE3_ROWS:
        for clips in sizes.short_clips:
            column = str(clips.num_clips)
            setting = sizes.setting(clips, aggregator, "first")
            yield _cell(aggregator, column, setting, _Printed(3, aggregator, column))


def _table4(sizes: Sizes) -> Iterator[Cell]:
    """FAST-GRU over mixtures, between the two averages."""
    yield from _averages(sizes, sizes.clips)
    for cheap in CHEAP_PER_EXPENSIVE:
        for clips in sizes.clips:
            if cheap + 1 <= clips.num_clips:
                setting = sizes.setting(clips, "fast_gru", f"1:{cheap}")
                yield _cell(f"1:{cheap}", _size(clips), setting, _Printed(4, f"1:{cheap}", _size(clips)))


def _table5(sizes: Sizes) -> Iterator[Cell]:
    """What Table 4's best cost by the clock, at the longest clips."""
    clips = sizes.clips[-1]
    rows = ((ALL_CHEAP, "average", "0:1"), (ALL_EXPENSIVE, "average", "1:0"), *_mixtures(clips))
    for row, aggregator, pattern in rows:
        yield _cell(row, _size(clips), sizes.setting(clips, aggregator, pattern), _Printed(5, row, _size(clips)))


def _table6(sizes: Sizes) -> Iterator[Cell]:
    """Two expensive networks of one width, at the longest clips."""
    clips, given = sizes.clips[-1], sizes.recipe.model
    for row, aggregator, pattern in ((ALL_EXPENSIVE, "average", "1:0"), *_mixtures(clips)):
        for name in ("r2plus1d50", "r3d50"):
            expensive = BackboneConfig(name=name, width=given.expensive.width)
            model = replace(given, expensive=expensive, aggregator=aggregator, pattern=pattern)
            printed = _Printed(6, row, name) if _is_paper_size(clips, 32) else None
            yield _cell(row, name, Setting(model=model, clips=clips), printed)


def _mixtures(clips: ClipConfig) -> list[tuple[str, str, str]]:
    """Row, aggregator and pattern of the two that the paper takes a closer look at."""
    return [(f"1:{cheap}", "fast_gru", f"1:{cheap}") for cheap in (1, 3) if cheap + 1 <= clips.num_clips]


def _table8(sizes: Sizes) -> Iterator[Cell]:
    """The bundle's own mixture and its average, fine-tuned to another set."""
    (clips,), model = sizes.clips, sizes.recipe.model
    if model.aggregator == "average":
        raise ConfigError("the bundle in --start has the aggregator average, which learns nothing; start from another")
    for row, aggregator, pattern in (
        (ALL_EXPENSIVE, "average", "1:0"),
        (model.pattern, model.aggregator, model.pattern),
    ):
        yield Cell(row=row, column="splits", setting=sizes.setting(clips, aggregator, pattern))


def _table8_top1(cell: Cell, set_name: str) -> float | None:
    is_paper = _is_paper_size(cell.setting.clips, 32) and cell.setting.model.aggregator == "fast_gru"
    number = paper_number(8, cell.row, set_name) if is_paper else None
    return None if number is None else number.top1


def _figure3(sizes: Sizes) -> Iterator[Cell]:
    """Accuracy against GMACs as N grows; `first` shares its settings with Table 3."""
    for row, aggregator, pattern in (
        (ALL_CHEAP, "average", "0:1"),
        (ALL_EXPENSIVE, "average", "1:0"),
        ("first", "fast_gru", "first"),
    ):
        for clips in sizes.short_clips:
            column, setting = str(clips.num_clips), sizes.setting(clips, aggregator, pattern)
            yield _with_number(Cell(row=row, column=column, setting=setting), figure3_number(row, column))


def _figure4(sizes: Sizes) -> Iterator[Cell]:
    """The two settings that the paper names, and the averages at their sizes."""
    named = {16: ("FASTER16", "1:7"), 32: ("FASTER32", "1:1")}
    chosen = tuple(clips for clips in sizes.clips if clips.frames_per_clip in named)
    if not chosen:
        raise ConfigError(
            f"figure4 compares clips of 16 and of 32 frames, which the {sizes.budget} frames that the recipe sees of a "
            "video (or --frames) do not allow; choose 32 frames or more"
        )
    for cell in _averages(sizes, chosen):
        # The paper's FASTER32 is of R3D-50, and so is what it is compared with.
        is_of_r3d = cell.row == ALL_EXPENSIVE and _is_paper_size(cell.setting.clips, 32)
        yield _with_number(cell, paper_number(6, ALL_EXPENSIVE, "r3d50")) if is_of_r3d else cell
    for clips in chosen:
        row, pattern = named[clips.frames_per_clip]
        yield _cell(row, _size(clips), sizes.setting(clips, "fast_gru", pattern), _Printed(7, row, _size(clips)))


def _averages(sizes: Sizes, chosen: Sequence[ClipConfig]) -> Iterator[Cell]:
    """The two rows that everything lies between; the paper's numbers for them are those of its Table 2."""
    for row, paper_row, pattern in ((ALL_CHEAP, "r2d26", "0:1"), (ALL_EXPENSIVE, "r2plus1d50", "1:0")):
        for clips in chosen:
            printed = _Printed(2, paper_row, _size(clips), times=clips.num_clips)
            yield _cell(row, _size(clips), sizes.setting(clips, "average", pattern), printed)


EXPERIMENTS: dict[str, tuple[str, Callable[[Sizes], Iterator[Cell]]]] = {
    "table2": ("Clip networks alone, average pooling", _table2),
    "table3": ("Aggregators over N clips of 8 frames, the first one expensive", _table3),
    "table4": ("FAST-GRU over mixtures of expensive and cheap clips, by L × N", _table4),
    "table5": ("Wall time beside GMACs", _table5),
    "table6": ("R(2+1)D-50 and R3D-50 as the expensive network", _table6),
    "table8": (f"Fine-tuned to the official splits, such as {', '.join(map(str, SPLITS))}", _table8),
    "figure3": ("Accuracy against GMACs over N clips of 8 frames", _figure3),
    "figure4": ("GMACs against accuracy of FASTER16 and FASTER32", _figure4),
}
