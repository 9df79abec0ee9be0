"""The paper's numbers: where they stand, and that they are those of the copy made beside the paper's text."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from faster_video.reproduce.published import (
    figure3_number,
    paper_number,
    paper_places,
    published_points,
    published_transfers,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "paper_tables.toml"
"""The paper's tables, copied independently."""
BESIDE = Path(__file__).parents[3] / "shared" / "paper" / "tables.toml"
"""Where that copy was made, beside the paper's text."""


@pytest.fixture(scope="module")
def copied() -> dict[str, Any]:
    return tomllib.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.skipif(not BESIDE.is_file(), reason="the paper's text is not here")
def test_copy_is_the_one_beside_the_paper(copied: dict[str, Any]) -> None:
    beside = tomllib.loads(BESIDE.read_text("utf-8"))
    assert {name: table for name, table in copied.items() if name in beside} == beside


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


def test_figure3_has_the_points_of_text_and_tables(copied: dict[str, Any]) -> None:
    text = copied["figure3"]
    point = figure3_number("all expensive, average", str(text["clips"]))
    assert point is not None and (point.top1, point.gmacs) == (text["top1"], text["gflops"])
    learned = [figure3_number("first", column) for column in paper_places(3)[1]]
    assert [number and number.top1 for number in learned] == copied["table3"]["fast_gru"]
    assert [number and number.gmacs for number in learned] == [None, None, None, None, 150.4]  # Table 4's 1:31
    cheap, expensive = (figure3_number(row, "32") for row in ("all cheap, average", "all expensive, average"))
    assert cheap is not None and cheap.top1 == 63.3 and cheap.gmacs == pytest.approx(102.4)
    assert expensive is not None and (expensive.top1, expensive.gmacs) == (70.1, 960)
    assert figure3_number("all cheap, average", "4") is None


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
