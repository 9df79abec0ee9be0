"""Which cells each of the paper's tables and figures has, at a recipe's size (docs/reproduce.md).

The recipe's clips give the frames that are seen of a video, F = N·L (the paper: 256); clip lengths L share them out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from faster_video.config import BackboneConfig, ClipConfig, Recipe, require_choice
from faster_video.errors import ConfigError
from faster_video.reproduce.cells import Cell, Experiment, Setting
from faster_video.reproduce.names import FRAMES, SPLITS
from faster_video.reproduce.published import paper_number

SHORTEST = FRAMES[0]
CLIPS = (2, 4, 8, 16, 32)
"""N of Table 3 and Figure 3."""
TABLE3_ROWS = ("average", "concat", "lstm", "gru", "fast_gru")
CHEAP_PER_EXPENSIVE = (0, 1, 3, 7, 15, 31)
"""Of Table 4."""
ALL_CHEAP, ALL_EXPENSIVE = "all cheap, average", "all expensive, average"
PAPER_FRAMES = 256
"""F of the paper."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What an experiment chooses its settings from."""

    recipe: Recipe
    budget: int
    """Frames that are seen of a video, F."""
    clips: tuple[ClipConfig, ...]
    """For each L from the smallest to the largest: F / L clips of it."""

    def setting(self, clips: ClipConfig, aggregator: str, pattern: str) -> Setting:
        """Of the recipe's two networks."""
        return Setting(model=replace(self.recipe.model, aggregator=aggregator, pattern=pattern), clips=clips)

    @property
    def short_clips(self) -> Iterator[ClipConfig]:
        """N = 2, 4, … clips of 8 frames, as many as the budget holds."""
        for num_clips in CLIPS:
            if num_clips * SHORTEST <= self.budget:
                yield replace(self.recipe.clips, num_clips=num_clips, frames_per_clip=SHORTEST)


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
        ConfigError: there is no such experiment; the recipe takes features or too few frames; or `frames` has a length
            that is not the paper's or does not divide the recipe's frames into two clips or more.
    """
    require_choice("experiment", name, EXPERIMENTS)
    if recipe.model.takes_features:
        raise ConfigError(
            "model.expensive and model.cheap are features, but the experiments compare networks on videos; choose two "
            "networks"
        )
    title, make_cells = EXPERIMENTS[name]
    cells = tuple(make_cells(_sizes(name, recipe, frames)))
    return Experiment(name=name, title=title, recipe=recipe, cells=cells)


def with_splits(experiment: Experiment, set_name: str, splits: Sequence[int]) -> Experiment:
    """Table 8 with a column for each split and, last, one for all of them together: `ucf101`, `hmdb51` or `splits`."""
    columns = [*(f"split {number}" for number in splits), set_name]
    cells = [
        replace(cell, column=column, paper_top1=_table8_top1(cell, column))
        for cell in experiment.cells
        for column in columns
    ]
    return replace(experiment, cells=tuple(cells))


def _sizes(name: str, recipe: Recipe, frames: Sequence[int] | None) -> _Sizes:
    budget = recipe.clips.num_clips * recipe.clips.frames_per_clip
    if name == "table8":  # judges the bundle that it starts from, at its own size
        if frames is not None:
            raise ConfigError("--frames is for the other experiments; table8 takes the clips of the bundle in --start")
        return _Sizes(recipe, budget, (recipe.clips,))
    if budget < 2 * SHORTEST:
        raise ConfigError(
            f"the recipe sees {budget} frames of a video (num_clips × frames_per_clip); the experiments need at least "
            f"{2 * SHORTEST}, two clips of {SHORTEST}"
        )
    for length in frames or ():
        _check_length(length, budget)
    lengths = [length for length in FRAMES if _divides(length, budget) and (frames is None or length in frames)]
    sizes = tuple(replace(recipe.clips, num_clips=budget // length, frames_per_clip=length) for length in lengths)
    if not sizes:
        raise ConfigError(
            f"the recipe sees {budget} frames of a video (num_clips × frames_per_clip), which none of the clip lengths "
            f"{', '.join(map(str, FRAMES))} divides; choose a multiple of 16"
        )
    return _Sizes(recipe, budget, sizes)


def _check_length(length: int, budget: int) -> None:
    if length not in FRAMES:
        raise ConfigError(f"--frames is {length}; the paper's clips have {', '.join(map(str, FRAMES))} frames")
    if not _divides(length, budget):
        raise ConfigError(
            f"--frames is {length}; the {budget} frames that the recipe sees of a video (num_clips × frames_per_clip) "
            "must be two or more clips of it, with nothing left over"
        )


def _divides(length: int, budget: int) -> bool:
    return budget % length == 0 and budget // length >= 2


def _cell(row: str, column: str, setting: Setting, printed: _Printed | None) -> Cell:
    """With the paper's numbers, where it prints some at this place."""
    number = None if printed is None else paper_number(printed.table, printed.row, printed.column)
    if number is None or printed is None:
        return Cell(row=row, column=column, setting=setting)
    is_misprint = printed.times != 1 and number.misprint  # shown where it stands, not multiplied
    gmacs = None if number.gmacs is None or is_misprint else number.gmacs * printed.times
    return Cell(row=row, column=column, setting=setting, paper_top1=number.top1, paper_gmacs=gmacs)


