import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from video_files import KINDS, encode, encode_hollow, encode_kind, pictures

from faster_video.errors import DecodeError
from faster_video.video import ScanCache, VideoReader, probe
from faster_video.video.frame_cache import CachedVideo
from faster_video.video.probe import Scan, scan
from faster_video.video.scans import scan_bytes

NUM_FRAMES = 60
QUARTER_TURN = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]


def two_sizes(path: Path) -> Path:
    parts = [
        encode(path.with_stem(f"part{side}"), pictures(NUM_FRAMES // 2, side, side), "mpeg2video") for side in (32, 64)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def cut_off(path: Path) -> Path:
    encode(path, pictures(NUM_FRAMES))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    return path


def flipped_bits(path: Path) -> Path:
    """Pictures damaged inside, and with them the pictures that refer to them."""
    data = bytearray(encode(path, pictures(NUM_FRAMES, 96, 128)).read_bytes())
    for place in np.random.default_rng(1).integers(len(data) // 10, len(data), 30):
        data[place] ^= 0x55
    path.write_bytes(data)
    return path


ODD: dict[str, Callable[[Path], Path]] = {
    "variable.mp4": lambda path: encode(path, pictures(NUM_FRAMES), pts=[n * n for n in range(NUM_FRAMES)]),
    "late.mkv": lambda path: encode(path, pictures(NUM_FRAMES), pts=range(30, 30 + NUM_FRAMES)),
    "open.mp4": lambda path: encode(path, pictures(NUM_FRAMES), options={"x264-params": "open-gop=1:keyint=12"}),
    "turned.mp4": lambda path: encode(path, pictures(NUM_FRAMES), matrix=QUARTER_TURN),
    "hollow.mkv": lambda path: encode_hollow(path, NUM_FRAMES),
    "sizes.ts": two_sizes,
    "cut.mkv": cut_off,
    "flipped.ts": flipped_bits,
    "flipped.mkv": flipped_bits,
} | {name: lambda path: encode_kind(path, NUM_FRAMES) for name in KINDS}


@pytest.fixture(scope="module", params=ODD)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ODD[request.param](tmp_path_factory.mktemp("odd") / request.param)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return encode(tmp_path / "small.mp4", pictures(30))


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that readers scan."""
    names: list[str] = []

    def spy(path: str | Path) -> Scan:
        names.append(Path(path).name)
        return scan(path)

    monkeypatch.setattr("faster_video.video.scans.scan", spy)
    return names


def read(path: Path, clips: list[list[int]], scans: ScanCache | None = None) -> list[object]:
    """What a reader of the file says and gives, down to the error it ends with."""
    return read_by(lambda: VideoReader(path, scans), clips)


def read_by(opened: Callable[[], VideoReader | CachedVideo], clips: list[list[int]]) -> list[object]:
    """The same of whatever has been opened."""
    found: list[object] = []
    try:
        with opened() as reader:
            found.append(reader.info)
            for frames in reader.clips(clips):
                found += [frames.data.shape, frames.data.tobytes(), frames.seconds.tolist()]
    except DecodeError as error:
        found.append(str(error))
    return found


@settings(deadline=None, max_examples=15)
@given(clips=st.lists(st.lists(st.integers(0, NUM_FRAMES - 1), max_size=4), max_size=3))
def test_a_read_is_the_same_with_and_without_the_scans_kept(video: Path, clips: list[list[int]]) -> None:
    expected, scans = read(video, clips), ScanCache()
    first, again = read(video, clips, scans), read(video, clips, scans)
    assert first == again == expected


def test_a_file_is_scanned_once(small: Path, scanned: list[str]) -> None:
    scans = ScanCache()
    for index in (0, 7, 29):
        read(small, [[index]], scans)
    assert scanned == ["small.mp4"]


@pytest.mark.parametrize("count", [20, 30])
def test_another_file_of_the_same_name_is_noticed(small: Path, tmp_path: Path, count: int) -> None:
    scans = ScanCache()
    read(small, [[0]], scans)
    other = encode(tmp_path / "other.mp4", pictures(count)[::-1], pts=range(0, 2 * count, 2))
    other.replace(small)
    expected = read(small, [[0, count - 1]])
    assert read(small, [[0, count - 1]], scans) == expected
    assert len(scans) == 1


def test_a_file_of_the_same_size_and_time_under_the_name_is_noticed(
    small: Path, tmp_path: Path, scanned: list[str]
) -> None:
    scans = ScanCache()
    read(small, [[0]], scans)
    other = tmp_path / "other.mp4"
    other.write_bytes(small.read_bytes())
    os.utime(other, ns=(0, small.stat().st_mtime_ns))
    other.replace(small)
    read(small, [[0]], scans)
    assert len(scanned) == 2


def test_errors_are_not_kept(small: Path, tmp_path: Path) -> None:
    scans, path = ScanCache(), tmp_path / "later.mp4"
    whole = small.read_bytes()
    with pytest.raises(DecodeError, match="No such file"):
        VideoReader(path, scans)
    path.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(DecodeError, match="cut off before its header is complete"):
            VideoReader(path, scans)
    assert len(scans) == scans.bytes == 0
    path.write_bytes(whole)
    assert read(path, [[29]], scans) == read(path, [[29]])
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DecodeError, match="cut off before its header is complete"):
        VideoReader(path, scans)
    path.unlink()
    with pytest.raises(DecodeError, match="No such file"):
        VideoReader(path, scans)
    assert len(scans) == scans.bytes == 0


def test_what_decoding_finds_out_of_a_damaged_file_is_not_kept(tmp_path: Path) -> None:
    """Else the numbers of a file's frames would change with which of its clips were read before."""
    video, scans = encode_hollow(tmp_path / "hollow.mkv", NUM_FRAMES), ScanCache()
    with VideoReader(video, scans) as reader:
        reader.frames(range(12))
        assert reader.info.num_frames == NUM_FRAMES - 2
    with VideoReader(video, scans) as reader:
        assert reader.info.num_frames == NUM_FRAMES == probe(video).num_frames


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files whose names are numbers; 0 is a video."""
    folder = tmp_path_factory.mktemp("numbered")
    encode(folder / "0.mp4", pictures(3)).rename(folder / "0")
    for number in range(1, 8):
        (folder / str(number)).touch()
    return folder


@settings(deadline=None)
@given(reads=st.lists(st.integers(0, 7), max_size=40), room=st.integers(0, 5))
def test_the_files_read_last_are_kept_and_no_more_than_fit(numbered: Path, reads: list[int], room: int) -> None:
    some = scan(numbered / "0")
    scans, recent = ScanCache(room * scan_bytes(some)), list[int]()
    for number in reads:
        with patch("faster_video.video.scans.scan", return_value=some) as fresh:
            assert scans.get(numbered / str(number)) is some
        assert fresh.called == (number not in recent)
        recent = [number, *(other for other in recent if other != number)][:room]
        assert len(scans) == len(recent)
        assert scans.bytes == len(recent) * scan_bytes(some) <= scans.max_bytes
