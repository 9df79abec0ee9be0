"""Opening a file as video, and nothing but that file; every failure becomes a `DecodeError` that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from faster_video.errors import DecodeError
from faster_video.files import printable

CONTAINERS = (
    "3dostr,amv,apng,asf,avi,av1,avs2,avs3,dv,flv,gif,h261,h263,hevc,h264,ivf,live_flv,m4v,"
    "matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,vc1,vivo,vvc,wtv,yuv4mpegpipe"
)
"""FFmpeg's names of the file formats we open: containers of coded pictures.

Playlists (hls, concat, dash, image2), which open other files, and text shown as pictures (tty) are not here.
"""
THREAD_COUNT = 1
"""Threads of one decoder. One is as quick as FFmpeg's AUTO on two cores, needs the least memory, delays
no frame after a seek and conceals damage the same way every time; many videos are read by many processes."""
MOST_PIXELS = 2**26
"""Of one picture, 8192×8192: twice what 8K has. A few bytes of a damaged or hostile file can promise a picture of any
size, and decoders take the memory for it before they look at what fills it."""
LIMITS = {"max_pixels": str(MOST_PIXELS)}
"""FFmpeg's option for it: the decoder then refuses larger pictures, wherever in the file they come."""
READ_ERRORS = (av.error.FFmpegError, OSError, MemoryError, LookupError, ValueError, RuntimeError)
"""What PyAV raises on damaged files: FFmpeg's errors, and Python's own where it trips over what FFmpeg found."""


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Turn what FFmpeg or the system raises into a `DecodeError` that starts with the file's name."""
    try:
        yield
    except READ_ERRORS as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DecodeError(f"{printable(path)}: {' '.join(reason.split())}") from error


def open_container(path: str | Path) -> InputContainer:
    """Open a file for reading; the caller closes it. Raises `DecodeError`."""
    _require_file(path)
    try:
        # `file:` keeps FFmpeg from reading a name such as "http:…" or "a:b.mp4" as a protocol.
        return av.open(
            f"file:{path}",
            mode="r",
            options=LIMITS,  # for the decoders that look into the streams while the file is opened
            container_options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except READ_ERRORS as error:
        raise DecodeError(
            f"{printable(path)}: not a video file that can be read, or cut off before its header is complete "
            f"({getattr(error, 'strerror', None) or error})"
        ) from error


def _require_file(path: str | Path) -> None:
    """Refuse what is no regular file with something in it, in plainer words than FFmpeg's."""
    file = Path(path)
    try:
        if file.is_dir():
            raise DecodeError(f"{printable(path)}: is a folder, not a video file")
        if file.stat().st_size == 0:
            raise DecodeError(f"{printable(path)}: the file is empty")
        if not file.is_file():
            raise DecodeError(f"{printable(path)}: is not a regular file")
    except (OSError, ValueError) as error:
        raise DecodeError(f"{printable(path)}: {getattr(error, 'strerror', None) or error}") from error


def video_stream(container: InputContainer, path: str | Path) -> VideoStream:
    """The first stream that is a video, cover art aside, ready to decode. Raises `DecodeError`."""
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        # PyAV's types leave out that a stream without a decoder has no codec context.
        if cast("object | None", stream.codec_context) is None:
            raise DecodeError(f"{printable(path)}: this FFmpeg has no decoder for its video stream")
        _require_bearable(stream, path)
        stream.thread_count = THREAD_COUNT
        stream.codec_context.options = LIMITS
        return stream
    raise DecodeError(f"{printable(path)}: has no video stream")


def _require_bearable(stream: VideoStream, path: str | Path) -> None:
    height, width = stream.codec_context.height, stream.codec_context.width
    if height * width > MOST_PIXELS:
        raise DecodeError(
            f"{printable(path)}: its header says that its pictures are {width}×{height} pixels; the most that is "
            f"decoded is {MOST_PIXELS:,} of them, such as 8192×8192"
        )


def frames_of(packet: "Packet[VideoStream]") -> list[VideoFrame]:
    """The frames a packet brings out of the decoder.

    None where the container marks the packet as damaged, or where the decoder refuses it, for whatever reason: it
    touches no file, so what sounds like one of the system's, such as "Operation not permitted", is about the data.
    """
    if packet.is_corrupt:
        return []
    try:
        return packet.decode()
    except av.error.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return []


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """The frames from the container's present position on, in display order."""
    for packet in container.demux(stream):
        yield from frames_of(packet)
