"""The paper's accuracies and costs, by table, row and column as ours are called (`published.toml`, `../paper.toml`)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import isnan
from typing import Any

Place = tuple[int, str, str]
"""Table, row and column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperNumber:
    """What the paper prints at one place."""

    top1: float
    """In per cent."""
    gmacs: float | None = None
    """Its GFLOPs: per clip in Table 2, per video elsewhere; None where the table has none."""
    seconds: float | None = None
    """Of Table 5: wall time of 100 videos."""
    misprint: str = ""
    """Why the printed cost cannot be right; empty where it can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedPoint:
    """One method of Table 7, on Kinetics-400."""

    name: str
    top1: float
    """In per cent."""
    gmacs_per_clip: float
    clips: int
    """Per video."""
    imagenet: bool
    """Pre-trained on ImageNet."""

    @property
    def gmacs(self) -> float:
        """Per video."""
        return self.gmacs_per_clip * self.clips

    @property
    def is_faster(self) -> bool:
        """Whether it is the paper's own."""
        return self.name.startswith("FASTER")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTransfer:
    """One method of Table 8: mean of three splits, in per cent."""

    name: str
    pretraining: str
    ucf101: float
    hmdb51: float


def paper_number(table: int, row: str, column: str) -> PaperNumber | None:
    """What the paper prints there; None where it prints nothing."""
    return _numbers().get((table, row, column))


def figure3_number(row: str, column: str) -> PaperNumber | None:
    """What can be known of a point of Figure 3, from Tables 2, 3 and 4 and the text; its cost is per video."""
    for point in _read("reproduce/published.toml")["figure3"]:
        if (point["row"], point["column"]) == (row, column):
            return PaperNumber(top1=point["top1"], gmacs=point["gflops"])
    if row == "first":
        return paper_number(4, f"1:{int(column) - 1}", f"8 × {column}") or paper_number(3, "fast_gru", column)
    number = paper_number(2, {"all cheap, average": "r2d26"}.get(row, "r2plus1d50"), f"8 × {column}")
    per_clip = None if number is None or number.misprint else number.gmacs
    return None if number is None else replace(number, gmacs=per_clip and per_clip * int(column))


def paper_places(table: int) -> tuple[list[str], list[str]]:
    """Rows and columns of a table, in its order; none of a table that is not here."""
    places = [(row, column) for number, row, column in _numbers() if number == table]
    columns = [
        column
        for found in _read("reproduce/published.toml")["table"]
        if found["number"] == table
        for column in found["columns"]
    ]
    return list(dict.fromkeys(row for row, _ in places)), columns


@cache
def published_points() -> tuple[PublishedPoint, ...]:
    """Table 7's methods whose clips and cost are known, those of the paper itself last."""
    others = [
        PublishedPoint(
            name=point["name"],
            top1=point["top1"],
            gmacs_per_clip=point["gflops"],
            clips=point["clips"],
            imagenet=point["imagenet"],
        )
        for point in _read("reproduce/published.toml")["kinetics"]
        if "gflops" in point and "clips" in point
    ]
    return (*others, *(_own_point(cell) for table, cell in _costs() if table["number"] == 7))


@cache
def published_transfers() -> tuple[PublishedTransfer, ...]:
    """Table 8's other methods."""
    return tuple(PublishedTransfer(**values) for values in _read("reproduce/published.toml")["transfer"])


@cache
def _numbers() -> dict[Place, PaperNumber]:
    costs = {_place(table, cell): cell for table, cell in _costs() if table["number"] != 7}
    # Table 7 prints costs per clip; the same two settings have theirs per video in Tables 4 and 6.
    costs[7, "FASTER16", "16 × 16"] = costs[4, "1:7", "16 × 16"]
    costs[7, "FASTER32", "32 × 8"] = costs[6, "1:1", "r3d50"]
    numbers = {}
    for table in _read("reproduce/published.toml")["table"]:
        accuracies, own_costs, seconds = (_by_place(table, what) for what in ("top1", "gflops", "seconds"))
        for place, top1 in accuracies.items():
            cost = costs.get(place, {})
            numbers[place] = PaperNumber(
                top1=top1,
                gmacs=own_costs.get(place, cost.get("gflops")),
                seconds=seconds.get(place),
                misprint=cost.get("misprint", ""),
            )
    return numbers


def _by_place(table: Mapping[str, Any], what: str) -> dict[Place, float]:
    """One kind of number of a table."""
    return {
        (table["number"], row, column): value
        for row, values in table.get(what, {}).items()
        for column, value in zip(table["columns"], values, strict=False)
        if not isnan(value)
    }


def _costs() -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Every cell of the paper's GFLOPs, behind its table."""
    return [(table, cell) for table in _read("paper.toml")["table"] for cell in table["cells"]]


def _place(table: Mapping[str, Any], cell: Mapping[str, Any]) -> Place:
    """Where our tables have a cell of `paper.toml`."""
    size = f"{cell['frames']} × {cell['clips']}"
    if table["number"] == 2:
        return 2, "r2d26" if cell["pattern"] == "0:1" else cell["expensive"], size
    row = "all expensive, average" if table["aggregator"] == "average" else cell["pattern"]
    return table["number"], row, cell["expensive"] if table["number"] == 6 else size


def _own_point(cell: Mapping[str, Any]) -> PublishedPoint:
    """A row of Table 7 that is the paper's own."""
    name = cell["row"].split(",")[0]
    top1 = _numbers()[7, name, f"{cell['frames']} × {cell['clips']}"].top1
    return PublishedPoint(name=name, top1=top1, gmacs_per_clip=cell["gflops"], clips=cell["clips"], imagenet=False)


@cache
def _read(name: str) -> dict[str, Any]:
    """A file of the package."""
    return tomllib.loads(files("faster_video").joinpath(name).read_text(encoding="utf-8"))
