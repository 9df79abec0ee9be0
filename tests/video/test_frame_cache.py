"""Frames kept in a folder: the same as read from the file, decoded once, never those of another file."""

import errno
import os
import shutil
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from test_scans import NUM_FRAMES, ODD, read, read_by
from video_files import encode, encode_hollow, pictures

from faster_video.errors import ConfigError
from faster_video.video import FrameCache, ScanCache, VideoReader
from faster_video.video.frame_cache import SPARE_BYTES, require_frame_cache


@pytest.fixture(scope="module", params=ODD)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ODD[request.param](tmp_path_factory.mktemp("odd") / request.param)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return encode(tmp_path / "small.mp4", pictures(30))


def new_cache(folder: Path) -> FrameCache:
    require_frame_cache(folder)
    return FrameCache(folder, ScanCache())


def read_kept(path: Path, clips: list[list[int]], cache: FrameCache) -> list[object]:
    """What `read` finds, by way of the cache."""
    return read_by(lambda: cache.open(path), clips)


@settings(deadline=None, max_examples=15)
@given(clips=st.lists(st.lists(st.integers(-1, NUM_FRAMES), max_size=4), max_size=3))
def test_a_read_is_the_same_with_and_without_the_frames_kept(
    video: Path, clips: list[list[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("frames")
    first, again = (read_kept(video, clips, new_cache(folder)) for _ in range(2))
    assert first == again == read(video, clips)


def test_a_video_is_decoded_once_for_all_that_share_the_folder(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(small, [[7, 8], [29]])
    read_kept(small, [[3]], new_cache(tmp_path / "frames"))
    monkeypatch.setattr("faster_video.video.frame_cache.VideoReader", lambda *_: pytest.fail("decoded again"))
    assert read_kept(small, [[7, 8], [29]], new_cache(tmp_path / "frames")) == expected


def test_another_file_of_the_same_name_is_decoded_anew(small: Path, tmp_path: Path) -> None:
    cache = new_cache(tmp_path / "frames")
    read_kept(small, [[0]], cache)
    other = encode(tmp_path / "other.mp4", pictures(20)[::-1])
    os.utime(other, ns=(0, small.stat().st_mtime_ns))
    other.replace(small)
    assert read_kept(small, [[0, 19]], cache) == read(small, [[0, 19]])
    assert len(list((tmp_path / "frames").iterdir())) == 1


def test_what_another_version_has_decoded_is_not_taken(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = new_cache(tmp_path / "frames")
    read_kept(small, [[0]], cache)
    (kept,) = (tmp_path / "frames").iterdir()
    before = kept.stat().st_ino
    monkeypatch.setattr("av.__version__", "99")
    read_kept(small, [[0]], cache)
    assert kept.stat().st_ino != before


@pytest.mark.parametrize("damage", [b"", b"no tensors", b"\xff" * 64])
def test_a_damaged_file_of_frames_is_made_again(small: Path, tmp_path: Path, damage: bytes) -> None:
    cache = new_cache(tmp_path / "frames")
    read_kept(small, [[0]], cache)
    (kept,) = (tmp_path / "frames").iterdir()
    size = kept.stat().st_size
    kept.write_bytes(damage)
    assert read_kept(small, [[4]], cache) == read(small, [[4]])
    assert kept.stat().st_size == size


def test_a_file_that_cannot_be_decoded_as_a_whole_is_not_kept(tmp_path: Path) -> None:
    video, cache = encode_hollow(tmp_path / "hollow.mkv", NUM_FRAMES), new_cache(tmp_path / "frames")
    for _ in range(2):
        assert read_kept(video, [[0, 1]], cache) == read(video, [[0, 1]])
    assert list((tmp_path / "frames").iterdir()) == []


def test_a_full_disk_is_left_alone(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VideoReader(small) as reader:
        size = reader.frames(range(30)).data.nbytes
    usage = shutil.disk_usage(tmp_path)
    for free, kept in ((SPARE_BYTES + size - 1, 0), (SPARE_BYTES + size, 1)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert read_kept(small, [[1]], new_cache(tmp_path / "frames")) == read(small, [[1]])
        assert len(list((tmp_path / "frames").iterdir())) == kept


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), SafetensorError("No space left on device")]
)
def test_a_disk_that_fills_up_is_told_once_and_costs_nothing_but_the_frames(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("faster_video.video.frame_cache.save_file", no_room)
    cache = new_cache(tmp_path / "frames")
    with pytest.warns(RuntimeWarning, match="cannot be written any more .*No space left on device"):
        assert read_kept(small, [[1]], cache) == read(small, [[1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_kept(small, [[1]], cache) == read(small, [[1]])
    assert list((tmp_path / "frames").iterdir()) == []


def test_the_folder_may_be_removed_at_any_time(small: Path, tmp_path: Path) -> None:
    cache = new_cache(tmp_path / "frames")
    read_kept(small, [[1]], cache)
    shutil.rmtree(tmp_path / "frames")
    assert read_kept(small, [[2]], cache) == read(small, [[2]])


def test_a_long_video_is_not_decoded_as_a_whole(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faster_video.video.frame_cache.MAX_VIDEO_BYTES", 30 * 48 * 64 * 3 - 1)
    assert read_kept(small, [[1]], new_cache(tmp_path / "frames")) == read(small, [[1]])
    assert list((tmp_path / "frames").iterdir()) == []


def test_without_a_folder_files_are_read(small: Path) -> None:
    with FrameCache(None, ScanCache()).open(small) as reader:
        assert isinstance(reader, VideoReader)


def test_a_file_in_the_place_of_the_folder_is_refused(small: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        require_frame_cache(small)
    assert str(caught.value) == f"frame_cache is {small}; it must be a folder that can be written (File exists)"
