"""Files that are odd and not damaged: each with the number of frames that it has, where that is well defined."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import count, islice
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from av.video.stream import VideoStream
from pairs import picture

FRAMES = 6
MILLION = 1_000_000
KINDS = {
    "ffv1.mkv": ("ffv1", "bgr0"),
    "png.mov": ("png", "rgb24"),
    "h264.mp4": ("libx264", "yuv444p"),
    "mjpeg.avi": ("mjpeg", "yuvj420p"),
    "vp9.webm": ("libvpx-vp9", "yuv420p"),
    "raw.nut": ("rawvideo", "yuv420p"),
}
"""How a file's name ends, which says the container, with its codec and pixels."""
BARE = {"bare.h264": ("libx264", "yuv420p"), "bare.mjpeg": ("mjpeg", "yuvj420p")}
"""The same of files without a container."""


def encoded(
    path: Path,
    size: tuple[int, int] = (48, 64),
    *,
    times: Sequence[int] = range(FRAMES),
    rate: int = 25,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of this height and width whose frames are shown at these times, in units of 1 / `rate`."""
    kinds = (KINDS | BARE).items()
    codec, pixels = next((kind for name, kind in kinds if path.name.endswith(name)), ("mpeg4", "yuv420p"))
    with av.open(str(path), "w", container_options=options or {}) as out:
        stream = _stream(out.add_stream(codec, rate=rate, options={"strict": "unofficial", "speed": "8"}), size, pixels)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, *size))
            frame.pts, frame.time_base = time, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def _stream(stream: object, size: tuple[int, int], pixels: str) -> VideoStream:
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = size
    stream.pix_fmt = pixels
    stream.codec_context.gop_size = 3
    return stream


def with_cover(path: Path) -> Path:
    """A picture that is a cover, and then the video."""
    cover = encoded(path.with_name("cover.png.mov"), (80, 80), times=[0])
    return _beside(cover, path, Disposition.attached_pic)


def cover_only(path: Path) -> Path:
    """A picture that is a cover, and sound."""
    cover = encoded(path.with_name("cover.png.mov"), (80, 80), times=[0])
    with av.open(str(cover)) as source, av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=8000)
        art = out.add_stream_from_template(source.streams.video[0])
        art.disposition = Disposition.attached_pic
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = art
                out.mux(packet)
        out.mux(sound.encode(_silence()))
        out.mux(sound.encode(None))
    return path


def with_subtitles(path: Path) -> Path:
    """Subtitles, and then the video."""
    words = path.with_name("words.srt")
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\n<b>Words</b>\n\n2\n00:00:01,000 --> 99:59:59,000\nMore\n")
    return _beside(words, path, Disposition.default)


def subtitles_only(path: Path) -> Path:
    """Nothing but words."""
    path.write_text("1\n00:00:00,000 --> 00:00:01,000\nWords\n")
    return path


def sound_only(path: Path) -> Path:
    """Nothing but silence."""
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=8000)
        out.mux(sound.encode(_silence()))
        out.mux(sound.encode(None))
    return path


def _silence() -> av.AudioFrame:
    silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
    silence.sample_rate = 8000
    return silence


def _beside(source: Path, path: Path, disposition: Disposition) -> Path:
    """A file with the source's only stream, then a video."""
    with av.open(str(source)) as read, av.open(str(path), "w") as out:
        copy = out.add_stream_from_template(read.streams[0])
        copy.disposition = disposition
        stream = _stream(out.add_stream("mpeg4", rate=25), (48, 64), "yuv420p")
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
        for number in range(FRAMES):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, 48, 64))))
        out.mux(stream.encode())
    return path


def joined(*sizes: tuple[int, int]) -> Callable[[Path], Path]:
    """Videos of these sizes, one behind the other in one file: pictures change their size in its middle."""

    def write(path: Path) -> Path:
        parts = [encoded(path.with_name(f"{number}-{path.name}"), size) for number, size in enumerate(sizes)]
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        return path

    return write


