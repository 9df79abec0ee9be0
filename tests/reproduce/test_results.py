"""What is said of several seeds: intervals over videos and over seeds, and which differences are called clear."""

from dataclasses import replace
from math import inf, sqrt
from statistics import NormalDist, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faster_video.reproduce.results import FEWEST_VIDEOS, T95, CellResult, Difference, SeedResult

SHARES = st.floats(0.001, 1)
CLEAR = Difference(of_seeds=(0.09, 0.10, 0.11), half_interval=0.05, videos=1000)


def result_of(*seeds: list[bool]) -> CellResult:
    return CellResult(
        seeds=tuple(
            SeedResult(seed=number, correct=tuple(seed), per_class_mean=0.5, gmacs_per_video=1.0, stage2_seconds=0.0)
            for number, seed in enumerate(seeds)
        )
    )


def test_difference_beyond_both_intervals_is_clear() -> None:
    assert CLEAR.is_clear
    assert CLEAR.half_interval_of_seeds == pytest.approx(4.303 * 0.01 / sqrt(3), rel=1e-6)


@given(mean=st.floats(-0.5, 0.5), step=st.floats(0.0, 0.2), half=SHARES)
def test_three_seeds_are_clear_exactly_outside_of_both_intervals(mean: float, step: float, half: float) -> None:
    found = Difference(of_seeds=(mean - step, mean, mean + step), half_interval=half, videos=100)
    over_seeds = 4.303 * step / sqrt(3)
    assert found.half_interval_of_seeds == pytest.approx(over_seeds, abs=1e-12)
    if min(abs(abs(mean) - over_seeds), abs(abs(mean) - half)) > 1e-9:
        assert found.is_clear == (abs(mean) > over_seeds and abs(mean) > half)


@given(of_seeds=st.lists(st.floats(-1, 1), min_size=2, max_size=40), half=SHARES)
def test_no_clear_difference_has_mixed_signs_or_lies_inside_an_interval(of_seeds: list[float], half: float) -> None:
    found = Difference(of_seeds=of_seeds, half_interval=half, videos=100)
    mixed = min(of_seeds) <= 0 <= max(of_seeds)
    inside = abs(found.mean) <= max(half, found.half_interval_of_seeds)
    assert found.is_clear == (not mixed and not inside)
    turned = replace(found, of_seeds=[-value for value in of_seeds])
    assert turned.is_clear == found.is_clear


def test_one_outlier_among_many_seeds_is_not_clear() -> None:
    seeds = (*[0.10] * 30, -0.001)
    found = Difference(of_seeds=seeds, half_interval=0.01, videos=1000)
    assert abs(found.mean) > found.half_interval_of_seeds and not found.is_clear


def test_spread_between_seeds_alone_can_hide_a_difference() -> None:
    apart = replace(CLEAR, of_seeds=(0.01, 0.10, 0.19))  # the same mean, and all of one sign
    assert apart.mean == pytest.approx(CLEAR.mean) and apart.half_interval_of_seeds == pytest.approx(0.2236, abs=1e-4)
    assert not apart.is_clear


@given(value=st.floats(-1, 1), half=st.floats(0, 1), videos=st.integers(1, 10_000))
def test_one_seed_is_never_clear(value: float, half: float, videos: int) -> None:
    found = Difference(of_seeds=(value,), half_interval=half, videos=videos)
    assert found.half_interval_of_seeds == inf and not found.is_clear


def test_few_videos_and_videos_that_differ_alike_are_never_clear() -> None:
    assert replace(CLEAR, videos=FEWEST_VIDEOS).is_clear
    assert not replace(CLEAR, videos=FEWEST_VIDEOS - 1).is_clear
    assert not replace(CLEAR, half_interval=0.0).is_clear
    whole = result_of([True] * 50, [True] * 50).minus(result_of([False] * 50, [False] * 50))
    assert (whole.mean, whole.half_interval, whole.is_clear) == (1, 0, False)


@given(thirds=st.lists(st.booleans(), min_size=31, max_size=60))
def test_differences_that_are_alike_but_for_rounding_have_no_interval(thirds: list[bool]) -> None:
    """1 - 1/3 is not quite 2/3 - 0 on a computer."""
    right, wrong = [True] * len(thirds), [False] * len(thirds)
    mine, theirs = result_of(right, right, thirds), result_of(wrong, wrong, thirds)
    assert mine.minus(theirs).half_interval == 0 and not mine.minus(theirs).is_clear


@pytest.mark.parametrize("freedom", range(1, len(T95) + 1))
def test_factors_of_t_hold_95_percent(freedom: int) -> None:
    """The density integrated numerically, unlike any table."""
    grid = np.linspace(-T95[freedom - 1], T95[freedom - 1], 200_001)
    density = (1 + grid**2 / freedom) ** (-(freedom + 1) / 2)
    # Normalised over t = tan(u), which reaches to infinity.
    angle = np.linspace(-np.pi / 2, np.pi / 2, 400_001)[1:-1]
    whole = np.trapezoid((1 + np.tan(angle) ** 2 / freedom) ** (-(freedom + 1) / 2) / np.cos(angle) ** 2, angle)
    assert np.trapezoid(density, grid) / whole == pytest.approx(0.95, abs=1e-4)


def test_more_seeds_than_the_table_has_take_its_last_factor() -> None:
    seeds = [0.1 + 0.01 * (number % 5) for number in range(60)]
    found = Difference(of_seeds=seeds, half_interval=0.01, videos=100)
    assert found.half_interval_of_seeds == pytest.approx(2.042 * stdev(seeds) / sqrt(60))
    assert NormalDist().inv_cdf(0.975) < T95[-1]


@pytest.mark.parametrize("right", [True, False])
def test_interval_of_a_cell_that_is_all_right_or_all_wrong_is_wilsons(right: bool) -> None:
    # By hand: the farther end is at 20 / (20 + 1.96²) = 0.8389 of 20 right ones.
    assert result_of([right] * 20).half_interval == pytest.approx(0.1611, abs=1e-4)
    assert result_of([right] * 20, [right] * 20, [right] * 20).half_interval == pytest.approx(0.1611, abs=1e-4)
    assert result_of([right] * 2000).half_interval == pytest.approx(0.00192, abs=1e-5)


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=40))
def test_every_cell_has_an_interval(seeds_of_videos: list[list[bool]]) -> None:
    seeds = [[video[number] for video in seeds_of_videos] for number in range(3)]
    assert result_of(*seeds).half_interval > 0


@given(data=st.data(), videos=st.integers(2, 40))
def test_difference_is_turned_by_turning_its_cells(data: st.DataObject, videos: int) -> None:
    seed = st.lists(st.booleans(), min_size=videos, max_size=videos)
    mine, theirs = (result_of(*data.draw(st.lists(seed, min_size=3, max_size=3))) for _ in range(2))
    found, turned = mine.minus(theirs), theirs.minus(mine)
    assert found.mean == pytest.approx(mine.top1 - theirs.top1) and found.mean == pytest.approx(-turned.mean)
    assert found.half_interval == pytest.approx(turned.half_interval) and found.videos == videos
