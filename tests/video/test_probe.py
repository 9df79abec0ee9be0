import csv
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import Pixels, encode, pictures, plain_read

from faster_video.errors import DecodeError
from faster_video.video import VideoInfo, decode_frames, probe

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def test_probe_says_what_the_file_holds(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mp4", pictures(45))
    assert probe(str(video)) == VideoInfo(
        path=video, num_frames=45, fps=Fraction(30), seconds=1.5, height=48, width=64, rotation=0, codec="h264"
    )


def test_average_rate_and_length_of_a_variable_frame_rate(tmp_path: Path) -> None:
    info = probe(encode(tmp_path / "a.mkv", pictures(5), pts=[0, 3, 4, 20, 40]))
    assert float(info.fps) == pytest.approx(3, rel=0.01)
    assert info.seconds == pytest.approx(40 / 30, abs=0.4)


@pytest.mark.parametrize("name", ["one.mp4", "one.mkv", "one.avi", "one.ts"])
def test_one_frame(tmp_path: Path, name: str) -> None:
    video = encode(tmp_path / name, pictures(1))
    info = probe(video)
    assert (info.num_frames, info.fps) == (1, Fraction(30))
    assert info.seconds == pytest.approx(1 / 30, abs=0.001)
    np.testing.assert_array_equal(decode_frames(video, [0]).data, plain_read(video))


@pytest.mark.parametrize("promised", [1, 1000])
def test_a_header_that_lies_about_the_frame_count(tmp_path: Path, promised: int) -> None:
    video = encode(tmp_path / "a.avi", pictures(30), "mpeg4")
    data = bytearray(video.read_bytes())
    main_header, stream_header = data.index(b"avih") + 8, data.index(b"strh") + 8
    data[main_header + 16 : main_header + 20] = promised.to_bytes(4, "little")
    data[stream_header + 32 : stream_header + 36] = promised.to_bytes(4, "little")
    video.write_bytes(data)
    with av.open(str(video)) as container:
        assert container.streams.video[0].frames == promised
    assert probe(video).num_frames == 30
    assert decode_frames(video, range(30)).data.shape[0] == 30


ONE = 1 << 16
TURNS: dict[
    str, tuple[list[int], int, Callable[[Pixels], Pixels]]
] = {  # rows of the display matrix: column and row that a stored column, row is sent to
    "90 clockwise": ([0, ONE, 0, -ONE, 0, 0], 90, lambda picture: np.rot90(picture, -1)),
    "180": ([-ONE, 0, 0, 0, -ONE, 0], 180, lambda picture: np.rot90(picture, 2)),
    "90 anticlockwise": ([0, -ONE, 0, ONE, 0, 0], 270, lambda picture: np.rot90(picture, 1)),
    "mirrored": ([-ONE, 0, 0, 0, ONE, 0], 180, lambda picture: picture[:, ::-1]),
    "upside down": ([ONE, 0, 0, 0, -ONE, 0], 0, lambda picture: picture[::-1]),
}


@pytest.mark.parametrize("turn", TURNS)
def test_rotation_is_applied_to_the_pixels(tmp_path: Path, turn: str) -> None:
    matrix, rotation, turned = TURNS[turn]
    video = encode(tmp_path / "a.mp4", pictures(3), matrix=[*matrix, 0, 0, 1 << 30])
    expected = np.stack([turned(picture) for picture in plain_read(video)])
    info = probe(video)
    assert info.rotation == rotation
    assert (info.height, info.width) == expected.shape[1:3]
    np.testing.assert_array_equal(decode_frames(video, range(3)).data, expected)


@pytest.mark.parametrize("height, width", [(47, 63), (1, 65), (31, 32), (2, 2)])
def test_odd_sizes(tmp_path: Path, height: int, width: int) -> None:
    frames = pictures(3, height, width)
    video = encode(tmp_path / "a.mkv", frames, "ffv1", pixels="bgr0")
    np.testing.assert_array_equal(decode_frames(video, range(3)).data, np.stack(frames))
    video = encode(tmp_path / "b.mkv", frames, "ffv1", pixels="yuv444p")
    assert np.abs(decode_frames(video, range(3)).data.astype(int) - np.stack(frames)).max() <= 4


def test_odd_sizes_in_h264(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mp4", pictures(3, 47, 63), pixels="yuv444p")
    assert decode_frames(video, [2]).data.shape == (1, 47, 63, 3)


def test_ten_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None].repeat(48, 0).repeat(3, 2)
    video = encode(tmp_path / "a.mkv", [ramp] * 2, "ffv1", pixels="yuv420p10le")
    assert np.abs(decode_frames(video, [1]).data[0].astype(int) - ramp).max() <= 2


@pytest.mark.parametrize("pixels, scale", [("gray", 1), ("gray10le", 4)])
def test_grey(tmp_path: Path, pixels: str, scale: int) -> None:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)[None].repeat(48, 0)
    frame = ramp if scale == 1 else ramp.astype(np.uint16) * scale
    video = encode(tmp_path / "a.mkv", [frame], "ffv1", pixels=pixels, source=pixels)
    found = decode_frames(video, [0]).data[0].astype(int)
    assert np.abs(found - ramp[..., None]).max() <= 2


