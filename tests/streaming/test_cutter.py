"""Clips are cut where they should be, as soon as they are whole, and nothing more is kept than they need."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faster_video.config import ClipConfig
from faster_video.errors import ConfigError
from faster_video.streaming.cutter import ClipCutter


def picture(number: int) -> np.ndarray:
    return np.full((1, 1, 3), number % 256, np.uint8)


@settings(deadline=None)
@given(
    frames=st.sampled_from([8, 16]),
    stride=st.integers(1, 4),
    every=st.none() | st.integers(1, 90),
    count=st.integers(0, 400),
)
def test_clips_start_every_so_often_and_come_with_their_last_frame(
    frames: int, stride: int, every: int | None, count: int
) -> None:
    clips = ClipConfig(frames_per_clip=frames, frame_stride=stride)
    cutter = ClipCutter(clips, every)
    distance = every or clips.span
    found = []
    for number in range(count):
        clip = cutter.push(picture(number) if cutter.wants_next else None, number / 25)
        assert len(cutter.kept) <= clips.span
        if clip is not None:
            found.append([frame.number for frame in clip])
            assert number == found[-1][-1]
            assert [frame.picture[0, 0, 0] for frame in clip] == [one % 256 for one in found[-1]]
            assert [frame.seconds for frame in clip] == [one / 25 for one in found[-1]]
    wanted = [list(range(start, start + clips.span, stride)) for start in range(0, count, distance)]
    assert found == [numbers for numbers in wanted if numbers[-1] < count]


def test_frames_between_clips_are_not_wanted() -> None:
    cutter = ClipCutter(ClipConfig(frames_per_clip=8, frame_stride=1), every=20)
    wanted = []
    for number in range(40):
        wanted.append(cutter.wants_next)
        cutter.push(picture(number) if cutter.wants_next else None, number / 25)
    assert wanted == [number % 20 < 8 for number in range(40)]


def test_a_clip_that_has_begun_repeats_its_last_frame_when_padded() -> None:
    cutter = ClipCutter(ClipConfig(frames_per_clip=8, frame_stride=2))
    assert cutter.pad() is None
    for number in range(6):
        assert cutter.wants_next
        cutter.push(picture(number), number / 25)
    clip = cutter.pad()
    assert clip is not None and [frame.number for frame in clip] == [0, 2, 4, 5, 5, 5, 5, 5]


def test_after_a_restart_the_next_frame_begins_a_clip() -> None:
    cutter = ClipCutter(ClipConfig(frames_per_clip=8))
    for number in range(5):
        cutter.push(picture(number), number / 25)
    cutter.restart()
    clips = [cutter.push(picture(number), number / 25) for number in range(5, 13)]
    assert clips[:-1] == [None] * 7
    assert clips[-1] is not None and [frame.number for frame in clips[-1]] == list(range(5, 13))


@settings(deadline=None)
@given(
    stride=st.integers(1, 3),
    every=st.integers(1, 60),
    dropped=st.sets(st.integers(0, 200), max_size=100),
    lost=st.sets(st.integers(0, 200), max_size=20),
    count=st.integers(0, 200),
)
def test_clips_that_are_dropped_or_lack_a_frame_are_counted_whole_and_move_no_other(
    stride: int, every: int, dropped: set[int], lost: set[int], count: int
) -> None:
    clips = ClipConfig(frames_per_clip=8, frame_stride=stride)
    cutter = ClipCutter(clips, every)
    found, wanted = [], set()
    for number in range(count):
        if number in lost:
            cutter.lose(1)
            continue
        if number in dropped:
            cutter.drop()
        if cutter.wants_next:
            wanted.add(number)
        clip = cutter.push(picture(number) if cutter.wants_next else None, number / 25)
        assert len(cutter.kept) <= clips.span and not (cutter.wants_next and cutter.drops_next)
        if clip is not None:
            found.append([frame.number for frame in clip])
    whole = [list(range(start, start + clips.span, stride)) for start in range(0, count, every)]
    whole = [numbers for numbers in whole if numbers[-1] < count]
    # A frame that is lost cannot say that the clip which begins with it is late, but that clip lacks it.
    kept = [numbers for numbers in whole if numbers[0] not in dropped and lost.isdisjoint(numbers)]
    assert found == kept and cutter.clips_dropped == len(whole) - len(kept)
    assert set().union(*found) <= wanted
    if not lost and 0 in dropped and every >= clips.span:  # nothing is looked at in vain
        begun = [range(start, start + clips.span) for start in range(0, count, every) if start not in dropped]
        assert all(any(number in clip for clip in begun) for number in wanted)


def test_a_first_clip_that_is_dropped_is_not_padded() -> None:
    cutter = ClipCutter(ClipConfig(frames_per_clip=8), every=2)
    cutter.drop()
    for number in range(5):
        cutter.push(picture(number) if cutter.wants_next else None, number / 25)
    assert cutter.kept and cutter.pad() is None


def test_a_distance_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="every is 0; it must be at least 1"):
        ClipCutter(ClipConfig(), 0)
