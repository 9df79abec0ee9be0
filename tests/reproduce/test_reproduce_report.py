"""The report of an experiment: what is written can be computed again from the CSV, and says what is missing."""

import csv
import re
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from report_samples import experiment_of, invented_results, invented_timings, paper_sized_recipe
from rich.console import Console

from faster_video.config import BackboneConfig, ClipConfig
from faster_video.errors import FasterVideoError
from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.comparisons import claims, difference, difference_text, pair_name, points, verdict
from faster_video.reproduce.drawing import spread
from faster_video.reproduce.experiments import make_experiment
from faster_video.reproduce.names import EXPERIMENT_NAMES
from faster_video.reproduce.pictures import draw
from faster_video.reproduce.report import markdown, printed_table, write_report
from faster_video.reproduce.results import CellResult, Difference, SeedResult
from faster_video.reproduce.tables import written_gmacs

GOLDEN = """\
# Table 3: Aggregators over N clips of 8 frames, the first one expensive

![Aggregators over N clips of 8 frames, the first one expensive](table3.png)

## Top-1 in per cent

| aggregator \\ clips | N = 16 | N = 32 |
|---|---:|---:|
| gru | 62.5 ± 17.7 (paper 66.1) | not yet (paper 65.8) |
| fast_gru | 87.5 ± 17.7 (paper 67.4) | 62.5 ± 17.7 (paper 67.2) |

**Unfinished:** 1 of 4 cells without a result yet. Top-1 on 4 test videos, mean over 2 \
seeds ± standard deviation between them. Over other test videos the 95 % interval of a cell is at most ± 46.9 points \
wide. Naming any of the 5 labels would be right in 20.0 % of cases. The paper's numbers are of Kinetics-400 (400 \
labels, about 240,000 training videos, 224 px, networks at full width). Ours are of the list given, at 48 px, with \
networks of width 0.125 and another training: of other videos, levels cannot be compared; directions and ratios can.

## GMACs per video

| aggregator \\ clips | N = 16 | N = 32 |
|---|---:|---:|
| gru | 0.250 | not yet |
| fast_gru | 0.500 | 123.5 |

## Differences

The paper: FAST-GRU is the best for long sequences; with few clips all that learn are alike.

| difference | here |  | cost | paper |
|---|---:|---:|---:|---:|
| fast_gru − gru, N = 16 | +25.0 points (± 28.3 over videos, ± 0.0 over seeds +25.0, +25.0) | not clear | 200 % | +1.3 |

In points of top-1. *Clear*: every seed has the same sign, and neither 95 % interval holds zero, that over videos \
(taken video by video) nor that over seeds (Student's t); never with one seed or fewer than 30 videos. Of many \
differences a few are clear by chance. *Cost*: GMACs of the first as a share of the second's.

## The paper's own table

|  | 2 | 4 | 8 | 16 | 32 |
|---|---:|---:|---:|---:|---:|
| average | 60.7 | 63.9 | 64.2 | 64.0 | 63.8 |
| concat | 61.6 | 65.9 | 66.3 | 62.3 | 58.2 |
| lstm | 61.3 | 66.2 | 66.3 | 66.3 | 64.7 |
| gru | 61.1 | 65.6 | 66.5 | 66.1 | 65.8 |
| fast_gru | 61.1 | 65.6 | 67.2 | 67.4 | 67.2 |

Top-1 in per cent.

One row per cell and seed, with all settings: [table3.csv](table3.csv).
"""


def seed_of(correct: str, *, seed: int = 0, gmacs: float = 1.0) -> SeedResult:
    right = tuple(letter == "y" for letter in correct)
    return SeedResult(seed=seed, correct=right, per_class_mean=0.5, gmacs_per_video=gmacs, stage2_seconds=1.0)


def result_of(*seeds: str, gmacs: float = 1.0) -> CellResult:
    return CellResult(seeds=tuple(seed_of(one, seed=number, gmacs=gmacs) for number, one in enumerate(seeds)))


def small_table3() -> Experiment:
    whole = experiment_of("table3")
    wanted = {("gru", "16"), ("gru", "32"), ("fast_gru", "16"), ("fast_gru", "32")}
    return replace(whole, cells=tuple(cell for cell in whole.cells if (cell.row, cell.column) in wanted))


