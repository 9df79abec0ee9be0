"""Files by all rules that decoders and containers hand over in an unusual way, and files that ask for too much."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import encode, pictures, plain_read

from faster_video.clips import test_view as view_of
from faster_video.config import TransformConfig
from faster_video.errors import DecodeError
from faster_video.video import VideoReader, container, decode_frames, probe, table
from faster_video.video.pixels import Orientation
from faster_video.video.table import Entry, make_table
from faster_video.video.verify import verify


def assert_read_as_ffmpeg_does(path: Path) -> None:
    """All frames, whole and as a network sees them."""
    expected = plain_read(path)
    np.testing.assert_array_equal(decode_frames(path, range(len(expected))).data, np.stack(expected))
    small = TransformConfig(train_short_side=(32, 32), test_short_side=32, crop_size=32)
    height, width = expected[0].shape[:2]
    view = view_of(height, width, small)
    with VideoReader(path) as video:
        (clip,) = video.clips([[0, 1]], view)
    wanted = view.of(np.stack(expected[:2])).astype(int)
    error, error_upside_down = (np.abs(clip.data - shown).mean() for shown in (wanted, wanted[:, ::-1]))
    assert error < 0.2 * error_upside_down  # not 0: resized as stored, before it becomes RGB


def test_pictures_stored_with_their_last_row_first(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.avi", pictures(4), "amv", pixels="yuvj420p")
    with av.open(str(video)) as opened:
        assert next(opened.decode(video=0)).planes[0].line_size < 0
    assert_read_as_ffmpeg_does(video)


def test_pictures_with_a_kind_of_data_that_pyav_has_no_name_for(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mov", pictures(3), "tiff", pixels="rgb24")
    with av.open(str(video)) as opened, pytest.raises(ValueError, match="not a valid Type"):
        next(opened.decode(video=0)).side_data.get("DISPLAYMATRIX")
    assert_read_as_ffmpeg_does(video)


ONE = 1 << 16


@pytest.mark.parametrize("matrix", [[0, ONE, 0, -ONE], [-ONE, 0, 0, 0, -ONE], [0, -ONE, 0, ONE], [ONE, 0, 0, 0, ONE]])
def test_the_angle_alone_says_as_much_as_the_matrix(tmp_path: Path, matrix: list[int]) -> None:
    video = encode(tmp_path / "a.mp4", pictures(1), matrix=[*matrix, *[0] * (8 - len(matrix)), 1 << 30])
    with av.open(str(video)) as opened:
        frame = next(opened.decode(video=0))
        assert Orientation.of(frame) == Orientation.turned(-frame.rotation)


def test_h264_with_b_frames_in_mxf_whose_packets_say_when_they_are_decoded(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mxf", pictures(12))
    assert probe(video).num_frames == 12
    assert_read_as_ffmpeg_does(video)
    assert verify(video).num_frames == 12


def test_packets_whose_times_fall_are_counted_by_decoding(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mkv", pictures(4), "ffv1", pixels="bgr0")
    swapped = tmp_path / "b.mkv"
    with av.open(str(video)) as source, av.open(str(swapped), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        for number, (packet, time) in enumerate(zip(source.demux(video=0), (0, 200, 100, 300), strict=False)):
            packet.pts, packet.dts, packet.stream = time, number, copy
            out.mux(packet)
    assert probe(swapped).num_frames == 4
    read = decode_frames(swapped, range(4))
    np.testing.assert_array_equal(read.data, np.stack(plain_read(swapped)))


def test_pictures_hours_apart_have_a_rate(tmp_path: Path) -> None:
    info = probe(encode(tmp_path / "a.mkv", pictures(3), pts=[0, 30 * 3600, 30 * 7200]))
    assert float(info.fps) == pytest.approx(1 / 3600, rel=0.01)
    assert info.seconds == pytest.approx(2 * 3600, rel=0.01)


def test_times_from_end_to_end_of_what_a_file_can_say() -> None:
    ends = [-(2**63) + 1, 0, 2**63 - 1]
    found = make_table([Entry(pts, -5, True) for pts in ends], Fraction(1, 1000), Fraction(25), seekable=True)
    np.testing.assert_allclose(found.seconds, np.array([0, 2**63 - 1, 2**64 - 2]) / 1000, rtol=1e-12)
    assert found.last_seconds == 0  # a frame that lasts less than nothing says nothing


@pytest.mark.parametrize(
    "name, codec, pixels, said",
    [
        ("a.mp4", "libx264", "yuv420p", r"its header says that its pictures are 64×48; the limit is 3,000 pixels"),
        ("a.avi", "mjpeg", "yuvj420p", r"not one frame .*; it names no size .* or one above the limit of 3,000 pixels"),
    ],
)
def test_pictures_that_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str, pixels: str, said: str
) -> None:
    video = encode(tmp_path / name, pictures(3), codec, pixels=pixels, options={"strict": "unofficial"})
    assert probe(video).num_frames == 3
    monkeypatch.setattr(container, "MOST_PIXELS", 3000)
    monkeypatch.setattr(container, "LIMITS", {"max_pixels": "3000"})
    with pytest.raises(DecodeError, match=said):
        probe(video)


def test_pictures_that_become_too_large_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = (encode(tmp_path / f"{side}.h264", pictures(5, side, side)) for side in (32, 128))
    video = tmp_path / "a.h264"
    video.write_bytes(small.read_bytes() + large.read_bytes())
    assert decode_frames(video, range(10)).data.shape == (10, 32, 32, 3)
    monkeypatch.setattr(container, "LIMITS", {"max_pixels": "3000"})
    assert probe(video).num_frames == 5


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg"])
def test_packets_that_never_bring_a_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    data = encode(tmp_path / "a.avi", pictures(3), codec, pixels=pixels).read_bytes()
    monkeypatch.setattr(container, "MOST_FRUITLESS", 50)
    start = data.index(b"movi") + 4
    for name, place in (("before.avi", start), ("after.avi", data.index(b"00dc", data.index(b"00dc", start) + 4))):
        for number, said in ((20, None), (100, "not one frame of 50 packets in a row can be decoded")):
            path = tmp_path / name
            path.write_bytes(data[:place] + b"00dc\1\0\0\0\0\0" * number + data[place:])
            if said is None:
                assert decode_frames(path, [0]).data.shape == (1, 48, 64, 3)
                continue
            with pytest.raises(DecodeError, match=said):
                decode_frames(path, [probe(path).num_frames - 1])


def test_a_decoder_that_sounds_like_the_system_is_not_the_systems_error(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.avi", pictures(3, 144, 176), "h261")
    broken = bytearray(video.read_bytes())
    second = broken.index(b"00dc", broken.index(b"00dc", broken.index(b"movi")) + 4) + 8
    broken[second : second + 8] = b"\xff" * 8
    video.write_bytes(broken)
    with av.open(str(video)) as opened, pytest.raises(av.error.PermissionError):
        list(opened.decode(video=0))
    assert decode_frames(video, [0]).data.shape == (1, 144, 176, 3)
    with pytest.raises(DecodeError, match=r"damaged at 0\.0 s: a frame cannot be decoded"):
        verify(video)


def test_a_frame_that_its_packet_promised_in_vain(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mov", pictures(3), "png", pixels="rgb24")
    data = bytearray(video.read_bytes())
    last = data.rindex(b"IDAT") + 10
    data[last : last + 50] = bytes(50)
    video.write_bytes(data)
    with pytest.raises(DecodeError, match="asked for frame 2, but only 2 could be decoded of the 3 that its packets"):
        decode_frames(video, [2])


def test_a_png_with_a_wrong_sum_is_damaged(tmp_path: Path) -> None:
    noise = [np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8) for seed in range(3)]
    video = encode(tmp_path / "a.mov", noise, "png", pixels="rgb24")
    data = bytearray(video.read_bytes())
    place = data.index(b"IDAT", data.index(b"IDAT") + 4)  # the picture's second part
    data[place + 300] ^= 1
    video.write_bytes(data)
    with pytest.raises(DecodeError, match="damaged at"):
        verify(video)


def test_more_memory_than_there_is_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = encode(tmp_path / "a.mp4", pictures(2))

    def exhausted(*_: object) -> None:
        raise av.error.MemoryError(12, "Cannot allocate memory")

    monkeypatch.setattr(table, "frames_of", exhausted)
    with pytest.raises(DecodeError, match=r"a\.mp4: it asks for more memory than there is, or more than 1000 streams"):
        probe(video)
