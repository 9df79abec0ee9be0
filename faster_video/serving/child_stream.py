"""A stream that a user sends, decoded in a process with limits: pictures one by one, or pieces of an encoded stream.

Shapes: H W height and width of a picture, S side of the crop.
"""

import json
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import cast

import av
import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext

from faster_video.config import TransformConfig
from faster_video.errors import DecodeError
from faster_video.serving.reasons import failure_of
from faster_video.serving.wire import STOP, Header, send
from faster_video.streaming.config import USUAL_FPS
from faster_video.streaming.source import arriving
from faster_video.streaming.times import timed
from faster_video.streaming.viewer import FrameViewer
from faster_video.video.container import CONTAINERS, LIMITS, naming, video_stream
from faster_video.video.view import Pixels

CHUNKS, RGB = "chunks", "rgb"
PICTURES = {"jpeg": "mjpeg", "png": "png", "webp": "webp"}
"""Kinds of pictures, and FFmpeg's names of their decoders."""
FORMATS = (*PICTURES, RGB, CHUNKS)
MOST_PICTURE_PIXELS = 1 << 25
"""Of a picture: 7680 by 4320."""
NAME = "the stream"
STREAMABLE = "send WebM, MPEG-TS, or an MP4 whose index comes first"
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": ""}
"""Of a stream in pieces: it can open nothing else."""


def decode_stream(connection: Connection, request: Header, transform: TransformConfig, megabytes: int) -> None:
    """Send what the networks see of every picture, uint8 [S, S, 3], until the stream ends."""
    try:
        pieces = Pieces(connection)
        if request["format"] == CHUNKS:
            _decode_chunks(connection, pieces, transform)
        else:
            _decode_pictures(connection, pieces, request, transform)
        send(connection, {"end": True})
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:  # whatever a stream does to the decoder, the server hears of it
        send(connection, failure_of(error, NAME, megabytes))


class Pieces:
    """What comes through the pipe, a header and bytes each; a file that FFmpeg can read, as far as it goes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._left = memoryview(b"")
        self._asked = 0
        self._ended = False

    def next(self) -> tuple[Header, bytes] | None:
        """The next piece; None after the last one."""
        if self._ended:
            return None
        self._asked += 1
        send(self._connection, {"asked": self._asked})  # by which the server knows that nothing hangs here
        header = json.loads(self._connection.recv_bytes())
        if header.get("do") == STOP:
            self._ended = True
            return None
        return header, self._connection.recv_bytes()

    def read(self, size: int) -> bytes:
        """At most so many bytes, as soon as there are some; none at the end."""
        while not self._left:
            piece = self.next()
            if piece is None:
                return b""
            self._left = memoryview(piece[1])
        some, self._left = self._left[:size], self._left[size:]
        return bytes(some)


def _decode_chunks(connection: Connection, pieces: Pieces, transform: TransformConfig) -> None:
    view, pictures = FrameViewer(transform), 0
    try:
        with (
            naming(NAME),
            av.open(
                pieces, mode="r", options=LIMITS, container_options=OPTIONS, metadata_errors="replace"
            ) as container,
        ):
            stream = video_stream(container, NAME)
            rate = stream.average_rate or stream.guessed_rate
            fps = float(rate) if rate else USUAL_FPS
            send(connection, {"fps": fps})
            for item in timed(arriving(container, stream), fps):
                send(connection, {"seconds": item.seconds, "arrived": item.arrived, "lost": 0}, view(item.frame))
                pictures += 1
    except DecodeError as error:
        raise error if pictures else DecodeError(f"{error}; {STREAMABLE}") from error


def _decode_pictures(connection: Connection, pieces: Pieces, request: Header, transform: TransformConfig) -> None:
    view = FrameViewer(transform)
    send(connection, {"fps": request["fps"]})  # as they will come
    for number, (header, data) in enumerate(_all(pieces)):
        picture = _rgb(data, request, number) if request["format"] == RGB else _decoded(data, request, number)
        send(connection, header, view(picture))


def _all(pieces: Pieces) -> Iterator[tuple[Header, bytes]]:
    while (piece := pieces.next()) is not None:
        yield piece


def _rgb(data: bytes, request: Header, number: int) -> Pixels:
    """The picture [H, W, 3] that these bytes are."""
    height, width = int(str(request["height"])), int(str(request["width"]))
    if len(data) != height * width * 3:
        raise DecodeError(
            f"{NAME}: picture {number} has {len(data)} bytes; {width} by {height} pixels of 3 colours are "
            f"{height * width * 3}"
        )
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _decoded(data: bytes, request: Header, number: int) -> Pixels:
    """A coded picture as [H, W, 3]; each has a decoder of its own, so that none suffers from the one before."""
    kind = str(request["format"])
    with naming(f"{NAME}: picture {number}"):
        context = cast(VideoCodecContext, CodecContext.create(PICTURES[kind], "r"))
        context.thread_count = 1
        context.options = {"max_pixels": str(MOST_PICTURE_PIXELS)}
        frames = [*context.decode(av.Packet(data)), *context.decode(None)] if data else []
        if len(frames) != 1:
            raise DecodeError(f"{NAME}: picture {number} is no {kind} that can be read")
        return cast(Pixels, frames[0].to_ndarray(format="rgb24"))