def at(experiment: Experiment, row: str, column: str) -> Cell:
    return next(cell for cell in experiment.cells if (cell.row, cell.column) == (row, column))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_back(experiment: Experiment, rows: list[dict[str, str]]) -> dict[Cell, CellResult]:
    """The results as the CSV alone tells them."""
    found = {}
    for cell in experiment.cells:
        seeds = tuple(
            SeedResult(
                seed=int(row["seed"]),
                correct=tuple(letter == "y" for letter in row["correct"]),
                per_class_mean=float(row["per_class_mean"]) / 100,
                gmacs_per_video=float(row["gmacs"]),
                stage2_seconds=float(row["stage2_seconds"]),
            )
            for row in rows
            if (row["row"], row["column"]) == (cell.row, cell.column)
        )
        if seeds:
            found[cell] = CellResult(seeds=seeds)
    return found


def test_golden_page_of_an_unfinished_table() -> None:
    experiment = small_table3()
    results = {
        at(experiment, "gru", "16"): result_of("ynny", "yyyn", gmacs=0.25),
        at(experiment, "fast_gru", "16"): result_of("yyny", "yyyy", gmacs=0.5),
        at(experiment, "fast_gru", "32"): result_of("nyyn", "yyyn", gmacs=123.456),
    }
    assert markdown(experiment, results, num_classes=5) == GOLDEN


@pytest.mark.parametrize("name", EXPERIMENT_NAMES)
def test_three_files_are_written_and_the_csv_gives_the_page(name: str, tmp_path: Path) -> None:
    experiment = experiment_of(name)
    results = invented_results(experiment, videos=120)
    seconds = invented_timings(experiment, results) if name == "table5" else None
    files = write_report(experiment, results, tmp_path / "new" / "out", num_classes=12, seconds=seconds)
    assert [file.name for file in files] == [f"{name}.csv", f"{name}.md", f"{name}.png"]
    assert sorted(files[0].parent.iterdir()) == sorted(files)
    rows = rows_of(files[0])
    assert len(rows) == 3 * len(experiment.cells)
    page = files[1].read_text("utf-8")
    assert page == markdown(
        experiment, read_back(experiment, rows), num_classes=int(rows[0]["labels"]), seconds=seconds
    )
    assert "Unfinished" not in page and ("## Wall time" in page) == (name == "table5")
    for row in rows:
        cell = at(experiment, row["row"], row["column"])
        assert float(row["top1"]) == pytest.approx(100 * row["correct"].count("y") / len(row["correct"]))
        assert (row["aggregator"], row["pattern"]) == (cell.setting.model.aggregator, cell.setting.model.pattern)
        assert (int(row["num_clips"]), int(row["videos"])) == (cell.setting.clips.num_clips, 120)
        assert row["paper_top1"] == ("" if cell.paper_top1 is None else str(cell.paper_top1))
    height, width, _ = matplotlib.image.imread(files[2]).shape
    assert 400 <= height <= 900 and 1000 <= width <= 2000


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_page_can_be_computed_again_from_any_csv(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    experiment = small_table3()
    num_videos, num_seeds = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 3))
    column = st.lists(st.text("yn", min_size=num_videos, max_size=num_videos), min_size=num_seeds, max_size=num_seeds)
    cells = data.draw(st.sets(st.sampled_from(experiment.cells), min_size=1))
    gmacs = st.floats(1e-6, 1e4)
    results = {
        cell: result_of(*data.draw(column), gmacs=data.draw(gmacs)) for cell in experiment.cells if cell in cells
    }
    table, *_ = write_report(experiment, results, tmp_path_factory.mktemp("out"))
    rows = rows_of(table)
    assert read_back(experiment, rows) == results
    assert markdown(experiment, read_back(experiment, rows)) == markdown(experiment, results)


@given(of_seeds=st.lists(st.integers(-1000, 1000), min_size=2, max_size=4), half=st.integers(0, 1000))
def test_difference_text_tells_its_numbers(of_seeds: list[int], half: int) -> None:
    found = Difference(of_seeds=tuple(value / 1000 for value in of_seeds), half_interval=half / 1000, videos=100)
    pattern = r"(\S+) points \(± (\S+) over videos, ± (\S+) over seeds (.*)\)"
    match = re.fullmatch(pattern, difference_text(found))
    assert match is not None
    mean, over_videos, over_seeds, seeds = match.groups()
    assert float(mean.replace("−", "-")) == pytest.approx(100 * found.mean, abs=0.0501)
    assert float(over_videos) == pytest.approx(100 * found.half_interval, abs=0.0501)
    assert float(over_seeds) == pytest.approx(100 * found.half_interval_of_seeds, abs=0.0501)
    assert [float(value.replace("−", "-")) for value in seeds.split(", ")] == [value / 10 for value in of_seeds]


