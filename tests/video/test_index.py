"""Long files by their index: the same table as by their packets, or none."""

import sys
from dataclasses import astuple
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import encode, pictures, plain_read

from faster_video.errors import DecodeError
from faster_video.video import VideoReader, probe
from faster_video.video.probe import Scan, scan

scanning = sys.modules[Scan.__module__]

NUM_FRAMES = 60


@pytest.fixture
def by_packets(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As long as it is not undone, a file of 50 frames is long and must be read without its packets."""
    monkeypatch.setattr("faster_video.video.index.LONG_FRAMES", 50)
    monkeypatch.setattr(scanning, "read_packets", lambda *_: pytest.fail("read packet by packet"))
    return monkeypatch


def require_equal(found: Scan, expected: Scan) -> None:
    assert found.info == expected.info
    for one, other in zip(astuple(found.table), astuple(expected.table), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (found.packets_tell, found.picture, found.orientation) == (True, expected.picture, expected.orientation)


@pytest.mark.parametrize("pts", [None, range(30, 30 + NUM_FRAMES)])
def test_the_index_tells_what_the_packets_tell(
    tmp_path: Path, by_packets: pytest.MonkeyPatch, pts: range | None
) -> None:
    video = encode(tmp_path / "long.mp4", pictures(NUM_FRAMES), pts=pts)
    found = scan(video)
    with VideoReader(video) as reader:
        np.testing.assert_array_equal(reader.frames([7, 55]).data, np.stack(plain_read(video))[[7, 55]])
    by_packets.undo()
    require_equal(found, scan(video))


def test_uneven_times_are_read_from_the_packets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = encode(tmp_path / "uneven.mp4", pictures(NUM_FRAMES), pts=[n + (n > 30) for n in range(NUM_FRAMES)])
    expected = scan(video)
    monkeypatch.setattr("faster_video.video.index.LONG_FRAMES", 50)
    require_equal(scan(video), expected)


def test_a_truncated_long_file_is_refused(tmp_path: Path, by_packets: pytest.MonkeyPatch) -> None:
    whole = encode(tmp_path / "a.mp4", pictures(NUM_FRAMES), container_options={"movflags": "faststart"})
    whole.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(DecodeError, match=r"truncated: its header lists 60 frames, but the data of the last \d+ are"):
        probe(whole)


def test_times_that_are_not_what_the_index_promises_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    even = encode(tmp_path / "even.mp4", pictures(NUM_FRAMES), options={"bf": "0"})
    video = tmp_path / "late.mp4"
    with av.open(str(even)) as read, av.open(str(video), "w") as write:
        copy = write.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(read.demux(video=0)):
            if packet.dts is not None and packet.pts is not None:
                packet.pts += (packet.duration or 0) // 2 if number == 40 else 0
                packet.stream = copy
                write.mux(packet)
    expected = plain_read(video)
    monkeypatch.setattr("faster_video.video.index.LONG_FRAMES", 50)
    with VideoReader(video) as reader:
        assert reader.info.num_frames == NUM_FRAMES
        assert float(reader.frames([41]).seconds[0]) == pytest.approx(41 / 30, abs=0.001)
        frames = reader.frames([39, 40, 41])
    np.testing.assert_array_equal(frames.data, np.stack(expected[39:42]))
    np.testing.assert_allclose(frames.seconds, np.array([39, 40.5, 41]) / 30, atol=0.001)
