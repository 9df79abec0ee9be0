"""Makes real video files of every awkward kind, and reads them plainly to compare with."""

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def pictures(count: int, height: int = 48, width: int = 64) -> list[Pixels]:
    """Moving coloured blocks, no two pictures alike: uint8 [H, W, 3] each."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    canvas = blocks.repeat(8, 0).repeat(8, 1)[:height, :width]
    return [np.roll(canvas, (2 * i, 3 * i), (0, 1)) for i in range(count)]


def encode(
    path: Path,
    frames: Sequence[NDArray[np.generic]],
    codec: str = "libx264",
    *,
    pixels: str = "yuv420p",
    source: str = "rgb24",
    pts: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    matrix: Sequence[int] | None = None,
) -> Path:
    """Write frames at 30 per second, or at `pts` thirtieths; H.264 and MPEG-2 with B-frames and long gaps."""
    with av.open(f"file:{path}", "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=30, options={"threads": "1"} | (options or {}))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = 25
        if codec in ("libx264", "mpeg2video"):
            stream.codec_context.max_b_frames = 3
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format=source)  # type: ignore[arg-type]
            frame.pts = number if pts is None else pts[number]
            frame.time_base = Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


KINDS = {
    "h264.mp4": ("libx264", "yuv420p"),
    "h264.mkv": ("libx264", "yuv420p"),
    "h264.ts": ("libx264", "yuv420p"),
    "h264.avi": ("libx264", "yuv420p"),
    "raw.h264": ("libx264", "yuv420p"),
    "mpeg4.avi": ("mpeg4", "yuv420p"),
    "mpeg2.ts": ("mpeg2video", "yuv420p"),
    "vp8.webm": ("libvpx", "yuv420p"),
    "ffv1.mkv": ("ffv1", "yuv420p"),
    "qtrle.mov": ("qtrle", "argb"),
}
"""File names that stand for a container, with the codec and its pixels."""


def encode_kind(path: Path, count: int) -> Path:
    """A video of the kind that the file's name stands for."""
    codec, pixels = KINDS[path.name]
    options = {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "realtime"} if codec == "libvpx" else {}
    return encode(path, pictures(count), codec, pixels=pixels, options=options)


EMPTY_PICTURE = b"\x00\x00\x00\x03\x0c\xff\x80"
"""H.264 filler data in a packet of its own: it promises a frame and gives none."""


def encode_hollow(path: Path, count: int) -> Path:
    """As many packets, two frames fewer: two of the first keyframe group's pictures are missing."""
    options = {"x264-params": "bframes=0:keyint=15:scenecut=0"}
    whole = encode(path.with_stem("whole"), pictures(count), options=options)
    return remux(whole, path, {8: EMPTY_PICTURE, 9: EMPTY_PICTURE})


def plain_read(path: Path) -> list[Pixels]:
    """Every frame as PyAV's own sequential decode gives it: the reference for all other reads."""
    found: list[Pixels] = []
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        for packet in container.demux(stream):
            with suppress(av.error.InvalidDataError):
                found += [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in packet.decode()]
    return found


def remux(source: Path, target: Path, replaced: dict[int, bytes]) -> Path:
    """Copy a video's packets, those with the given numbers in file order exchanged for other bytes."""
    with av.open(f"file:{source}") as read, av.open(f"file:{target}", "w") as write:
        stream = read.streams.video[0]
        copy = write.add_stream_from_template(stream)
        for number, packet in enumerate(read.demux(stream)):
            if packet.dts is None:
                continue
            written = av.Packet(replaced.get(number, bytes(packet)))
            written.pts, written.dts, written.duration = packet.pts, packet.dts, packet.duration
            written.time_base, written.is_keyframe = packet.time_base, packet.is_keyframe
            written.stream = copy
            write.mux(written)
    return target