def test_difference_of_one_seed_has_no_interval_over_seeds_and_is_never_clear() -> None:
    found = Difference(of_seeds=(0.5,), half_interval=0.01, videos=1000)
    assert (difference_text(found), verdict(found)) == ("+50.0 points (± 1.0 over videos)", "one seed")
    assert verdict(replace(found, of_seeds=(0.5, 0.5))) == "clear"
    assert verdict(replace(found, of_seeds=(0.5, -0.5))) == "not clear"


@pytest.mark.parametrize(
    "share, text", [(0.0123, "+1.2"), (-0.0123, "−1.2"), (0.0, "0.0"), (-0.0001, "0.0"), (0.0001, "0.0")]
)
def test_points_have_their_sign_and_zero_has_none(share: float, text: str) -> None:
    assert points(share) == text


def pairs_of(name: str) -> list[list[str]]:
    return [[pair_name(pair) for pair in claim.pairs] for claim in claims(experiment_of(name))]


def test_claims_of_table3() -> None:
    best, saturating, falling = pairs_of("table3")
    assert len(best) == 20 and best[0] == "fast_gru − average, N = 2" and best[-1] == "fast_gru − gru, N = 32"
    assert saturating == ["average: N = 32 − N = 16"]
    assert falling == ["concat: N = 8 − N = 16", "concat: N = 8 − N = 32"]
    short = make_experiment("table3", replace(paper_sized_recipe(), clips=ClipConfig(num_clips=8, frames_per_clip=8)))
    assert len(claims(short)) == 1  # nothing is told of more than 8 clips


def test_claims_of_table4() -> None:
    sizes = ("8 × 32", "16 × 16", "32 × 8")
    found = pairs_of("table4")
    assert found[:2] == [[f"1:{cheap} − all expensive, average, {size}" for size in sizes] for cheap in (1, 3)]
    assert found[2:] == [
        [f"1:0 − all expensive, average, {size}" for size in sizes],
        [f"all expensive, average − all cheap, average, {size}" for size in sizes],
    ]


def test_claims_of_the_other_tables() -> None:
    assert pairs_of("table2")[1] == [
        f"{network}: {pair}" for network in ("r2d26", "r2plus1d50") for pair in ("16 × 16 − 8 × 32", "32 × 8 − 16 × 16")
    ]
    assert pairs_of("table5") == [["1:1 − all expensive, average, 32 × 8"]]
    assert pairs_of("table6")[0][0] == "all expensive, average: r3d50 − r2plus1d50"
    assert pairs_of("table6")[1] == [
        f"1:{cheap} − all expensive, average, {network}" for cheap in (1, 3) for network in ("r2plus1d50", "r3d50")
    ]
    assert pairs_of("table8") == [
        [f"1:1 − all expensive, average, {column}" for column in ("split 1", "split 2", "split 3", "ucf101")]
    ]
    assert pairs_of("figure3")[1] == [
        f"first, N = {2 * clips} − all expensive, average, N = {clips}" for clips in (2, 4, 8, 16)
    ]
    assert pairs_of("figure4") == [
        ["FASTER16 − all expensive, average, 16 × 16", "FASTER32 − all expensive, average, 32 × 8"]
    ]


def test_difference_needs_both_results() -> None:
    experiment = small_table3()
    pair = (at(experiment, "fast_gru", "16"), at(experiment, "gru", "16"))
    found = difference(pair, {pair[0]: result_of("yyyy", "ynnn"), pair[1]: result_of("nnnn", "yynn")})
    assert found is not None and (found.of_seeds, found.videos) == ((1.0, -0.25), 4)
    assert difference(pair, {pair[0]: result_of("yyyy")}) is difference(pair, {pair[1]: result_of("yyyy")}) is None


