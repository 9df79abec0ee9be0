"""The paper's numbers: where they stand, and that they are those of the copy made beside the paper's text."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from faster_video.reproduce.published import paper_number, paper_places, published_points, published_transfers

COPY = "FASTER_VIDEO_PAPER_TABLES"
"""Names a file with the paper's tables copied independently."""
SIZES = ("8 × 32", "16 × 16", "32 × 8")


@pytest.fixture(scope="module")
def copied() -> dict[str, Any]:
    beside = Path(__file__).parents[3] / "shared" / "paper" / "tables.toml"
    path = Path(os.environ.get(COPY, beside))
    if not path.is_file():
        pytest.skip(f"no independent copy of the paper's tables here; {COPY} can name one")
    return tomllib.loads(path.read_text("utf-8"))


def top1_of(table: int, row: str, column: str) -> float:
    number = paper_number(table, row, column)
    assert number is not None
    return number.top1


def gmacs_of(table: int, row: str, column: str) -> float | None:
    number = paper_number(table, row, column)
    assert number is not None
    return number.gmacs


def test_table2_is_the_copy(copied: dict[str, Any]) -> None:
    assert len(copied["table2"]) == 6
    for cell in copied["table2"]:
        column = f"{cell['frames']} × {cell['clips']}"
        assert top1_of(2, cell["model"], column) == cell["top1"]
        assert gmacs_of(2, cell["model"], column) == cell["gflops_per_clip"]


def test_table3_is_the_copy(copied: dict[str, Any]) -> None:
    rows = {row: values for row, values in copied["table3"].items() if row != "clips"}
    assert paper_places(3) == (["average", "concat", "lstm", "gru", "fast_gru"], ["2", "4", "8", "16", "32"])
    for row, values in rows.items():
        assert [top1_of(3, row, str(clips)) for clips in copied["table3"]["clips"]] == values
        assert gmacs_of(3, row, "2") is None


def test_table4_is_the_copy(copied: dict[str, Any]) -> None:
    for column in copied["table4"]:
        size = f"{column['frames']} × {column['clips']}"
        rows = [f"1:{cheap}" for cheap in column["cheap"]]
        assert [top1_of(4, row, size) for row in rows] == column["top1"]
        assert [gmacs_of(4, row, size) for row in rows] == column["gflops"]


def test_table5_is_the_copy(copied: dict[str, Any]) -> None:
    table = copied["table5"]
    for row, seconds, gflops, top1 in zip(
        ("all cheap, average", "all expensive, average", "1:1"),
        table["seconds"],
        table["gflops"],
        table["top1"],
        strict=True,
    ):
        number = paper_number(5, row, "32 × 8")
        assert number is not None and (number.seconds, number.gmacs, number.top1) == (seconds, gflops, top1)


def test_table6_is_the_copy(copied: dict[str, Any]) -> None:
    for backbone in ("r2plus1d50", "r3d50"):
        rows = ("all expensive, average", "1:1", "1:3")
        assert [top1_of(6, row, backbone) for row in rows] == copied["table6"][f"{backbone}_top1"]
        assert [gmacs_of(6, row, backbone) for row in rows] == copied["table6"][f"{backbone}_gflops"]


def test_table7_is_the_copy(copied: dict[str, Any]) -> None:
    table = copied["table7"]
    own = {point.name: point for point in published_points() if point.is_faster}
    assert list(own) == table["model"] and top1_of(7, "FASTER16", "16 × 16") == table["top1"][0]
    for name, top1, gflops, clips in zip(
        *(table[key] for key in ("model", "top1", "gflops_per_clip", "clips")), strict=True
    ):
        assert (own[name].top1, own[name].gmacs_per_clip, own[name].clips) == (top1, gflops, clips)
    others = [
        [point.name, point.top1, point.imagenet, point.gmacs_per_clip, point.clips]
        for point in published_points()
        if not point.is_faster
    ]
    assert others == [row for row in copied["table7_others"]["rows"] if row[3] and row[4]]


def test_table8_is_the_copy(copied: dict[str, Any]) -> None:
    assert {name: top1_of(8, "1:1", name) for name in ("ucf101", "hmdb51")} == copied["table8"]
    others = [
        [other.name, other.pretraining.lower().replace(", ", "+"), other.ucf101, other.hmdb51]
        for other in published_transfers()
    ]
    assert others == copied["table8_others"]["rows"]


def test_costs_of_table7_are_per_video() -> None:
    assert gmacs_of(7, "FASTER16", "16 × 16") == 230.4  # Table 4; 16 × 14.4
    assert gmacs_of(7, "FASTER32", "32 × 8") == 542.1  # Table 6; 8 × 67.7 is 541.6


def test_misprint_is_named_and_nothing_else_is() -> None:
    misprints = [
        (table, row, column)
        for table in (2, 3, 4, 5, 6, 7, 8)
        for row in paper_places(table)[0]
        for column in paper_places(table)[1]
        if (number := paper_number(table, row, column)) and number.misprint
    ]
    assert misprints == [(2, "r2d26", "16 × 16")]


@pytest.mark.parametrize(
    "place",
    [
        (1, "1:0", "8 × 32"),
        (4, "1:31", "16 × 16"),
        (4, "1:15", "32 × 8"),
        (5, "1:3", "32 × 8"),
        (7, "FASTER32", "16 × 16"),
    ],
)
def test_nothing_is_told_where_the_paper_prints_nothing(place: tuple[int, str, str]) -> None:
    assert paper_number(*place) is None


def test_every_cell_of_tables_with_costs_has_one() -> None:
    for table in (2, 4, 5, 6):
        rows, columns = paper_places(table)
        numbers = [number for row in rows for column in columns if (number := paper_number(table, row, column))]
        assert numbers and all(number.gmacs for number in numbers)
    assert paper_places(9) == ([], [])


def test_points_without_clips_or_cost_are_left_out() -> None:
    names = [point.name for point in published_points()]
    assert not {"S3D", "S3D-G", "STC", "ECO"} & set(names)
    assert names.count("I3D") == 2  # with and without ImageNet
    assert next(point.gmacs for point in published_points()) == 432  # I3D, as the paper's text says
