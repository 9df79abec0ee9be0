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
MOST_PIXELS = 8192 * 4608
"""Of one picture: somewhat more than 8K has. A few bytes of a damaged or hostile file can promise pictures of any size,
and decoders take the memory for them, some twenty bytes a pixel in all, before they look at what fills them."""
LIMITS = {"max_pixels": str(MOST_PIXELS)}
"""FFmpeg's option for it: the decoder then refuses larger pictures, wherever in the file they come."""
MOST_FRUITLESS = 100_000
"""Packets in a row that bring no frame; real files have a few, hostile ones millions of a byte each."""
READ_ERRORS = (av.error.FFmpegError, OSError, MemoryError, LookupError, ValueError, RuntimeError)
"""What PyAV raises on damaged files: FFmpeg's errors, and Python's own where it trips over what FFmpeg found."""


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Turn what FFmpeg or the system raises into a `DecodeError` that starts with the file's name."""
    try:
        yield
    except READ_ERRORS as error:
        reason = _in_words(error)
        if isinstance(error, av.error.FFmpegError) and not isinstance(error, MemoryError):
            reason = f"cannot be read to its end: damaged, or not as its format asks ({reason})"
        raise DecodeError(f"{printable(path)}: {reason}") from error


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is, or more than 1000 streams, as a damaged header may"
    return " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())


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
            f"({_in_words(error)})"
        ) from error


def _require_file(path: str | Path) -> None:
    """Refuse what is no regular file with something in it, in plainer words than FFmpeg's."""
    file = Path(path)
    try:
        if file.is_dir():
            raise DecodeError(f"{printable(path)}: is a folder, not a video file")
        size = file.stat().st_size
        if not file.is_file():
            raise DecodeError(f"{printable(path)}: is not a regular file")
        if size == 0:
            raise DecodeError(f"{printable(path)}: the file is empty")
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
            f"{printable(path)}: its header says that its pictures are {width}×{height}; the limit is {MOST_PIXELS:,} "
            "pixels, such as 8192×4608"
        )


def undecodable(stream: VideoStream, path: str | Path) -> DecodeError:
    """The error of a file that gives not one frame; FFmpeg forgets a size that is above the limit."""
    said = f"{printable(path)}: not one frame of its video stream can be decoded"
    if stream.codec_context.width:
        return DecodeError(said)
    return DecodeError(f"{said}; it names no size of its pictures, or one above the limit of {MOST_PIXELS:,} pixels")


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


def decoded(container: InputContainer, stream: VideoStream, path: str | Path) -> Iterator[VideoFrame]:
    """The frames from the container's present position on, in display order."""
    fruitless = 0
    for packet in container.demux(stream):
        frames = frames_of(packet)
        fruitless = 0 if frames else fruitless + 1
        require_fruit(fruitless, path)
        yield from frames


def require_fruit(fruitless: int, path: str | Path) -> None:
    """Refuse to go on after so many packets without a frame."""
    if fruitless > MOST_FRUITLESS:
        raise DecodeError(f"{printable(path)}: not one frame of {MOST_FRUITLESS:,} packets in a row can be decoded")