def test_table2_stands_per_clip_and_names_the_misprint(tmp_path: Path) -> None:
    experiment = experiment_of("table2")
    results = {cell: result_of("yn", gmacs=32.0) for cell in experiment.cells}
    page = markdown(experiment, results)
    assert "## GMACs per clip" in page
    assert "| r2d26 | 1.00 (paper 3.2) | 2.00 (paper 6.0) | 4.00 (paper 12.7) |" in page
    assert "The paper's 6.0 per clip of R2D-26 at 16 frames is a misprint: the paper's own Table 4 implies 6.4." in page
    rows = rows_of(write_report(experiment, results, tmp_path)[0])
    assert [row["paper_gmacs"] for row in rows[:3]] == ["102.4", "", "101.6"]  # per video, as `gmacs` is
    assert "misprint" not in markdown(experiment_of("table6"), {})


def test_shares_are_of_all_clips_expensive() -> None:
    experiment = experiment_of("table4")
    results = {cell: result_of("yn", gmacs=2.0 if cell.row == "1:3" else 8.0) for cell in experiment.cells}
    page = markdown(experiment, results)
    assert "| 1:3 | 2.00, 25 % (paper 339.2, 35 %) | 2.00, 25 % (paper 337.6, 35 %) |" in page
    assert "| 1:31 | 8.00, 100 % (paper 150.4, 16 %) |  |  |" in page  # no such pattern of 16 or 8 clips


def test_wall_time_stands_beside_the_share_of_gmacs() -> None:
    experiment = experiment_of("table5")
    results = {cell: result_of("yn", gmacs={"1:1": 3.0, "1:3": 2.0}.get(cell.row, 6.0)) for cell in experiment.cells}
    timings = invented_timings(experiment, results)
    page = markdown(experiment, results, seconds=timings)
    # all expensive: 250 s in the networks and 20 beside them; 1:1: 130 and 20.
    assert "| 1:1 | 150 (149 – 151) | 56 % | 130 (126 – 133) | 52 % | 50 % | 35.3, 47 % |" in page
    assert "Median of 3 rounds (fastest – slowest) over 100 videos" in page


def test_paper_table_is_shown_where_one_of_its_rows_is_not_ours() -> None:
    recipe = replace(paper_sized_recipe(), clips=ClipConfig(num_clips=8, frames_per_clip=8))
    page = markdown(make_experiment("table4", recipe), {})
    assert "## The paper's own table" in page and "| 1:31 | 67.2, 150.4 |  |  |" in page
    assert "Kinetics-400" in page
    assert "## The paper's own table" not in markdown(experiment_of("table4"), {})


def with_r3d(name: str) -> Experiment:
    recipe = paper_sized_recipe()
    return make_experiment(
        name, replace(recipe, model=replace(recipe.model, expensive=BackboneConfig(name="r3d50", width=0.125)))
    )


def test_other_networks_than_the_papers_are_named() -> None:
    said = "The paper's expensive network is r2plus1d50, ours r3d50."
    assert said in markdown(with_r3d("table4"), {}) and said not in markdown(experiment_of("table4"), {})
    assert "network is" not in markdown(with_r3d("table6"), {})
    page = markdown(with_r3d("table2"), {})
    assert page.count(said) == 1 and "| r3d50 | not yet | not yet | not yet |" in page
    assert "## The paper's own table" in page and "| r2plus1d50 | 70.1, 30.0 | 72.3, 60.0 | 74.5, 119.9 |" in page
    assert "65.5, 6.0 (a misprint)" in page and "Top-1 in per cent and GMACs per clip." in page


def test_figure4_sets_the_paper_own_average_of_r3d_beside_faster32() -> None:
    experiment = experiment_of("figure4")
    page = markdown(experiment, {cell: result_of("yn", gmacs=2.0) for cell in experiment.cells})
    (line,) = re.findall(r".*FASTER32 − all expensive, average, 32 × 8.*", page)
    assert line.endswith("| +0.9 |")
    assert "(paper 542.1, 58 %)" in page and "r2plus1d50 (at 32 × 8: r3d50)" in page


