"""Times rise from frame to frame, whatever the clock of a source says, and one wrong time moves no others."""

from fractions import Fraction
from itertools import pairwise

import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from faster_video.streaming.times import ArrivedFrame, timed


def seconds_of(times: list[int | None]) -> list[float]:
    """Of frames that say these tenths of a second."""
    frames = []
    for number, time_of_frame in enumerate(times):
        frame = VideoFrame(16, 16, "rgb24")
        frame.pts, frame.time_base = time_of_frame, Fraction(1, 10)
        frames.append(ArrivedFrame(frame, float(number)))
    found = list(timed(iter(frames), 10))
    assert [item.arrived for item in found] == list(range(len(times)))
    return [item.seconds for item in found]


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        ([None, None, None], [0, 1, 2]),
        ([10, 11, 12], [0, 1, 2]),
        ([10, None, 12, None], [0, 1, 2, 3]),
        ([0, 1, 5, 6], [0, 1, 5, 6]),
        ([100, 101, 0, 1], [0, 1, 2, 3]),  # a camera that was started again
        ([0, 0, 0], [0, 1, 2]),
        ([5, 3, 6], [0, 1, 4]),
        ([0, 1, 101, 102], [0, 1, 101, 102]),  # within ten seconds
        ([0, 1, 900, 901, 902], [0, 1, 900, 901, 902]),  # a pause, which the next frame confirms
        ([0, 1, 9_000_000, 3, 4], [0, 1, 2, 3, 4]),  # a damaged time
        ([0, 1, -9_000_000, 3, 4], [0, 1, 2, 3, 4]),
        ([0, 1, 9_000_000, 8_000_000, 4, 5], [0, 1, 2, 3, 4, 5]),
        ([9_000_000, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 1, 900], [0, 1, 2]),  # nothing comes that could confirm it
        ([0, 1, 900, None, 4], [0, 1, 2, 3, 4]),
        ([], []),
    ],
)
def test_times_rise_whatever_the_source_says(times: list[int | None], wanted: list[int]) -> None:
    assert seconds_of(times) == pytest.approx([number / 10 for number in wanted])


@settings(deadline=None)
@given(times=st.lists(st.none() | st.integers(-(2**40), 2**40) | st.integers(-300, 300), max_size=20))
def test_any_times_rise(times: list[int | None]) -> None:
    found = seconds_of(times)
    assert all(before < after for before, after in pairwise(found))
    assert not found or found[0] == 0


@settings(deadline=None)
@given(count=st.integers(3, 20), place=st.integers(1, 18), wrong=st.integers(102, 2**40), back=st.booleans())
def test_one_wrong_time_moves_no_other(count: int, place: int, wrong: int, back: bool) -> None:
    times: list[int | None] = list(range(count))
    place = min(place, count - 2)
    times[place] = place - wrong if back else place + wrong
    assert seconds_of(times) == pytest.approx([number / 10 for number in range(count)])