@pytest.mark.parametrize("codec, name, pixels", [("qtrle", "a.mov", "argb"), ("png", "a.mov", "rgba")])
def test_alpha_is_dropped_and_the_stored_colour_shown(tmp_path: Path, codec: str, name: str, pixels: str) -> None:
    frame = np.full((16, 16, 4), [200, 100, 50, 0], np.uint8)
    frame[:8, :, 3] = 255
    video = encode(tmp_path / name, [frame], codec, pixels=pixels, source="rgba")
    assert (decode_frames(video, [0]).data == [200, 100, 50]).all()


def test_cover_art_is_not_the_video(tmp_path: Path) -> None:
    cover = encode(tmp_path / "cover.png", pictures(1, 10, 10), "png", pixels="rgb24")
    with av.open(str(tmp_path / "music.mp4"), "w") as out, av.open(str(cover)) as image:
        sound = out.add_stream("aac", rate=8000)
        art = out.add_stream_from_template(image.streams.video[0])
        art.disposition = av.stream.Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        for packet in image.demux(video=0):
            if packet.dts is not None:
                packet.stream = art
                out.mux(packet)
        out.mux(sound.encode(silence))
        out.mux(sound.encode(None))
    with pytest.raises(DecodeError, match=r"music\.mp4: has no video stream"):
        probe(tmp_path / "music.mp4")


@pytest.mark.parametrize("name", ["a [b] & ;!#.mp4", "a:b.mp4", "http:x.mp4", "%03d.mp4", "new\nline.mp4", "-i é.mp4"])
def test_any_file_name(tmp_path: Path, name: str) -> None:
    video = encode(tmp_path / "plain.mp4", pictures(2)).rename(tmp_path / name)
    assert probe(video).num_frames == 2
    with pytest.raises(DecodeError) as caught:
        decode_frames(video, [5])
    assert len(str(caught.value).splitlines()) == 1


def test_a_relative_name_that_looks_like_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode(tmp_path / "plain.mp4", pictures(2)).rename(tmp_path / "pipe:0")
    monkeypatch.chdir(tmp_path)
    assert probe("pipe:0").num_frames == 2


def cut(path: Path, share: float = 0.6) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def playlist(folder: Path) -> Path:
    """An HLS playlist under a video's name that points at a real video beside it."""
    encode(folder / "real.ts", pictures(3))
    (folder / "a.mp4").write_text("#EXTM3U\n#EXTINF:1,\nreal.ts\n#EXT-X-ENDLIST\n")
    return folder / "a.mp4"


