"""An experiment's results as a picture that shows the table's question: ours on the left, the paper's on the right.

The paper's accuracies are of other videos and never share an axis with ours. Error bars are 95 % intervals over videos.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faster_video.reproduce.cells import Experiment
from faster_video.reproduce.comparisons import ALL_CHEAP, ALL_EXPENSIVE, Places
from faster_video.reproduce.curves import draw_figure3, draw_figure4, draw_table5
from faster_video.reproduce.drawing import Line, Point, beside_each_other, draw_lines, here, panels
from faster_video.reproduce.published import paper_number, paper_places, published_transfers
from faster_video.reproduce.tables import Results, Timings, title_of

Value = Callable[[str, str], tuple[float, float] | None]
"""Row and column to top-1 in per cent and half its interval; None where there is nothing."""
PAPER = "the paper: Kinetics-400"


def draw(experiment: Experiment, results: Results, seconds: Timings | None = None) -> Figure:
    """The picture; cells without results are left out."""
    match experiment.name:
        case "table5":
            return draw_table5(experiment, results, seconds)
        case "figure3":
            return draw_figure3(experiment, results)
        case "figure4":
            return draw_figure4(experiment, results)
        case "table4":
            return _draw_table4(experiment, results)
        case "table8":
            return _draw_table8(experiment, results)
        case _:
            return _draw_lines(experiment, results)


def _draw_lines(experiment: Experiment, results: Results) -> Figure:
    """Tables 2, 3 and 6: a line per row over the columns; Table 6 the other way round."""
    figure, (ours, theirs) = panels(title_of(experiment), [here(results), PAPER])
    turned = experiment.name == "table6"
    number = int(experiment.name[-1])
    places = Places(experiment)
    for axes, (rows, columns), value in (
        (ours, (places.rows, places.columns), _measured(places, results)),
        (theirs, paper_places(number), _printed(number)),
    ):
        lined, along = (columns, rows) if turned else (rows, columns)
        get = _turned(value) if turned else value
        lines = [_line(name, along, get, style) for style, name in enumerate(lined)]
        draw_lines(axes, beside_each_other(lines, 0.04))
        axes.set_xticks(range(len(along)), [_on_two_lines(name) for name in along])
        axes.set_xlim(-0.3, len(along) - 1 + (1.1 if len(along) > 3 else 0.75))
        axes.set_xlabel(_ALONG[experiment.name])
    return figure


_ALONG = {
    "table2": "frames × clips",
    "table3": "clips per video, N (log scale)",
    "table6": "expensive : cheap clips",
}


def _draw_table4(experiment: Experiment, results: Results) -> Figure:
    """A line per L × N over fewer and fewer expensive clips, between the two averages."""
    figure, (ours, theirs) = panels(title_of(experiment), [here(results), PAPER], width=6.2)
    places = Places(experiment)
    mixtures = [row for row in places.rows if row not in (ALL_CHEAP, ALL_EXPENSIVE)]
    rows, columns = paper_places(4)
    for axes, mixed, lined, value in (
        (ours, mixtures, places.columns, _measured(places, results)),
        (theirs, rows, columns, _printed_table4),
    ):
        along = [ALL_EXPENSIVE, *mixed, ALL_CHEAP]
        last = len(along) - 1
        whole = [_line(name, along, _turned(value), style) for style, name in enumerate(lined)]
        mixtures_only = [_where(line, range(1, last)) for line in whole]
        averages = [replace(_where(line, (0, last)), joined=False) for line in whole]
        draw_lines(axes, beside_each_other(mixtures_only, 0.08), named="none")
        draw_lines(axes, beside_each_other(averages, 0.08), named="left")
        for line in whole:
            if line.points and line.points[0].x == 0:
                axes.hlines(line.points[0].top1, 0.2, last - 0.2, color=line.colour, linestyles=":", linewidth=1.0)
        axes.set_xticks(range(len(along)), ["all E\naverage", *mixed, "all C\naverage"])
        axes.set_xlim(-1.5, len(along) - 0.6)
        axes.set_xlabel("expensive : cheap clips with FAST-GRU, between the two averages")
    return figure


def _draw_table8(experiment: Experiment, results: Results) -> Figure:
    """Points side by side per split or set; the paper's methods per set."""
    figure, (ours, theirs) = panels(title_of(experiment), [here(results), "the paper: mean of three splits"])
    places = Places(experiment)
    value = _measured(places, results)
    lines = [_line(row, places.columns, value, style) for style, row in enumerate(places.rows)]
    points = [replace(line, name=_on_two_lines(line.name), joined=False) for line in lines]
    draw_lines(ours, beside_each_other(points, 0.12))
    ours.set_xticks(range(len(places.columns)), places.columns)
    ours.set_xlim(-0.5, len(places.columns) + 0.1)
    _draw_transfers(theirs)
    return figure


def _draw_transfers(axes: Axes) -> None:
    """The paper's Table 8, its own method among the others."""
    methods = [(other.name, (other.ucf101, other.hmdb51)) for other in published_transfers()]
    ucf101, hmdb51 = (_printed(8)("1:1", name) for name in ("ucf101", "hmdb51"))
    if ucf101 is not None and hmdb51 is not None:
        methods.append(("FASTER32", (ucf101[0], hmdb51[0])))
    methods.sort(key=lambda method: method[1][1])
    lines = []
    for number, name in enumerate(("UCF-101", "HMDB-51")):
        points = tuple(Point(x=place, top1=values[number]) for place, (_, values) in enumerate(methods))
        lines.append(Line(name=name, points=points, style=2 + number, joined=False))
    draw_lines(axes, lines)
    axes.set_xticks(range(len(methods)), [method for method, _ in methods], rotation=35, ha="right")
    axes.set_xlim(-0.5, len(methods) + 0.6)


def _measured(places: Places, results: Results) -> Value:
    def value(row: str, column: str) -> tuple[float, float] | None:
        cell = places.at(row, column)
        found = None if cell is None else results.get(cell)
        return None if found is None else (100 * found.top1, 100 * found.half_interval)

    return value


def _printed(table: int) -> Value:
    def value(row: str, column: str) -> tuple[float, float] | None:
        number = paper_number(table, row, column)
        return None if number is None else (number.top1, 0.0)

    return value


def _printed_table4(row: str, column: str) -> tuple[float, float] | None:
    """Its averages stand in Table 2."""
    backbone = {ALL_CHEAP: "r2d26", ALL_EXPENSIVE: "r2plus1d50"}.get(row)
    return _printed(4)(row, column) if backbone is None else _printed(2)(backbone, column)


def _turned(value: Value) -> Value:
    return lambda column, row: value(row, column)


def _line(name: str, along: Sequence[str], value: Value, style: int) -> Line:
    """A row of values at 0, 1, 2, …"""
    found = [(number, value(name, place)) for number, place in enumerate(along)]
    points = tuple(Point(x=number, top1=pair[0], half_interval=pair[1]) for number, pair in found if pair is not None)
    return Line(name=name, points=points, style=style)


def _where(line: Line, places: Container[float]) -> Line:
    """Its points there."""
    return replace(line, points=tuple(point for point in line.points if point.x in places))


def _on_two_lines(name: str) -> str:
    """`all expensive, average` broken at its comma."""
    return name.replace(", ", ",\n")
