"""Where frames come from: a file, a camera, a pipe or an address, read in a thread of its own that may get stuck."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import perf_counter
from typing import Self
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from faster_video.errors import ConfigError, StreamError
from faster_video.files import printable
from faster_video.streaming.config import USUAL_FPS
from faster_video.streaming.times import ArrivedFrame, TimedFrame, timed
from faster_video.streaming.waiting import End, WaitingFrames
from faster_video.video.container import CONTAINERS, frames_of, open_container, video_stream

SCHEMES = ("http", "https", "rtmp", "rtsp", "srt", "tcp", "udp")
"""Of the addresses that are opened."""
PROTOCOLS = "crypto,hls,http,httpproxy,https,rtmp,rtp,rtsp,srt,tcp,tls,udp"
"""What FFmpeg may use on the way to an address: no files."""
PIPE = "-"
OF_PIPES = {"format_whitelist": CONTAINERS}
"""No playlist, which would open other files."""
FORMATS_OF_ADDRESSES = f"{CONTAINERS},hls,mpjpeg,rtsp,aac,ac3,eac3,mp3,webvtt"
"""FFmpeg's names of what an address may lead to: those of files, HTTP live streaming with what comes beside its
pictures, pictures one after the other as cameras send them, and RTSP."""
MOST_DELAYED = 256
"""Packets whose frames a decoder may still hold."""


class Source:
    """Frames of a source in their order; use it in a `with` statement.

    A reader that is stuck in the system is left behind when nothing has come for `timeout_seconds`. A live source does
    not wait: where frames are not taken in time, `waiting` grows, and past 256 MiB the oldest ones are let go.
    """

    def __init__(self, name: str, *, live: bool | None = None, timeout_seconds: float = 10.0) -> None:
        """Open it and wait for its first words; cameras and addresses are `live` unless told otherwise.

        Raises:
            ConfigError: `timeout_seconds` is not above 0.
            StreamError: there is no such source, it is no video, or it says nothing.
        """
        if not 0 < timeout_seconds < float("inf"):
            raise ConfigError(f"timeout_seconds is {timeout_seconds}; it must be a number above 0")
        self.name = name
        self.fps = USUAL_FPS
        """Frames per second, as the source says; the usual ones where it does not."""
        self.live = is_live(name) if live is None else live
        self._timeout = timeout_seconds
        self._frames = WaitingFrames(live=self.live)
        self._opened: Queue[float | End] = Queue()
        Thread(target=self._read, name="source", daemon=True).start()
        try:
            told = self._opened.get(timeout=timeout_seconds)
        except Empty:
            self.close()
            raise StreamError(f"{printable(name)}: {self._silence}") from None
        if isinstance(told, End):
            raise StreamError(f"{printable(name)}: {told.reason}")
        self.fps = told

    @property
    def waiting(self) -> int:
        """Frames that have come and were not taken yet."""
        return len(self._frames)

    @property
    def frames_dropped(self) -> int:
        """Let go because nobody took them."""
        return self._frames.lost

    def make_room(self, clip_frames: int) -> None:
        """Have two clips of so many frames wait whatever their size, and let no frame go of one that is being taken."""
        self._frames.clip_frames = clip_frames

    @property
    def _silence(self) -> str:
        return f"nothing came for {self._timeout:g} seconds"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[TimedFrame]:
        """The frames as they come. Raises `StreamError` where the source ends with an error, or says nothing."""
        while True:
            item = self._frames.take(self._timeout)
            if item is None:
                raise StreamError(f"{printable(self.name)}: {self._silence}")
            if isinstance(item, End):
                if item.reason is not None:
                    raise StreamError(f"{printable(self.name)}: {item.reason}")
                return
            yield item

    def close(self) -> None:
        """Let the reader end as soon as it notices."""
        self._frames.close()

    def _read(self) -> None:
        opened = False
        try:
            with open_source(self.name, self._timeout) as container:
                stream = video_stream(container, self.name)
                rate = stream.average_rate or stream.guessed_rate
                self._opened.put(float(rate) if rate else USUAL_FPS)
                opened = True
                for item in timed(arriving(container, stream), float(rate) if rate else USUAL_FPS):
                    if not self._frames.put(item):
                        return
            self._frames.end(End())
        except Exception as error:  # whatever it is, whoever waits for frames must hear of it
            end = End(self._reason(error))
            if opened:
                self._frames.end(end)
            else:
                self._opened.put(end)

    def _reason(self, error: Exception) -> str:
        if isinstance(error, av.error.ExitError):  # by PyAV's own clock
            return self._silence
        reason = getattr(error, "strerror", None) or str(error).removeprefix(f"{printable(self.name)}: ")
        return " ".join(reason.split()) or type(error).__name__


def open_source(name: str, timeout_seconds: float) -> InputContainer:
    """Open `-` (standard input), an address, a camera such as /dev/video0, a named pipe or a file.

    Raises:
        DecodeError: it is a file and no video, or there is none.
        StreamError: there is nothing of that kind here.
        av.error.FFmpegError, OSError: it cannot be opened.
    """
    if name == PIPE:
        if sys.stdin is None or sys.stdin.isatty():
            raise StreamError("-: standard input is a terminal; pipe a video into it")
        return av.open("pipe:0", container_options=OF_PIPES | {"protocol_whitelist": "pipe"})
    scheme = urlsplit(name).scheme
    if "://" in name:
        if scheme not in SCHEMES:
            raise StreamError(f"{name}: addresses that begin with {scheme}:// are not opened; use {', '.join(SCHEMES)}")
        options = {"rtsp_transport": "tcp"} if scheme == "rtsp" else {}
        return av.open(
            name,
            options=options,
            container_options={"format_whitelist": FORMATS_OF_ADDRESSES, "protocol_whitelist": PROTOCOLS},
            timeout=(timeout_seconds, timeout_seconds),
        )
    if _is_device(name):
        return av.open(name, format="v4l2")
    if _is_fifo(name):
        return av.open(f"file:{name}", container_options=OF_PIPES | {"protocol_whitelist": "file"})
    return open_container(name)


def arriving(container: InputContainer, stream: VideoStream) -> Iterator[ArrivedFrame]:
    """The decoded frames in display order, each with the time at which its packet was read."""
    came: dict[int, float] = {}
    for packet in container.demux(stream):
        now = perf_counter()
        if packet.pts is not None:
            came[packet.pts] = now
        for frame in frames_of(packet):
            yield ArrivedFrame(frame, now if frame.pts is None else came.pop(frame.pts, now))
        while len(came) > MOST_DELAYED:  # of packets that brought no frame
            del came[next(iter(came))]


def is_file(name: str) -> bool:
    """Whether a source can be read again from its beginning."""
    return name != PIPE and not is_live(name) and not _is_fifo(name)


def is_live(name: str) -> bool:
    """Whether a source goes on while nobody reads it: a camera or an address."""
    return "://" in name or _is_device(name)


def _mode(name: str) -> int:
    try:
        return Path(name).stat().st_mode
    except (OSError, ValueError):
        return 0


def _is_device(name: str) -> bool:
    return stat.S_ISCHR(_mode(name)) and os.name == "posix"


def _is_fifo(name: str) -> bool:
    return stat.S_ISFIFO(_mode(name))
