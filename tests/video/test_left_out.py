"""Pictures that nobody wants and no other builds on are not decoded; all others are the same."""

import random
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import EMPTY_PICTURE, encode, pictures, plain_read, remux

from faster_video.errors import DecodeError
from faster_video.video import VideoReader, decode_frames
from faster_video.video.probe import Scan, scan

scanning = sys.modules[Scan.__module__]

NUM_FRAMES = 90
KINDS = {
    "h264.mp4": ("libx264", {"x264-params": "bframes=3:b-pyramid=normal"}),
    "open.mkv": ("libx264", {"x264-params": "bframes=3:open-gop=1:keyint=20"}),
    "mpeg2.ts": ("mpeg2video", {}),
    "mpeg4.mp4": ("mpeg4", {"bf": "2"}),
    "mpeg4.avi": ("mpeg4", {}),
}


@pytest.fixture(scope="module", params=KINDS)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec, options = KINDS[request.param]
    return encode(tmp_path_factory.mktemp("kinds") / request.param, pictures(NUM_FRAMES), codec, options=options)


@pytest.mark.parametrize("seed", range(8))
def test_one_read_after_another_gives_the_frames_of_a_whole_read(video: Path, seed: int) -> None:
    expected, draw = np.stack(plain_read(video)), random.Random(seed)
    with VideoReader(video) as reader:
        assert reader.scan.packets_tell
        for _ in range(4):
            indices = sorted(draw.sample(range(NUM_FRAMES), draw.randint(1, 6)))
            np.testing.assert_array_equal(reader.frames(indices).data, expected[indices])
        assert reader.scan.packets_tell  # never counted anew


@pytest.mark.parametrize("wanted, left_out", [([60], True), (range(61), False)])
def test_fewer_pictures_are_decoded_on_the_way_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: list[int] | range, left_out: bool
) -> None:
    options = {"x264-params": "bframes=3:b-pyramid=none:b-adapt=0:keyint=250:scenecut=0"}
    video = encode(tmp_path / "a.mp4", pictures(NUM_FRAMES), options=options)
    delivered: list[av.VideoFrame] = []
    number_of = VideoReader._number_of

    def spy(reader: VideoReader, frame: av.VideoFrame | None) -> int | None:
        delivered.extend([frame] if frame is not None else [])
        return number_of(reader, frame)

    monkeypatch.setattr(VideoReader, "_number_of", spy)
    decode_frames(video, list(wanted))
    assert len(delivered) == (16 if left_out else 61)  # 0, 4, … 60: the others are B-frames


def test_a_picture_missing_where_it_is_asked_for_is_found_out(tmp_path: Path) -> None:
    options = {"x264-params": "bframes=0:keyint=250:scenecut=0"}
    whole = encode(tmp_path / "whole.mp4", pictures(NUM_FRAMES), options=options)
    video = remux(whole, tmp_path / "a.mkv", {40: EMPTY_PICTURE})
    with VideoReader(video) as reader, pytest.raises(DecodeError, match="asked for frame 89, but only 89"):
        reader.frames([40, 89])


@pytest.mark.parametrize("name, options, tells", [("a.avi", {}, True), ("b.mp4", {"bf": "2"}, True)])
def test_plain_mpeg4_is_not_decoded_to_count_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, str], tells: bool
) -> None:
    video = encode(tmp_path / name, pictures(NUM_FRAMES), "mpeg4", options=options)
    monkeypatch.setattr(scanning, "count_frames", lambda *_: pytest.fail("decoded"))
    assert len(scan(video).table) == NUM_FRAMES


EMPTY_VOP = bytes.fromhex("000001b6") + bytes.fromhex("5000")


@pytest.mark.parametrize("packed", [EMPTY_VOP, None])
def test_odd_packets_of_mpeg4_are_counted_by_decoding(tmp_path: Path, packed: bytes | None) -> None:
    whole = encode(tmp_path / "whole.avi", pictures(NUM_FRAMES), "mpeg4")
    with av.open(str(whole)) as file:
        packets = [bytes(packet) for packet in file.demux(video=0)]
    replaced = {40: packed if packed is not None else packets[40] + packets[41]}
    video = remux(whole, tmp_path / "odd.avi", replaced)
    found = scan(video)
    assert not found.packets_tell
    assert len(found.table) == len(plain_read(video))