def test_figure3_has_the_paper_numbers_of_text_and_table4() -> None:
    experiment = experiment_of("figure3")
    results = {cell: result_of("yn", gmacs=2.0) for cell in experiment.cells}
    page = markdown(experiment, results)
    assert "(paper 67.1)" in page and "(paper 119.0, 100 %)" in page and "(paper 150.4, 16 %)" in page
    (line,) = re.findall(r".*first, N = 8 − all expensive, average, N = 4 .*", page)
    assert line.endswith("| +0.1 |")
    theirs = draw(experiment, results).axes[1]
    handles, names = theirs.get_legend_handles_labels()
    drawn = {name: handle.lines[0].get_xydata() for handle, name in zip(handles, names, strict=True)}  # type: ignore[attr-defined]
    assert np.allclose(drawn["all expensive,\naverage"], [(119, 67.1), (960, 70.1)])
    assert np.allclose(drawn["FAST-GRU,\nfirst"][-1], (150.4, 67.2)) and len(drawn["FAST-GRU,\nfirst"]) == 5


@pytest.mark.parametrize("name", EXPERIMENT_NAMES)
def test_shares_are_explained_only_where_there_are_some(name: str) -> None:
    experiment = experiment_of(name)
    told = name not in ("table2", "table3")
    assert ("In per cent: of the average" in markdown(experiment, {})) == told
    assert ("share of all clips expensive" in " ".join(printed(experiment, {}, width=300).split())) == told


@pytest.mark.parametrize(
    "gmacs, text", [(0.25, "0.250"), (99.4, "99.4"), (99.97, "100.0"), (100.0, "100.0"), (123.456, "123.5")]
)
def test_written_gmacs_end_in_a_digit(gmacs: float, text: str) -> None:
    assert written_gmacs(gmacs) == text


def printed(experiment: Experiment, results: dict[Cell, CellResult], width: int = 120) -> str:
    stream = StringIO()
    Console(file=stream, width=width).print(printed_table(experiment, results))
    return stream.getvalue()


@pytest.mark.parametrize("name", EXPERIMENT_NAMES)
def test_terminal_table_has_every_accuracy(name: str) -> None:
    experiment = experiment_of(name)
    results = invented_results(experiment, videos=50)
    text = printed(experiment, results)
    for result in results.values():
        assert f"{100 * result.top1:.1f} ± {100 * result.spread:.1f}" in text
    for cell in experiment.cells:
        assert cell.paper_top1 is None or f"paper {cell.paper_top1:.1f}" in text
    assert "not yet" in printed(experiment, {})


def labels_of(figure: Figure, panel: int) -> set[str]:
    return set(figure.axes[panel].get_legend_handles_labels()[1])


def test_table3_picture_has_a_line_per_aggregator_in_both_panels() -> None:
    experiment = experiment_of("table3")
    results = invented_results(experiment, videos=50)
    figure = draw(experiment, results)
    aggregators = {"average", "concat", "lstm", "gru", "fast_gru"}
    assert labels_of(figure, 0) == labels_of(figure, 1) == aggregators
    ours, theirs = figure.axes
    assert ours.get_title(loc="left").startswith("here: 50 test videos") and "Kinetics" in theirs.get_title(loc="left")
    drawn = dict(zip(ours.get_legend_handles_labels()[1], ours.get_legend_handles_labels()[0], strict=True))
    heights = drawn["gru"].lines[0].get_ydata()
    assert np.allclose(heights, [100 * results[at(experiment, "gru", n)].top1 for n in ("2", "4", "8", "16", "32")])
    (bars,) = drawn["gru"].lines[2]
    low, high = bars.get_segments()[4][:, 1]
    assert (high - low) / 2 == pytest.approx(100 * results[at(experiment, "gru", "32")].half_interval)


@pytest.mark.parametrize(
    "name, ours, theirs",
    [
        ("table2", {"r2d26", "r2plus1d50"}, {"r2d26", "r2plus1d50"}),
        ("table4", {"8 × 32", "16 × 16", "32 × 8"}, {"8 × 32", "16 × 16", "32 × 8"}),
        ("table6", {"r2plus1d50", "r3d50"}, {"r2plus1d50", "r3d50"}),
        ("table8", {"all expensive,\naverage", "1:1"}, {"UCF-101", "HMDB-51"}),
    ],
)
def test_pictures_have_their_series(name: str, ours: set[str], theirs: set[str]) -> None:
    experiment = experiment_of(name)
    figure = draw(experiment, invented_results(experiment, videos=50))
    assert (labels_of(figure, 0), labels_of(figure, 1)) == (ours, theirs)


