"""The cells of every table and figure: which settings they are, and which of the paper's numbers stand beside them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faster_video.config import BackboneConfig, ClipConfig, Recipe
from faster_video.errors import ConfigError
from faster_video.recipes import faster16, faster32, motion
from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.experiments import EXPERIMENTS, make_experiment, with_splits
from faster_video.reproduce.folder import canonical
from faster_video.reproduce.names import EXPERIMENT_NAMES

OF_SIZES = [name for name in EXPERIMENT_NAMES if name != "table8"]


def sized(num_clips: int, frames_per_clip: int = 8) -> Recipe:
    return replace(motion(), clips=ClipConfig(num_clips=num_clips, frames_per_clip=frames_per_clip))


def grid(experiment: Experiment) -> dict[tuple[str, str], Cell]:
    cells = {(cell.row, cell.column): cell for cell in experiment.cells}
    assert len(cells) == len(experiment.cells)  # no place is taken twice
    return cells


def printed(experiment: Experiment) -> dict[tuple[str, str], tuple[float | None, float | None]]:
    return {place: (cell.paper_top1, cell.paper_gmacs) for place, cell in grid(experiment).items()}


def test_there_is_one_of_every_name() -> None:
    assert tuple(EXPERIMENTS) == EXPERIMENT_NAMES
    assert all(make_experiment(name, faster16()).name == name for name in EXPERIMENT_NAMES)


@given(st.integers(2, 64), st.sampled_from(OF_SIZES))
def test_every_cell_keeps_to_the_frames_of_the_recipe(halves: int, name: str) -> None:
    budget = 16 * halves
    try:
        experiment = make_experiment(name, sized(budget // 8))
    except ConfigError as error:
        assert name == "figure4" and "16 and of 32 frames" in str(error) and budget < 32
        return
    grows = name in ("table3", "figure3")
    for cell in grid(experiment).values():
        clips, pattern = cell.setting.clips, cell.setting.model.pattern
        seen = clips.num_clips * clips.frames_per_clip
        assert (seen <= budget and clips.frames_per_clip == 8) if grows else seen == budget
        assert clips.num_clips >= 2 and clips.frames_per_clip in (8, 16, 32)
        if pattern not in ("first", "0:1") and name != "figure4":  # FASTER16 is 1:7 at any N
            assert sum(map(int, pattern.split(":"))) <= clips.num_clips
    assert all(cell.setting.model.cheap == motion().model.cheap for cell in experiment.cells)


def test_table2_has_each_network_alone_and_the_papers_cost_per_clip() -> None:
    experiment = make_experiment("table2", faster16())
    assert printed(experiment) == {
        ("r2d26", "8 × 32"): (63.3, 3.2),
        ("r2d26", "16 × 16"): (65.5, 6.0),
        ("r2d26", "32 × 8"): (66.7, 12.7),
        ("r2plus1d50", "8 × 32"): (70.1, 30.0),
        ("r2plus1d50", "16 × 16"): (72.3, 60.0),
        ("r2plus1d50", "32 × 8"): (74.5, 119.9),
    }
    models = {cell.row: (cell.setting.model.aggregator, cell.setting.model.pattern) for cell in experiment.cells}
    assert models == {"r2d26": ("average", "0:1"), "r2plus1d50": ("average", "1:0")}


def test_table3_has_every_aggregator_over_n_with_only_the_first_clip_expensive() -> None:
    cells = grid(make_experiment("table3", faster16()))
    assert [column for row, column in cells if row == "gru"] == ["2", "4", "8", "16", "32"]
    assert {cell.setting.model.pattern for cell in cells.values()} == {"first"}
    assert all((cell.row, cell.paper_gmacs) == (cell.setting.model.aggregator, None) for cell in cells.values())
    assert cells["fast_gru", "16"].paper_top1 == 67.4 and cells["concat", "32"].paper_top1 == 58.2
    small = grid(make_experiment("table3", motion()))
    assert {column for _, column in small} == {"2", "4", "8"}
    assert small["average", "4"].paper_top1 == 63.9  # the paper's pattern, L and N, whatever else the recipe sees


def test_table4_has_every_pattern_that_n_allows_between_the_averages() -> None:
    experiment = make_experiment("table4", faster16())
    cells = grid(experiment)
    assert list(dict.fromkeys(cell.row for cell in experiment.cells)) == [
        "all cheap, average",
        "all expensive, average",
        *(f"1:{cheap}" for cheap in (0, 1, 3, 7, 15, 31)),
    ]
    assert [column for row, column in cells if row == "1:15"] == ["8 × 32", "16 × 16"]
    assert [column for row, column in cells if row == "1:31"] == ["8 × 32"]
    assert (cells["1:7", "16 × 16"].paper_top1, cells["1:7", "16 × 16"].paper_gmacs) == (71.7, 230.4)
    expensive = cells["all expensive, average", "8 × 32"]
    assert (expensive.paper_top1, expensive.paper_gmacs) == (70.1, 960.0)  # Table 2 prints 30.0 per clip
    assert cells["all cheap, average", "16 × 16"].paper_gmacs is None  # a misprint there
    assert expensive.setting.model.pattern == "1:0" and expensive.setting.model.aggregator == "average"


def test_table5_takes_the_longest_clips() -> None:
    assert printed(make_experiment("table5", faster32())) == {
        ("all cheap, average", "32 × 8"): (66.7, 101.3),
        ("all expensive, average", "32 × 8"): (74.5, 959.3),
        ("1:1", "32 × 8"): (74.6, 550.4),
        ("1:3", "32 × 8"): (None, None),
    }
    assert {cell.column for cell in make_experiment("table5", faster32(), frames=[8, 16]).cells} == {"16 × 16"}


def test_table6_compares_two_expensive_networks_of_the_recipes_width() -> None:
    cells = grid(make_experiment("table6", motion()))
    assert list(cells) == [
        (row, name) for row in ("all expensive, average", "1:1") for name in ("r2plus1d50", "r3d50")
    ]  # two clips of 32 frames: no 1:3
    assert all(
        cell.setting.model.expensive == BackboneConfig(name=column, width=0.1875) for (_, column), cell in cells.items()
    )
    assert not any(cell.paper_top1 for cell in cells.values())
    assert printed(make_experiment("table6", faster16()))["1:3", "r3d50"] == (73.9, 331.9)


def test_table8_judges_the_bundles_own_setting_on_each_split_and_on_all() -> None:
    table8 = make_experiment("table8", faster32())
    assert printed(with_splits(table8, "ucf101", (3, 1))) == {
        (row, column): (None, None)  # the paper's mean is of three splits
        for row in ("all expensive, average", "1:1")
        for column in ("split 3", "split 1", "ucf101")
    }
    paper = printed(with_splits(table8, "ucf101", (3, 1, 2)))
    assert {place: numbers for place, numbers in paper.items() if any(numbers)} == {("1:1", "ucf101"): (96.9, None)}
    other_size = with_splits(make_experiment("table8", motion()), "ucf101", (1, 2, 3))
    assert not any(cell.paper_top1 for cell in other_size.cells)


def test_figure3_shares_its_settings_with_tables_3_and_4() -> None:
    table3 = {cell.setting for cell in make_experiment("table3", motion()).cells}
    cells = grid(make_experiment("figure3", motion()))
    assert {cell.setting for (row, _), cell in cells.items() if row == "first"} <= table3
    assert [row for row, column in cells if column == "8"] == ["all cheap, average", "all expensive, average", "first"]
    paper = printed(make_experiment("figure3", faster16()))
    assert paper["first", "32"][0] == 67.2 and paper["all cheap, average", "32"][0] == 63.3
    assert paper["all cheap, average", "32"][1] == pytest.approx(102.4)
    table4 = {canonical(cell.setting) for cell in make_experiment("table4", faster16()).cells}
    first = grid(make_experiment("table3", faster16()))["fast_gru", "32"]
    assert first.setting in table4  # 1:31 of 32 clips has the first one expensive


def test_figure4_has_the_named_settings() -> None:
    paper = printed(make_experiment("figure4", faster16()))
    assert paper["FASTER16", "16 × 16"][0] == 71.7 and paper["FASTER32", "32 × 8"][0] == 75.3
    assert ("FASTER16", "32 × 8") not in paper and len(paper) == 6
    cells = grid(make_experiment("figure4", motion()))
    assert {row: cell.setting.model.pattern for (row, _), cell in cells.items() if "FASTER" in row} == {
        "FASTER16": "1:7",
        "FASTER32": "1:1",
    }


FEATURES = BackboneConfig(name="features", channels=8)


@pytest.mark.parametrize(
    ("name", "recipe", "frames", "sentence"),
    [
        ("table7", motion(), None, "unknown experiment 'table7'; choose one of figure3, "),
        ("table2", motion(), [24], "--frames is 24; the paper's clips have 8, 16, 32 frames"),
        ("table2", sized(6), [8, 32], "--frames is 32; the 48 frames that the recipe sees of a video .* must be two"),
        ("table2", sized(1, 8), None, "the recipe sees 8 frames of a video .* need at least 16"),
        ("figure4", sized(2), None, "figure4 compares clips of 16 and of 32 frames"),
        ("figure4", motion(), [8], "figure4 compares clips of 16 and of 32 frames"),
        ("table8", motion(), [8], "--frames is for the other experiments"),
        ("table3", motion(), [8], "--frames is for the other experiments; table3 takes N clips of 8 frames"),
        ("figure3", motion(), [16], "--frames is for the other experiments; figure3 takes"),
        ("table4", motion(), [], "--frames names no clip length; choose some of 8, 16, 32"),
        (
            "table8",
            replace(motion(), model=replace(motion().model, aggregator="average")),
            None,
            "the bundle in --start has the aggregator average",
        ),
        (
            "table3",
            replace(motion(), model=replace(motion().model, expensive=FEATURES, cheap=FEATURES)),
            None,
            "model.expensive and model.cheap are features",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(name: str, recipe: Recipe, frames: list[int] | None, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make_experiment(name, recipe, frames=frames)