def _size(clips: ClipConfig) -> str:
    """L × N, as the columns are called."""
    return f"{clips.frames_per_clip} × {clips.num_clips}"


def _is_paper_size(clips: ClipConfig, frames: int) -> bool:
    return clips.frames_per_clip == frames and clips.num_clips * frames == PAPER_FRAMES


def _table2(sizes: _Sizes) -> Iterator[Cell]:
    """Each network alone, average pooling of its clips' scores."""
    for backbone, pattern in ((sizes.recipe.model.cheap, "0:1"), (sizes.recipe.model.expensive, "1:0")):
        for clips in sizes.clips:
            setting = sizes.setting(clips, "average", pattern)
            yield _cell(backbone.name, _size(clips), setting, _Printed(2, backbone.name, _size(clips)))


def _table3(sizes: _Sizes) -> Iterator[Cell]:
    """Aggregators over more and more clips, the first one expensive."""
    for aggregator in TABLE3_ROWS:
        for clips in sizes.short_clips:
            column = str(clips.num_clips)
            setting = sizes.setting(clips, aggregator, "first")
            yield _cell(aggregator, column, setting, _Printed(3, aggregator, column))


def _table4(sizes: _Sizes) -> Iterator[Cell]:
    """FAST-GRU over mixtures, between the two averages."""
    yield from _averages(sizes, sizes.clips, _size)
    for cheap in CHEAP_PER_EXPENSIVE:
        for clips in sizes.clips:
            if cheap + 1 <= clips.num_clips:
                setting = sizes.setting(clips, "fast_gru", f"1:{cheap}")
                yield _cell(f"1:{cheap}", _size(clips), setting, _Printed(4, f"1:{cheap}", _size(clips)))


def _table5(sizes: _Sizes) -> Iterator[Cell]:
    """What Table 4's best cost by the clock, at the longest clips."""
    clips = sizes.clips[-1]
    rows = ((ALL_CHEAP, "average", "0:1"), (ALL_EXPENSIVE, "average", "1:0"), *_mixtures(clips))
    for row, aggregator, pattern in rows:
        yield _cell(row, _size(clips), sizes.setting(clips, aggregator, pattern), _Printed(5, row, _size(clips)))


def _table6(sizes: _Sizes) -> Iterator[Cell]:
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


def _table8(sizes: _Sizes) -> Iterator[Cell]:
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


def _figure3(sizes: _Sizes) -> Iterator[Cell]:
    """Accuracy against GMACs as N grows; `first` shares its settings with Table 3."""
    yield from _averages(sizes, tuple(sizes.short_clips), lambda clips: str(clips.num_clips))
    for clips in sizes.short_clips:
        column = str(clips.num_clips)
        yield _cell("first", column, sizes.setting(clips, "fast_gru", "first"), _Printed(3, "fast_gru", column))


def _figure4(sizes: _Sizes) -> Iterator[Cell]:
    """The two settings that the paper names, and the averages at their sizes."""
    named = {16: ("FASTER16", "1:7"), 32: ("FASTER32", "1:1")}
    chosen = tuple(clips for clips in sizes.clips if clips.frames_per_clip in named)
    if not chosen:
        raise ConfigError(
            f"figure4 compares clips of 16 and of 32 frames, which the {sizes.budget} frames that the recipe sees of a "
            "video (or --frames) do not allow; choose 32 frames or more"
        )
    yield from _averages(sizes, chosen, _size)
    for clips in chosen:
        row, pattern = named[clips.frames_per_clip]
        yield _cell(row, _size(clips), sizes.setting(clips, "fast_gru", pattern), _Printed(7, row, _size(clips)))


def _averages(sizes: _Sizes, chosen: Sequence[ClipConfig], name: Callable[[ClipConfig], str]) -> Iterator[Cell]:
    """The two rows that everything lies between; the paper's numbers for them are those of its Table 2."""
    for row, paper_row, pattern in ((ALL_CHEAP, "r2d26", "0:1"), (ALL_EXPENSIVE, "r2plus1d50", "1:0")):
        for clips in chosen:
            printed = _Printed(2, paper_row, _size(clips), times=clips.num_clips)
            yield _cell(row, name(clips), sizes.setting(clips, "average", pattern), printed)


EXPERIMENTS: dict[str, tuple[str, Callable[[_Sizes], Iterator[Cell]]]] = {
    "table2": ("Clip networks alone, average pooling", _table2),
    "table3": ("Aggregators over N clips of 8 frames, the first one expensive", _table3),
    "table4": ("FAST-GRU over mixtures of expensive and cheap clips, by L × N", _table4),
    "table5": ("Wall time beside GMACs", _table5),
    "table6": ("R(2+1)D-50 and R3D-50 as the expensive network", _table6),
    "table8": (f"Fine-tuned to the official splits, such as {', '.join(map(str, SPLITS))}", _table8),
    "figure3": ("Accuracy against GMACs over N clips of 8 frames", _figure3),
    "figure4": ("GMACs against accuracy of FASTER16 and FASTER32", _figure4),
}
