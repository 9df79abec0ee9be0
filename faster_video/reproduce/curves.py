"""The pictures whose question is what accuracy costs: Table 5 by the clock, Figures 3 and 4 by GMACs."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from faster_video.config import ClipConfig, ModelConfig
from faster_video.cost import video_cost
from faster_video.paper import CROP_SIZE, KINETICS_CLASSES
from faster_video.pictures import COLOURS
from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.comparisons import ALL_CHEAP, ALL_EXPENSIVE, Places
from faster_video.reproduce.drawing import Line, Point, draw_lines, here, panels
from faster_video.reproduce.published import figure3_number, paper_number, paper_places, published_points
from faster_video.reproduce.tables import Results, Timings, title_of

Bars = dict[str, list[tuple[str, float]]]
"""What is measured, and of every method its share of all clips expensive."""


def draw_table5(experiment: Experiment, results: Results, seconds: Timings | None) -> Figure:
    """Shares of all clips expensive: of GMACs beside those of wall time; the paper's likewise."""
    figure, (ours, theirs) = panels(title_of(experiment), [here(results), "the paper: TITAN X and i7"], height=5.0)
    _draw_bars(ours, _our_bars(experiment, results, seconds or {}))
    _draw_bars(theirs, _paper_bars())
    return figure


def _our_bars(experiment: Experiment, results: Results, seconds: Timings) -> Bars:
    bars: Bars = {"GMACs": [], "wall time": [], "networks alone": []}
    for cell in experiment.cells:
        usual = Places(experiment).at(ALL_EXPENSIVE, cell.column)
        if cell not in results or usual is None or usual not in results:
            continue
        found = results[cell]
        name = f"{cell.row}\n{100 * found.top1:.1f} % ± {100 * found.half_interval:.1f}"
        bars["GMACs"].append((name, found.gmacs_per_video / results[usual].gmacs_per_video))
        if cell.row in seconds and usual.row in seconds:
            mine, theirs = seconds[cell.row], seconds[usual.row]
            bars["wall time"].append((name, mine.median / theirs.median))
            bars["networks alone"].append((name, mine.network_median / theirs.network_median))
    return {what: values for what, values in bars.items() if values}


def _paper_bars() -> Bars:
    rows, (column,) = paper_places(5)
    numbers = {row: paper_number(5, row, column) for row in rows}
    usual = numbers[ALL_EXPENSIVE]
    bars: Bars = {"GMACs": [], "wall time": []}
    for row, number in numbers.items():
        if number and usual and number.gmacs and usual.gmacs and number.seconds and usual.seconds:
            name = f"{row}\n{number.top1:.1f} %"
            bars["GMACs"].append((name, number.gmacs / usual.gmacs))
            bars["wall time"].append((name, number.seconds / usual.seconds))
    return bars


def _draw_bars(axes: Axes, bars: Bars) -> None:
    """A group of horizontal bars per method, the kinds named once at the top."""
    methods = list(dict.fromkeys(name for values in bars.values() for name, _ in values))
    height = 0.8 / max(len(bars), 1)
    for number, (what, values) in enumerate(bars.items()):
        places = [methods.index(name) + height * (number - (len(bars) - 1) / 2) for name, _ in values]
        shares = [100 * share for _, share in values]
        axes.barh(places, shares, height * 0.92, color=COLOURS[number], label=what)
        for place, share in zip(places, shares, strict=True):
            axes.annotate(f"{share:.0f} %", (share, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(methods)), methods)
    axes.invert_yaxis()
    axes.set_xlim(0, 115)
    axes.set_axisbelow(True)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("% of all clips expensive, averaged (below each name: top-1)")
    if bars:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=len(bars), frameon=False, fontsize=9)


def draw_figure3(experiment: Experiment, results: Results) -> Figure:
    """Three curves over N, ours and what the paper prints of its own."""
    title = "the paper: Kinetics-400 (costs it does not print: counted)"
    figure, (ours, theirs) = panels(title_of(experiment), [f"{here(results)}; numbers: N", title])
    places = Places(experiment)
    lines = []
    for style, row in enumerate(places.rows):
        points = tuple(_point(cell, results) for cell in experiment.cells if cell.row == row and cell in results)
        lines.append(Line(name=_CURVES[row], points=points, style=style))
    _draw_costs(ours, lines)
    _draw_costs(theirs, [_paper_curve(row, style) for style, row in enumerate(_CURVES)])
    return figure


