"""What all pictures of experiments have in common: lines with intervals whose names stand at their ends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faster_video.pictures import COLOURS
from faster_video.reproduce.tables import Results

MARKERS = ("o", "s", "^", "D", "v", "P")
"""One per colour, for prints in grey."""
TOP1 = "top-1, %"
GAP = 0.062
"""Least distance of two names, as a share of the axis."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One accuracy of a line."""

    x: float
    top1: float
    """In per cent."""
    half_interval: float = 0.0
    """Of 95 %, in points; 0 draws none."""
    label: str = ""
    """Beside the point."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A named row of points, from left to right."""

    name: str
    points: tuple[Point, ...]
    style: int
    """Which colour and marker; the same thing has the same in every panel."""
    joined: bool = True

    @property
    def colour(self) -> str:
        """Of line, points and name."""
        return COLOURS[self.style % len(COLOURS)]


def panels(title: str, titles: Sequence[str], *, width: float = 5.6, height: float = 4.6) -> tuple[Figure, list[Axes]]:
    """A figure with as many axes side by side as there are titles."""
    figure = Figure(figsize=(width * len(titles), height), dpi=120, layout="constrained")
    row = list(figure.subplots(1, len(titles), squeeze=False)[0])
    figure.suptitle(title, fontsize=13)
    for axes, name in zip(row, titles, strict=True):
        axes.set_title(name, fontsize=10, loc="left", color="#444444")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, row


def here(results: Results) -> str:
    """What ours are of."""
    counts = sorted({len(seed.correct) for result in results.values() for seed in result.seeds})
    seeds = max((len(result.seeds) for result in results.values()), default=0)
    if not counts:
        return "here: nothing yet"
    videos = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"here: {videos} test videos, {seeds} seed{'s' if seeds > 1 else ''}, ± 95 % over videos"


def draw_lines(axes: Axes, lines: Iterable[Line], *, named: str = "right") -> None:
    """Draw lines with their intervals, and their names at the `right` or `left` end or not at all (`none`)."""
    drawn = [line for line in lines if line.points]
    axes.set_axisbelow(True)
    for line in drawn:
        axes.errorbar(
            [point.x for point in line.points],
            [point.top1 for point in line.points],
            yerr=[point.half_interval for point in line.points] if any(p.half_interval for p in line.points) else None,
            color=line.colour,
            marker=MARKERS[line.style % len(MARKERS)],
            markersize=5,
            linewidth=1.8 if line.joined else 0,
            elinewidth=0.8,
            capsize=2.0,
            label=line.name,
        )
        _label_points(axes, line, upwards=named != "none")
    axes.set_ylabel(TOP1)
    axes.margins(y=0.1)
    if named != "none":
        _name_lines(axes, drawn, named)


def _label_points(axes: Axes, line: Line, *, upwards: bool) -> None:
    """Upwards to the left, where the line's name is not; else downwards to the right."""
    offset, side = ((-5, 5), "right") if upwards else ((5, -11), "left")
    for point in line.points:
        place = (point.x, point.top1)
        axes.annotate(point.label, place, offset, textcoords="offset points", ha=side, fontsize=8, color=line.colour)


def _name_lines(axes: Axes, lines: Sequence[Line], side: str) -> None:
    """Write each name beside its line's end, moved up or down where two would overlap."""
    bottom, top = axes.get_ylim()
    last = -1 if side == "right" else 0
    leftmost = min((line.points[0].x for line in lines), default=0.0)
    ends = sorted(((line.points[last].top1, line) for line in lines), key=lambda end: end[0])
    heights = spread([height for height, _ in ends], GAP * (top - bottom))
    for height, (_, line) in zip(heights, ends, strict=True):
        axes.annotate(
            line.name,
            (_end(axes, line, lines) if side == "right" else leftmost, height),
            (9 if side == "right" else -9, 0),
            textcoords="offset points",
            ha="left" if side == "right" else "right",
            va="center",
            fontsize=9,
            color=line.colour,
            annotation_clip=False,
        )


def _end(axes: Axes, line: Line, lines: Sequence[Line]) -> float:
    """Where a line ends; over places of a table, the last of the markers that stand beside its own at that place."""
    place = line.points[-1].x
    if axes.get_xscale() != "linear":
        return place
    return max(other.points[-1].x for other in lines if round(other.points[-1].x) == round(place))


def beside_each_other(lines: Sequence[Line], distance: float) -> list[Line]:
    """Moved sideways a little, so that their intervals can be told apart."""
    return [
        replace(line, points=tuple(replace(point, x=point.x + distance * by) for point in line.points))
        for line, by in ((line, number - (len(lines) - 1) / 2) for number, line in enumerate(lines))
    ]


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Rising heights moved as little as can be seen, so that neighbours are at least `gap` apart."""
    groups: list[list[float]] = []  # each: wished heights of names that touch; they are centred on their mean
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _low(groups[-1], gap) - _high(groups[-2], gap) < gap:
            touching = groups.pop()
            groups[-1] += touching
    return [_low(group, gap) + gap * number for group in groups for number in range(len(group))]


def _low(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _high(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) + gap * (len(group) - 1) / 2
