"""What the paper claims, as cells of which one should be better than the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.results import CellResult, Difference

ALL_CHEAP, ALL_EXPENSIVE = "all cheap, average", "all expensive, average"
Pair = tuple[Cell, Cell]
"""The one that is claimed to be better comes first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A sentence of the paper and the cells that tell whether it holds here."""

    text: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """The cells of an experiment by where they stand."""

    experiment: Experiment

    @property
    def rows(self) -> list[str]:
        """From top to bottom."""
        return list(dict.fromkeys(cell.row for cell in self.experiment.cells))

    @property
    def columns(self) -> list[str]:
        """From left to right."""
        return list(dict.fromkeys(cell.column for cell in self.experiment.cells))

    def at(self, row: str, column: str) -> Cell | None:
        """None where the table is empty."""
        return next((cell for cell in self.experiment.cells if (cell.row, cell.column) == (row, column)), None)

    def usual(self, cell: Cell) -> Cell | None:
        """The usual way with the same networks and clips: all of them expensive, scores averaged."""
        for other in self.experiment.cells:
            model = other.setting.model
            same = (other.column, other.setting.backbones) == (cell.column, cell.setting.backbones)
            if same and (model.aggregator, model.pattern) == ("average", "1:0"):
                return other
        return None

    def rows_apart(self, better: str, worse: str) -> list[Pair]:
        """Two rows, column by column."""
        pairs = ((self.at(better, column), self.at(worse, column)) for column in self.columns)
        return [(one, other) for one, other in pairs if one and other]

    def columns_apart(self, row: str, better: str, worse: str) -> list[Pair]:
        """Two columns in one row."""
        one, other = self.at(row, better), self.at(row, worse)
        return [(one, other)] if one and other else []


def claims(experiment: Experiment) -> list[Claim]:
    """What the paper says about this table or figure, as far as the cells can tell."""
    return [
        Claim(text=text, pairs=tuple(pairs)) for text, pairs in _CLAIMS[experiment.name](Places(experiment)) if pairs
    ]


def difference(pair: Pair, results: Mapping[Cell, CellResult]) -> Difference | None:
    """None where one of the two has no result yet; all that have one have the same seeds."""
    one, other = pair
    return results[one].minus(results[other]) if one in results and other in results else None


def points(share: float) -> str:
    """A difference of shares in points, with its sign."""
    value = round(100 * share, 1)
    return f"{value:+.1f}".replace("-", "−") if value else "0.0"


def difference_text(found: Difference) -> str:
    """`+1.2 points (± 0.8 over videos, ± 0.7 over seeds +0.9, +1.5, +1.2)`."""
    seeds = ", ".join(points(value) for value in found.of_seeds)
    over_seeds = f", ± {100 * found.half_interval_of_seeds:.1f} over seeds {seeds}" if len(found.of_seeds) > 1 else ""
    return f"{points(found.mean)} points (± {100 * found.half_interval:.1f} over videos{over_seeds})"


def verdict(found: Difference) -> str:
    """`clear`, `not clear`, or `one seed`, which can never be the first."""
    if len(found.of_seeds) == 1:
        return "one seed"
    return "clear" if found.is_clear else "not clear"


def pair_name(pair: Pair) -> str:
    """What is subtracted from what."""
    one, other = pair
    if one.column == other.column:
        return f"{one.row} − {other.row}, {column_name(one.column)}"
    if one.row == other.row:
        return f"{one.row}: {column_name(one.column)} − {column_name(other.column)}"
    return f"{one.row}, {column_name(one.column)} − {other.row}, {column_name(other.column)}"


def column_name(column: str) -> str:
    """A number alone is one of clips."""
    return f"N = {column}" if column.isdigit() else column


_Found = list[tuple[str, list[Pair]]]


def _table2(places: Places) -> _Found:
    cheap, *others = places.rows
    longer = [
        pair
        for row in places.rows
        for shorter, long in zip(places.columns, places.columns[1:], strict=False)
        for pair in places.columns_apart(row, long, shorter)
    ]
    return [
        (
            "The expensive network is better, by about 7 points.",
            [p for row in others for p in places.rows_apart(row, cheap)],
        ),
        ("Longer clips are often better.", longer),
    ]


def _table3(places: Places) -> _Found:
    best = [pair for row in places.rows if row != "fast_gru" for pair in places.rows_apart("fast_gru", row)]
    many = [column for column in places.columns if int(column) >= 16]
    saturating = [pair for fewer, more in pairwise(many) for pair in places.columns_apart("average", more, fewer)]
    falling = [
        pair for column in places.columns if int(column) > 8 for pair in places.columns_apart("concat", "8", column)
    ]
    return [
        ("FAST-GRU is the best for long sequences; with few clips all that learn are alike.", best),
        ("Averaging saturates: from 16 clips to 32, more cheap ones do not help it any more.", saturating),
        ("Concat gets worse with more than 8 clips: with 32 by 8.1 points.", falling),
    ]


def _table4(places: Places) -> _Found:
    return [
        (
            "1:1 is better than the average of all expensive clips, at 57 % of its cost.",
            places.rows_apart("1:1", ALL_EXPENSIVE),
        ),
        (
            "1:3 is as good as the average of all expensive clips, at 35 % of its cost: so it is with 8 frames; by the "
            "paper's own numbers it is lower by 0.2 points with 16 and by 1.2 with 32.",
            places.rows_apart("1:3", ALL_EXPENSIVE),
        ),
        ("On all expensive clips, FAST-GRU is better than the average.", places.rows_apart("1:0", ALL_EXPENSIVE)),
        ("There is a gap between the two averages to be closed.", places.rows_apart(ALL_EXPENSIVE, ALL_CHEAP)),
    ]


def _table5(places: Places) -> _Found:
    pairs = places.rows_apart("1:1", ALL_EXPENSIVE)
    return [("FASTER32 (1:1) keeps the accuracy of all expensive clips at half their time.", pairs)]


def _table6(places: Places) -> _Found:
    networks = [pair for row in places.rows for pair in places.columns_apart(row, "r3d50", "r2plus1d50")]
    return [
        ("R3D-50 is slightly better than R(2+1)D-50 as the expensive network.", networks),
        ("FAST-GRU gains over the average, with R3D-50 more.", _over_usual(places)),
    ]


def _table8(places: Places) -> _Found:
    return [("Learned aggregation helps on smaller sets, too, where less is left to gain.", _over_usual(places))]


def _figure3(places: Places) -> _Found:
    half = [
        (one, other)
        for column in places.columns
        if (one := places.at("first", str(2 * int(column)))) and (other := places.at(ALL_EXPENSIVE, column))
    ]
    return [
        ("FASTER is better than all cheap clips at a similar cost.", places.rows_apart("first", ALL_CHEAP)),
        ("FASTER is as good as half as many expensive clips, at about half their cost.", half),
        ("A gap to as many expensive clips remains.", places.rows_apart(ALL_EXPENSIVE, "first")),
    ]


def _figure4(places: Places) -> _Found:
    text = "FASTER keeps the accuracy of all expensive clips (FASTER16: within 0.6 points) at less cost."
    return [(text, _over_usual(places))]


def _over_usual(places: Places) -> list[Pair]:
    """Every mixture against the average of all expensive clips."""
    pairs = ((cell, places.usual(cell)) for cell in places.experiment.cells)
    return [(cell, usual) for cell, usual in pairs if usual and cell.setting.model.aggregator != "average"]


_CLAIMS: dict[str, Callable[[Places], _Found]] = {
    "table2": _table2,
    "table3": _table3,
    "table4": _table4,
    "table5": _table5,
    "table6": _table6,
    "table8": _table8,
    "figure3": _figure3,
    "figure4": _figure4,
}