_CURVES = {
    ALL_CHEAP: "all cheap,\naverage",
    ALL_EXPENSIVE: "all expensive,\naverage",
    "first": "FAST-GRU,\nfirst",
}


def _paper_curve(row: str, style: int) -> Line:
    """What is known of it: all of FAST-GRU's points, of the averages those of few N."""
    points = []
    for column in paper_places(3)[1]:
        number = figure3_number(row, column)
        if number is not None:
            gmacs = number.gmacs or _paper_gmacs(row, int(column))
            points.append(Point(x=gmacs, top1=number.top1, label=column))
    return Line(name=_CURVES[row], points=tuple(points), style=style)


def _paper_gmacs(row: str, num_clips: int) -> float:
    """Of N clips of 8 frames at the paper's size, where it prints no cost."""
    pattern, aggregator = {ALL_CHEAP: ("0:1", "average"), ALL_EXPENSIVE: ("1:0", "average")}.get(
        row, ("first", "fast_gru")
    )
    clips = ClipConfig(num_clips=num_clips, frames_per_clip=8)
    return video_cost(ModelConfig(pattern=pattern, aggregator=aggregator), clips, CROP_SIZE, KINETICS_CLASSES).gmacs


def draw_figure4(experiment: Experiment, results: Results) -> Figure:
    """Ours by method and size; the paper's own among the published methods."""
    figure, (ours, theirs) = panels(
        title_of(experiment), [here(results), "the paper: Kinetics-400, its Table 7"], width=6.0
    )
    lines = []
    for style, row in enumerate(Places(experiment).rows):
        points = tuple(_point(cell, results) for cell in experiment.cells if cell.row == row and cell in results)
        lines.append(Line(name=row, points=points, style=style, joined=False))
    _draw_costs(ours, lines, named="none")
    if any(line.points for line in lines):
        ours.legend(loc="best", frameon=False, fontsize=9, title="frames × clips beside each")
    ours.set_xlabel(f"GMACs per video, log scale ({_size(experiment)})")
    _draw_costs(theirs, _published_lines(), named="none")
    theirs.legend(loc="upper left", frameon=False, fontsize=9)
    return figure


def _published_lines() -> list[Line]:
    """Table 7's methods by what they start from, the paper's own last."""
    kinds: dict[str, list[Point]] = {"from nothing": [], "pre-trained on ImageNet": [], "FASTER, from nothing": []}
    for method in published_points():
        kind = "pre-trained on ImageNet" if method.imagenet else "from nothing"
        point = Point(x=method.gmacs, top1=method.top1, label=method.name)
        kinds["FASTER, from nothing" if method.is_faster else kind].append(point)
    return [
        Line(name=kind, points=tuple(points), style=style, joined=False)
        for style, (kind, points) in enumerate(kinds.items())
    ]


def _size(experiment: Experiment) -> str:
    """The recipe's, in a few words."""
    model, side = experiment.recipe.model, experiment.recipe.transform.crop_size
    expensive, cheap = model.expensive, model.cheap
    return f"{expensive.name} × {expensive.width:g} and {cheap.name} × {cheap.width:g} at {side} px"


def _point(cell: Cell, results: Results) -> Point:
    found = results[cell]
    return Point(
        x=found.gmacs_per_video, top1=100 * found.top1, half_interval=100 * found.half_interval, label=cell.column
    )


def _draw_costs(axes: Axes, lines: Sequence[Line], *, named: str = "right") -> None:
    """Lines over a logarithmic cost, with room for names at the right."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda gmacs, _: f"{gmacs:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    draw_lines(axes, lines, named=named)
    places = [point.x for line in lines for point in line.points]
    if places:
        axes.set_xlim(min(places) / 1.6, max(places) * 5)
    axes.set_xlabel("GMACs per video, log scale")