def test_table5_picture_sets_wall_time_beside_gmacs() -> None:
    experiment = experiment_of("table5")
    results = invented_results(experiment, videos=50)
    assert labels_of(draw(experiment, results), 0) == {"GMACs"}
    cheap, usual, *_ = experiment.cells
    timings = invented_timings(experiment, results)
    figure = draw(experiment, results, timings)
    shares = [
        results[cheap].gmacs_per_video / results[usual].gmacs_per_video,
        timings[cheap.row].median / timings[usual.row].median,
        timings[cheap.row].network_median / timings[usual.row].network_median,
    ]
    assert [group.patches[0].get_width() for group in figure.axes[0].containers] == pytest.approx(  # type: ignore[attr-defined]
        [100 * share for share in shares]
    )
    assert labels_of(figure, 0) == {"GMACs", "wall time", "networks alone"}
    assert labels_of(figure, 1) == {"GMACs", "wall time"}
    written = {text.get_text() for text in figure.axes[1].texts}
    assert {"11 %", "20 %", "57 %", "47 %"} <= written


def test_figures_are_logarithmic_and_label_their_points() -> None:
    third, fourth = (
        draw(experiment, invented_results(experiment, videos=50))
        for experiment in map(experiment_of, ("figure3", "figure4"))
    )
    assert {axes.get_xscale() for axes in (*third.axes, *fourth.axes)} == {"log"}
    written = [text.get_text() for text in third.axes[0].texts]
    assert [written.count(number) for number in ("2", "4", "8", "16", "32")] == [3] * 5
    assert {"16 × 16", "32 × 8"} == {text.get_text() for text in fourth.axes[0].texts}
    assert labels_of(fourth, 0) == {"FASTER16", "FASTER32", "all cheap, average", "all expensive, average"}
    assert {"FASTER16", "FASTER32", "NL I3D-101", "R(2+1)D-34"} <= {text.get_text() for text in fourth.axes[1].texts}


@pytest.mark.parametrize("name", EXPERIMENT_NAMES)
def test_report_of_one_cell_and_one_video_is_written(name: str, tmp_path: Path) -> None:
    experiment = experiment_of(name)
    _, text, picture = write_report(experiment, {experiment.cells[-1]: result_of("y")}, tmp_path)
    assert f"**Unfinished:** {len(experiment.cells) - 1} of {len(experiment.cells)} cells" in text.read_text("utf-8")
    assert picture.stat().st_size > 10_000


def test_full_or_forbidden_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    experiment = small_table3()
    with pytest.raises(FasterVideoError, match=r"table3\.csv: cannot be written \(Not a directory\); make room"):
        write_report(experiment, {}, tmp_path / "file")


@given(heights=st.lists(st.floats(0, 100), min_size=1, max_size=8).map(sorted))
def test_names_are_spread_in_their_order_and_around_their_places(heights: list[float]) -> None:
    places = spread(heights, 5.0)
    assert all(later - earlier >= 5 - 1e-9 for earlier, later in pairwise(places))
    assert sum(places) == pytest.approx(sum(heights), abs=1e-6)
    if all(later - earlier >= 5 for earlier, later in pairwise(heights)):
        assert places == pytest.approx(heights)


def test_interval_of_a_cell_agrees_with_a_bootstrap_over_videos() -> None:
    generator = np.random.default_rng(3)
    hard = generator.uniform(size=300)
    seeds = [0.6 * hard + 0.4 * generator.uniform(size=300) < 0.6 for _ in range(3)]
    other = [0.6 * hard + 0.4 * generator.uniform(size=300) < 0.55 for _ in range(3)]
    mine, theirs = (
        result_of(*("".join("y" if right else "n" for right in seed) for seed in one)) for one in (seeds, other)
    )
    chosen = generator.integers(0, 300, size=(4000, 300))
    for half, shares in (
        (mine.half_interval, np.mean(seeds, axis=0)),
        (mine.minus(theirs).half_interval, np.mean(seeds, axis=0) - np.mean(other, axis=0)),
    ):
        low, high = np.percentile(shares[chosen].mean(axis=1), [2.5, 97.5])
        assert half == pytest.approx((high - low) / 2, rel=0.06)
