"""Frames kept in memory: the same as read from the file, no more than fit, never those of another file."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_scans import NUM_FRAMES, ODD, read
from video_files import encode, pictures

from faster_video.errors import DecodeError
from faster_video.video import FrameCache, ScanCache, VideoReader

ROOM = 1 << 30


@pytest.fixture(scope="module", params=ODD)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ODD[request.param](tmp_path_factory.mktemp("odd") / request.param)


def new_cache(max_bytes: int = ROOM) -> FrameCache:
    return FrameCache(max_bytes, ScanCache())


def read_kept(path: Path, clips: list[list[int]], cache: FrameCache) -> list[object]:
    """What `read` of test_scans finds, by way of the cache."""
    found: list[object] = []
    try:
        with VideoReader(path) as reader:
            found.append(reader.info)
            for frames in cache.clips(reader, clips):
                found += [frames.data.shape, frames.data.tobytes(), frames.seconds.tolist()]
    except DecodeError as error:
        found.append(str(error))
    return found


@settings(deadline=None, max_examples=15)
@given(clips=st.lists(st.lists(st.integers(0, NUM_FRAMES - 1), max_size=4), max_size=3))
def test_a_read_is_the_same_with_and_without_the_frames_kept(video: Path, clips: list[list[int]]) -> None:
    cache = new_cache()
    assert read_kept(video, clips, cache) == read_kept(video, clips, cache) == read(video, clips)


def test_a_video_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = encode(tmp_path / "small.mp4", pictures(30)), new_cache()
    read_kept(path, [[3]], cache)
    monkeypatch.setattr(VideoReader, "_decode", lambda *_: pytest.fail("decoded again"))
    assert len(read_kept(path, [[7, 8], [29]], cache)) == 7
    assert len(cache) == 1


def test_what_came_first_stays_and_no_more_than_fits(tmp_path: Path) -> None:
    paths = [encode(tmp_path / f"{number}.mp4", pictures(10)) for number in range(3)]
    with VideoReader(paths[0]) as reader:
        size = reader.frames(range(10)).data.nbytes
    cache = new_cache(2 * size + size // 2)
    for path in (*paths, *paths):
        assert read_kept(path, [[0, 9]], cache) == read(path, [[0, 9]])
    assert len(cache) == 2 and cache.bytes == 2 * size
    assert set(cache._videos) == {str(paths[0]), str(paths[1])}


def test_without_room_nothing_is_kept(tmp_path: Path) -> None:
    path, cache = encode(tmp_path / "small.mp4", pictures(30)), new_cache(0)
    assert read_kept(path, [[1]], cache) == read(path, [[1]])
    assert len(cache) == cache.bytes == 0


def test_another_file_of_the_same_name_is_read_anew(tmp_path: Path) -> None:
    path, cache = encode(tmp_path / "small.mp4", pictures(30)), new_cache()
    read_kept(path, [[0]], cache)
    other = encode(tmp_path / "other.mp4", pictures(20)[::-1])
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    other.replace(path)
    assert read_kept(path, [[0, 19]], cache) == read(path, [[0, 19]])
    assert len(cache) == 1
