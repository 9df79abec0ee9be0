from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from video_files import KINDS, encode, encode_hollow, encode_kind, pictures, plain_read

from faster_video.errors import DecodeError
from faster_video.video import VideoReader, decode_frames, probe

NUM_FRAMES = 90


@pytest.fixture(scope="module", params=KINDS)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode_kind(tmp_path_factory.mktemp("kinds") / request.param, NUM_FRAMES)


def test_any_frames_in_any_order_equal_a_sequential_read(video: Path) -> None:
    expected = plain_read(video)
    with VideoReader(video) as reader:
        assert reader.info.num_frames == len(expected) == NUM_FRAMES

        @settings(max_examples=20, deadline=None)
        @given(st.lists(st.integers(0, NUM_FRAMES - 1), max_size=6))
        def check(indices: list[int]) -> None:
            frames = reader.frames(indices)
            assert frames.data.shape == (len(indices), 48, 64, 3)
            assert frames.data.dtype == np.uint8
            for index, data in zip(indices, frames.data, strict=True):
                np.testing.assert_array_equal(data, expected[index])
            np.testing.assert_allclose(frames.seconds, np.array(indices) / 30, atol=0.0011)

        check()


def test_clips_come_in_the_order_given_and_may_overlap(video: Path) -> None:
    expected = plain_read(video)
    clips = [[0, 2, 4, 6], [1, 3, 5, 7], [4, 5, 6, 6], [70, 80, 89, 89], [0, 1]]
    with VideoReader(video) as reader:
        for clip, frames in zip(clips, reader.clips(clips), strict=True):
            np.testing.assert_array_equal(frames.data, np.stack([expected[index] for index in clip]))


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("long") / "long.mp4", pictures(300, 32, 32))


@pytest.fixture
def seeks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The times to which readers seek."""
    made: list[int] = []
    seek = VideoReader._seek

    def spy(reader: VideoReader, pts: int) -> av.VideoFrame | None:
        made.append(pts)
        return seek(reader, pts)

    monkeypatch.setattr(VideoReader, "_seek", spy)
    return made


def test_dense_frames_are_decoded_in_one_go(long_video: Path, seeks: list[int]) -> None:
    decode_frames(long_video, range(0, 300, 5))
    assert seeks == []


def test_sparse_frames_are_sought(long_video: Path, seeks: list[int]) -> None:
    decode_frames(long_video, [0, 120, 280])
    assert len(seeks) == 2


def test_frames_are_kept_only_while_a_clip_still_needs_them(long_video: Path) -> None:
    span = 16
    with VideoReader(long_video) as reader:
        clips = [range(start, start + span) for start in range(0, 284, 4)]
        kept = [len(reader._kept) for _ in reader.clips(clips)]
        assert reader._kept == {}
    assert max(kept) <= span


def test_interleaved_clips_are_decoded_once(long_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered = 0
    advance = VideoReader._advance

    def spy(reader: VideoReader, target: int) -> tuple[int, av.VideoFrame]:
        nonlocal delivered
        delivered += 1
        return advance(reader, target)

    monkeypatch.setattr(VideoReader, "_advance", spy)
    with VideoReader(long_video) as reader:
        list(reader.clips([range(0, 32, 2), range(1, 32, 2)]))
    assert delivered == 32


def test_a_file_that_cannot_seek_is_read_in_order(long_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = decode_frames(long_video, [250, 200, 299])
    monkeypatch.setattr(VideoReader, "_seek", lambda reader, pts: None)
    found = decode_frames(long_video, [250, 200, 299])
    np.testing.assert_array_equal(found.data, expected.data)


def test_seeks_that_always_land_at_the_beginning_end_all_the_same(
    long_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = decode_frames(long_video, [30, 250, 299])
    seek = VideoReader._seek
    monkeypatch.setattr(VideoReader, "_seek", lambda reader, pts: seek(reader, 0))
    found = decode_frames(long_video, [30, 250, 299])
    np.testing.assert_array_equal(found.data, expected.data)


def test_no_frames_asked_for(long_video: Path) -> None:
    frames = decode_frames(long_video, [])
    assert frames.data.shape == (0, 32, 32, 3)
    assert frames.seconds.shape == (0,)


@pytest.mark.parametrize(
    "index, reason", [(300, "asked for frame 300, but only 300 could be decoded"), (-1, "the first one is 0")]
)
def test_a_frame_outside_the_video_is_refused(long_video: Path, index: int, reason: str) -> None:
    with pytest.raises(DecodeError, match=f"^{long_video}: .*{reason}"):
        decode_frames(long_video, [0, index])


@pytest.fixture(scope="module")
def hollow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode_hollow(tmp_path_factory.mktemp("hollow") / "hollow.mkv", NUM_FRAMES)


def test_packets_without_a_frame_are_found_out_and_counted_away(hollow: Path) -> None:
    expected = plain_read(hollow)
    assert len(expected) == NUM_FRAMES - 2
    with VideoReader(hollow) as reader:
        frames = reader.frames(range(40))
        np.testing.assert_array_equal(frames.data, np.stack(expected[:40]))
        assert reader.info.num_frames == len(expected)
        np.testing.assert_array_equal(reader.frames([80]).data[0], expected[80])


def test_frames_already_given_under_wrong_numbers_are_an_error_not_a_surprise(hollow: Path) -> None:
    with VideoReader(hollow) as reader:
        reader.frames([60])
        with pytest.raises(DecodeError, match=f"^{hollow}: damaged: .* had wrong numbers"):
            reader.frames(range(20))


def test_times_of_a_variable_frame_rate(tmp_path: Path) -> None:
    pts = [0, 1, 2, 10, 11, 40, 41, 90]
    video = encode(tmp_path / "variable.mp4", pictures(8), pts=pts)
    np.testing.assert_allclose(decode_frames(video, range(8)).seconds, np.array(pts) / 30, atol=1e-6)


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    video = encode(tmp_path / "late.mkv", pictures(4), pts=[30, 31, 32, 33])
    np.testing.assert_allclose(decode_frames(video, [0, 3]).seconds, [0, 0.1], atol=0.0011)


def test_times_rise_for_every_kind(video: Path) -> None:
    seconds = decode_frames(video, range(NUM_FRAMES)).seconds
    assert seconds[0] == 0
    assert all(a < b for a, b in pairwise(seconds.tolist()))


def test_a_size_change_is_scaled_to_the_first_size(tmp_path: Path) -> None:
    small = encode(tmp_path / "small.ts", pictures(5, 32, 32), "mpeg2video")
    large = encode(tmp_path / "large.ts", pictures(5, 64, 96), "mpeg2video")
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with VideoReader(both) as reader:
        frames = reader.frames(range(reader.info.num_frames))
    assert len(frames.data) > 5  # the packets at the joint are damaged
    assert frames.data.shape[1:] == (32, 32, 3)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files through /proc")
def test_no_file_stays_open(long_video: Path, hollow: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video" * 100)
    before = open_files()
    for _ in range(5):
        probe(long_video)
        decode_frames(long_video, [0, 299, 3])
        decode_frames(hollow, range(40))
        for path, index in ((broken, 0), (long_video, 300)):
            with pytest.raises(DecodeError):
                decode_frames(path, [index])
        with VideoReader(long_video) as reader:
            next(reader.clips([[0], [1]]))  # a clip iterator that is left unfinished
    assert open_files() == before