def concat_list(folder: Path) -> Path:
    encode(folder / "real.ts", pictures(3))
    (folder / "a.ffconcat").write_text("ffconcat version 1.0\nfile real.ts\n")
    return folder / "a.ffconcat"


def written(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def cut_mp4(options: dict[str, str], share: float) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        video = encode(folder / "a.mp4", pictures(60), container_options=options)
        cut(video, share)
        return video

    return write


def cut_between_frames(folder: Path) -> Path:
    """An MP4 whose data end exactly where a frame ends: no packet is damaged, only the rest is missing."""
    video = encode(folder / "a.mp4", pictures(60), container_options={"movflags": "+faststart"})
    with av.open(str(video)) as container:
        end = container.streams.video[0].index_entries[40].pos
    video.write_bytes(video.read_bytes()[:end])
    return video


def sound_only(folder: Path) -> Path:
    with av.open(str(folder / "a.mp4"), "w") as out:
        sound = out.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        out.mux(sound.encode(silence))
        out.mux(sound.encode(None))
    return folder / "a.mp4"


BROKEN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "none.mp4", "No such file or directory"),
    "folder": (lambda folder: folder, "is a folder, not a video file"),
    "zero byte in the name": (lambda folder: folder / "a\0b", "null"),
    "device": (lambda folder: Path("/dev/null"), "is empty|not a regular file"),
    "empty": (written("a.mp4", b""), "the file is empty"),
    "text": (written("a.mp4", b"hello\n" * 99), "not a video file that can be read"),
    "text under its own name": (written("a.txt", b"hello\n" * 99), "not a video file that can be read"),
    "noise": (written("a.avi", np.random.default_rng(0).bytes(5000)), "not a video file that can be read"),
    "playlist": (playlist, "not a video file that can be read"),
    "concat": (concat_list, "not a video file that can be read"),
    "sound only": (sound_only, "has no video stream"),
    "mp4 without its index": (cut_mp4({}, 0.5), "cut off before its header is complete"),
    "mp4 with its end missing": (
        cut_mp4({"movflags": "+faststart"}, 0.6),
        "truncated: its header lists 60 frames, but the data of the last [0-9]+ are missing",
    ),
    "mp4 cut between two frames": (cut_between_frames, "truncated: its header lists 60 frames"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_every_broken_file_is_named_with_its_reason(tmp_path: Path, kind: str) -> None:
    make, reason = BROKEN[kind]
    path = make(tmp_path)
    for read in (probe, lambda path: decode_frames(path, [0])):
        with pytest.raises(DecodeError, match=reason) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: " if str(path).isprintable() else repr(str(path))[1:-1])
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name, codec", [("a.avi", "mpeg4"), ("a.mkv", "libx264"), ("a.ts", "mpeg2video")])
def test_a_cut_file_without_a_promise_has_the_frames_that_are_left(tmp_path: Path, name: str, codec: str) -> None:
    video = encode(tmp_path / name, pictures(60, 96, 128), codec)
    whole = plain_read(video)
    cut(video)
    left = probe(video).num_frames
    assert 0 < left < 60
    np.testing.assert_array_equal(decode_frames(video, range(left - 2)).data, np.stack(whole[: left - 2]))
    with pytest.raises(DecodeError, match=f"asked for frame 59, but only {left} could be decoded"):
        decode_frames(video, [59])


def test_every_frame_of_real_videos_is_counted_and_found() -> None:
    if not SHARED.exists():
        pytest.skip(f"the real videos are not at {SHARED}")
    for name in ("fights", "interactions"):
        with (SHARED / name / "test.csv").open() as rows:
            paths = [SHARED / name / row["path"] for row in csv.DictReader(rows)]
        for path in paths[::8]:
            expected = plain_read(path)
            info = probe(path)
            assert info.num_frames == len(expected)
            chosen = [0, len(expected) - 1, len(expected) // 2]
            frames = decode_frames(path, chosen)
            np.testing.assert_array_equal(frames.data, np.stack([expected[index] for index in chosen]))
