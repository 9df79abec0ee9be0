"""Where frames come from: a file, a camera, a pipe or an address, read in a thread of its own that may get stuck."""

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import perf_counter
from typing import Self
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from faster_video.errors import ConfigError, StreamError
from faster_video.files import printable
from faster_video.streaming.config import USUAL_FPS
from faster_video.video.container import CONTAINERS, decoded, open_container, video_stream

SCHEMES = ("http", "https", "rtmp", "rtsp", "srt", "tcp", "udp")
"""Of the addresses that are opened."""
PROTOCOLS = "crypto,hls,http,httpproxy,https,rtmp,rtp,rtsp,srt,tcp,tls,udp"
"""What FFmpeg may use on the way to an address: no files."""
PIPE = "-"
OF_PIPES = {"format_whitelist": CONTAINERS}
"""No playlist, which would open other files."""
MOST_WAITING = 64
"""Frames that wait to be taken, of a source that waits for its reader, such as a file."""
MOST_WAITING_LIVE = 512
"""Of one that does not: 17 seconds of 30 frames a second, longer than a clip takes."""
WAKE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame and when it is shown, later than the one before."""

    frame: VideoFrame
    seconds: float
    arrived: float
    """By `time.perf_counter`."""


@dataclass(frozen=True, slots=True)
class _End:
    """Nothing comes after this."""

    reason: str | None = None
    """What went wrong, in words; None at the end of the source."""


class Source:
    """Frames of a source in their order; use it in a `with` statement.

    A reader that is stuck in the system is left behind when nothing has come for `timeout_seconds`. A live source does
    not wait: where frames are not taken in time, `waiting` grows, and past a limit new ones are passed over.
    """

    def __init__(self, name: str, *, live: bool = False, timeout_seconds: float = 10.0) -> None:
        """Open it and wait for its first words.

        Raises:
            ConfigError: `timeout_seconds` is not above 0.
            StreamError: there is no such source, it is no video, or it says nothing.
        """
        if not 0 < timeout_seconds < float("inf"):
            raise ConfigError(f"timeout_seconds is {timeout_seconds}; it must be a number above 0")
        self.name = name
        self.fps = USUAL_FPS
        """Frames per second, as the source says; the usual ones where it does not."""
        self.frames_dropped = 0
        """Passed over because nobody took them."""
        self.live, self._timeout = live, timeout_seconds
        self._queue: Queue[TimedFrame | _End] = Queue(MOST_WAITING_LIVE if live else MOST_WAITING)
        self._opened: Queue[float | _End] = Queue()
        self._unwanted = Event()
        Thread(target=self._read, name="source", daemon=True).start()
        try:
            told = self._opened.get(timeout=timeout_seconds)
        except Empty:
            self.close()
            raise StreamError(f"{printable(name)}: {self._silence}") from None
        if isinstance(told, _End):
            raise StreamError(f"{printable(name)}: {told.reason}")
        self.fps = told

    @property
    def waiting(self) -> int:
        """Frames that have come and were not taken yet."""
        return self._queue.qsize()

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
            try:
                item = self._queue.get(timeout=self._timeout)
            except Empty:
                raise StreamError(f"{printable(self.name)}: {self._silence}") from None
            if isinstance(item, _End):
                if item.reason is not None:
                    raise StreamError(f"{printable(self.name)}: {item.reason}")
                return
            yield item

    def close(self) -> None:
        """Let the reader end as soon as it notices."""
        self._unwanted.set()

    def _read(self) -> None:
        opened = False
        try:
            with open_source(self.name, self._timeout) as container:
                stream = video_stream(container, self.name)
                rate = stream.average_rate or stream.guessed_rate
                self._opened.put(float(rate) if rate else USUAL_FPS)
                opened = True
                for item in timed(decoded(container, stream), float(rate) if rate else USUAL_FPS):
                    if not self._put(item):
                        return
            self._put(_End())
        except Exception as error:  # whatever it is, whoever waits for frames must hear of it
            end = _End(self._reason(error))
            if opened:
                self._put(end)
            else:
                self._opened.put(end)

    def _reason(self, error: Exception) -> str:
        if isinstance(error, av.error.ExitError):  # by PyAV's own clock
            return self._silence
        reason = getattr(error, "strerror", None) or str(error).removeprefix(f"{printable(self.name)}: ")
        return " ".join(reason.split()) or type(error).__name__

    def _put(self, item: TimedFrame | _End) -> bool:
        """Whether anybody wants more."""
        while not self._unwanted.is_set():
            if self.live and isinstance(item, TimedFrame) and self._queue.full():
                self.frames_dropped += 1
                return True
            try:
                self._queue.put(item, timeout=WAKE_SECONDS)
            except Full:
                continue
            return True
        return False


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
            container_options={"protocol_whitelist": PROTOCOLS},
            timeout=(timeout_seconds, timeout_seconds),
        )
    if _is_device(name):
        return av.open(name, format="v4l2")
    if _is_fifo(name):
        return av.open(f"file:{name}", container_options=OF_PIPES | {"protocol_whitelist": "file"})
    return open_container(name)


def timed(frames: Iterator[VideoFrame], fps: float) -> Iterator[TimedFrame]:
    """The frames with the seconds since the first one; a missing or falling time is one frame after the one before."""
    first: Fraction | None = None
    before = -1 / fps
    shift = 0.0
    for frame in frames:
        seconds = before + 1 / fps
        if frame.pts is not None and frame.time_base is not None:
            told = frame.pts * frame.time_base
            first = told if first is None else first
            since = float(told - first) + shift
            if since <= before:  # the clock of the source was set back
                shift += seconds - since
            else:
                seconds = since
        before = seconds
        yield TimedFrame(frame, seconds, perf_counter())


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