def many_tracks(number: int) -> Callable[[Path], Path]:
    """An MP4 whose header lists the one track that it has this many times."""

    def write(path: Path) -> Path:
        data = encoded(path).read_bytes()
        movie, track = data.index(b"moov") - 4, data.index(b"trak") - 4
        size, track_size = (int.from_bytes(data[start : start + 4], "big") for start in (movie, track))
        tracks = data[track : track + track_size] * number
        grown = (size - track_size + len(tracks)).to_bytes(4, "big")
        path.write_bytes(data[:movie] + grown + data[movie + 4 : track] + tracks + data[track + track_size :])
        return path

    return write


def many_packets(packet: bytes, number: int = MILLION) -> Callable[[Path], Path]:
    """An AVI whose frames come behind a million packets."""

    def write(path: Path) -> Path:
        data = encoded(path).read_bytes()
        start = data.index(b"movi") + 4
        path.write_bytes(data[:start] + packet * number + data[start:])
        return path

    return write


def _at(times: Sequence[int], rate: int = 25, **options: str) -> Callable[[Path], Path]:
    return lambda path: encoded(path, times=times, rate=rate, options=options)


def _of(height: int, width: int) -> Callable[[Path], Path]:
    return lambda path: encoded(path, (height, width))


NEGATIVE = list(range(-4, 2))
ODD: dict[str, tuple[Callable[[Path], Path], int | str | None]] = {
    **{f"1x1-{name}": (_of(1, 1), FRAMES) for name in KINDS},
    **{f"16384x16-{name}": (_of(16, 16384), FRAMES) for name in KINDS},
    **{f"16x16384-{name}": (_of(16384, 16), FRAMES) for name in KINDS},
    **{f"1000-fps-{name}": (_at(range(FRAMES), 1000), FRAMES) for name in KINDS},
    "65000-fps.mp4": (_at(range(FRAMES), 65000), FRAMES),
    "negative.mkv": (_at(NEGATIVE, avoid_negative_ts="disabled"), FRAMES),
    "negative.ts": (_at(NEGATIVE, avoid_negative_ts="disabled"), FRAMES),
    "negative.mov": (_at(NEGATIVE, avoid_negative_ts="disabled"), 2),  # what comes before 0 is not shown
    "hours-apart.mkv": (_at(list(islice(count(0, 25 * 3600), FRAMES))), FRAMES),
    "weeks-apart-png.mov": (_at([0, 25 * 10**6]), 2),
    "end-of-time-raw.nut": (_at([0, 2**61, 2**62]), None),
    "end-of-time-png.mov": (_at([0, 2**61, 2**62]), None),
    "cover-and-video.mp4": (with_cover, FRAMES),
    "cover-only.mp4": (cover_only, "has no video stream"),
    "subtitles-and-video.mkv": (with_subtitles, FRAMES),
    "subtitles-only.srt": (subtitles_only, "not a video file"),
    "sound-only.mp4": (sound_only, "has no video stream"),
    "sound-only.mkv": (sound_only, "has no video stream"),
    "other-sizes-bare.h264": (joined((16, 16), (720, 1280), (48, 64)), 3 * FRAMES),
    "other-sizes-bare.mjpeg": (joined((16, 16), (720, 1280), (48, 64)), 3 * FRAMES),
    "other-sizes.ts": (joined((16, 16), (720, 1280), (48, 64)), None),
    "900-tracks.mp4": (many_tracks(900), FRAMES),
    "30000-tracks.mp4": (many_tracks(30000), "more than 1000 streams"),
    "empty-packets.avi": (many_packets(b"00dc" + bytes(4)), FRAMES),
    "packets-of-a-byte.avi": (many_packets(b"00dc\1\0\0\0\0\0"), "100,000 packets in a row"),
}
"""By the file's name: how it is written, and its frames, or what the refusal says; None where either will do."""
NAMES = (
    "new\nline.avi",
    "carriage\rreturn.avi",
    "'single' \"double\" `back`.avi",
    "tab\tbell\a.avi",
    "back\\slash.avi",
    "\x1b[31mred.avi",
    "\u202eright to left.avi",
    "no UTF-8 \udcff.avi",
    "-i.avi",
    "$(reboot);&|.avi",
    "http:x.avi",
    "%d %s %n.avi",
    " .avi",
    "é" * 120 + ".avi",
)
