"""No more frames wait than have room; of a live source the oldest go, of any other nothing does."""

import time
from threading import Thread

import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from faster_video.streaming.times import TimedFrame
from faster_video.streaming.waiting import MOST_WAITING, MOST_WAITING_BYTES, End, WaitingFrames, frame_bytes

FRAME = VideoFrame(64, 64, "gray")
SIZE = frame_bytes(FRAME)


def frame(number: int, size: int = 64) -> TimedFrame:
    return TimedFrame(FRAME if size == 64 else VideoFrame(size, size, "gray"), float(number), 0.0)


def taken(frames: WaitingFrames) -> list[TimedFrame]:
    found = []
    while isinstance(item := frames.take(1), TimedFrame):
        found.append(item)
    return found


@settings(deadline=None, max_examples=50)
@given(
    room=st.integers(1, 40),
    clip_frames=st.integers(1, 12),
    steps=st.lists(st.integers(0, 30) | st.just(-1), max_size=40),
)
def test_a_live_queue_never_grows_past_its_room_and_tells_what_it_lost(
    room: int, clip_frames: int, steps: list[int]
) -> None:
    frames = WaitingFrames(live=True, most_bytes=room * SIZE)
    frames.clip_frames = clip_frames
    number, found = 0, []
    for step in steps:  # so many frames come, or one is taken
        for _ in range(step):
            assert frames.put(frame(number))
            number += 1
            assert len(frames) <= max(room, 2 * clip_frames) and frames.bytes == len(frames) * SIZE
        if step == -1 and len(frames):
            item = frames.take(1)
            assert isinstance(item, TimedFrame)
            found.append(item)
    frames.end(End())
    found += taken(frames)
    assert frames.take(0) == End()
    numbers = [int(item.seconds) for item in found]
    gaps = [after - before - 1 for before, after in zip([-1, *numbers], numbers, strict=False)]
    assert [item.lost for item in found] == gaps and all(gap >= 0 for gap in gaps)
    assert sum(gaps) == frames.lost == number - len(found)
    assert not number or numbers[-1] == number - 1  # the newest one is there


def test_the_oldest_go_but_for_those_of_the_clip_that_is_taken() -> None:
    frames = WaitingFrames(live=True, most_bytes=10 * SIZE)
    frames.clip_frames = 4
    for number in range(30):
        frames.put(frame(number))
    frames.end(End())
    assert [int(item.seconds) for item in taken(frames)] == [0, 1, 2, 3, *range(24, 30)]


def test_two_clips_have_room_whatever_their_size() -> None:
    frames = WaitingFrames(live=True, most_bytes=SIZE)
    frames.clip_frames = 16
    for number in range(32):
        frames.put(frame(number))
    assert len(frames) == 32 and not frames.lost


def test_frames_of_1080p_are_bounded_by_bytes() -> None:
    frames = WaitingFrames(live=True)
    big = VideoFrame(1920, 1080, "yuv420p")
    for number in range(200):
        frames.put(TimedFrame(big, float(number), 0.0))
    assert frames.bytes <= MOST_WAITING_BYTES and 80 < len(frames) < 90


@pytest.mark.parametrize(("size", "most"), [(64, MOST_WAITING), (8192, 4)])
def test_a_source_that_can_wait_waits_for_room(size: int, most: int) -> None:
    frames = WaitingFrames(live=False)

    def write() -> None:
        for number in range(100):
            frames.put(frame(number, size))
        frames.end(End())

    writer = Thread(target=write)
    writer.start()
    found = []
    while isinstance(item := frames.take(120), TimedFrame):
        time.sleep(0.001)
        assert len(frames) <= most
        found.append(int(item.seconds))
    writer.join()
    assert found == list(range(100)) and not frames.lost


def test_nobody_waits_for_ever() -> None:
    frames = WaitingFrames(live=False)
    assert frames.take(0.01) is None
    writer = Thread(target=lambda: all(frames.put(frame(number)) for number in range(1000)))
    writer.start()
    frames.close()
    writer.join()
    assert not frames.put(frame(0))
