from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faster_video.clips import clip_frames, clip_starts, random_clip_starts
from faster_video.errors import ConfigError

sizes = st.integers(1, 5000)
counts = st.integers(1, 64)
spans = st.integers(1, 256)


@given(num_frames=sizes, num_clips=counts, span=spans)
def test_clips_cover_the_video_and_stay_inside_it(num_frames: int, num_clips: int, span: int) -> None:
    starts = clip_starts(num_frames, num_clips, span)
    assert len(starts) == num_clips
    assert starts[0] == 0
    if num_clips > 1:
        assert starts[-1] + span == max(num_frames, span)
    assert all(0 <= start <= max(num_frames - span, 0) for start in starts)


@given(num_frames=sizes, num_clips=st.integers(2, 64), span=spans)
def test_clips_are_spread_evenly(num_frames: int, num_clips: int, span: int) -> None:
    starts = clip_starts(num_frames, num_clips, span)
    steps = [b - a for a, b in pairwise(starts)]
    assert max(steps) - min(steps) <= 1
    assert min(steps) >= 0


@given(num_frames=sizes, span=spans, num_clips=counts)
def test_spread_clips_are_the_same_read_backwards(num_frames: int, num_clips: int, span: int) -> None:
    """No end of the video is favoured, save by the rounding of a half."""
    starts = clip_starts(num_frames, num_clips, span)
    room = max(num_frames - span, 0)
    if num_clips > 1:
        assert all(abs(a + b - room) <= 1 for a, b in zip(starts, reversed(starts), strict=True))


@pytest.mark.parametrize(
    "num_frames, num_clips, span, starts",
    [
        (256, 16, 16, list(range(0, 256, 16))),
        (300, 4, 16, [0, 95, 189, 284]),
        (10, 3, 16, [0, 0, 0]),
        (16, 2, 16, [0, 0]),
        (17, 3, 16, [0, 1, 1]),
        (100, 1, 16, [0]),
        (1, 2, 1, [0, 0]),
    ],
)
def test_known_starts(num_frames: int, num_clips: int, span: int, starts: list[int]) -> None:
    assert clip_starts(num_frames, num_clips, span) == starts


@given(num_frames=sizes, num_clips=counts, span=spans, seed=st.integers())
def test_random_clips_are_inside_in_time_order_and_fixed_by_the_seed(
    num_frames: int, num_clips: int, span: int, seed: int
) -> None:
    starts = random_clip_starts(num_frames, num_clips, span, Random(seed).randrange)
    assert len(starts) == num_clips
    assert starts == sorted(starts)
    assert all(0 <= start <= max(num_frames - span, 0) for start in starts)
    assert starts == random_clip_starts(num_frames, num_clips, span, Random(seed).randrange)


def test_random_clips_reach_both_ends_of_the_video() -> None:
    starts = random_clip_starts(20, 500, 16, Random(0).randrange)
    assert set(starts) == {0, 1, 2, 3, 4}


@given(num_frames=sizes, length=st.integers(1, 64), stride=st.integers(1, 16), data=st.data())
def test_frames_of_a_clip_go_on_by_the_stride_and_then_repeat_the_last(
    num_frames: int, length: int, stride: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, num_frames - 1))
    frames = clip_frames(start, length, stride, num_frames)
    assert len(frames) == length
    assert frames[0] == start
    for before, after in pairwise(frames):
        assert after == (before + stride if before + stride < num_frames else num_frames - 1)


def test_known_frames() -> None:
    assert clip_frames(2, 4, 2, 100) == [2, 4, 6, 8]
    assert clip_frames(0, 8, 1, 5) == [0, 1, 2, 3, 4, 4, 4, 4]
    assert clip_frames(0, 3, 1, 1) == [0, 0, 0]


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ((0, 1, 1), "num_frames is 0; it must be at least 1"),
        ((1, 0, 1), "num_clips is 0; it must be at least 1"),
        ((1, 1, -3), "span is -3; it must be at least 1"),
    ],
)
def test_wrong_numbers_of_clips_are_refused_by_name(arguments: tuple[int, int, int], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        clip_starts(*arguments)
    with pytest.raises(ConfigError, match=reason):
        random_clip_starts(*arguments, Random(0).randrange)


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ((0, 0, 1, 1), "frames_per_clip is 0; it must be at least 1"),
        ((0, 1, 0, 1), "frame_stride is 0; it must be at least 1"),
        ((0, 1, 1, 0), "num_frames is 0; it must be at least 1"),
        ((5, 1, 1, 5), "start is 5; a clip of this video starts at frame 0 to 4"),
        ((-1, 1, 1, 5), "start is -1; a clip of this video starts at frame 0 to 4"),
    ],
)
def test_wrong_clips_are_refused_by_name(arguments: tuple[int, int, int, int], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        clip_frames(*arguments)
