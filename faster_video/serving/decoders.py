"""Processes that decode what users send, as the server sees them: they may hang, crash or lie, and are replaced.

Shapes: T frames of a clip, S side of the crop.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic

from faster_video.config import ClipConfig, TransformConfig
from faster_video.errors import DecodeError, EngineError
from faster_video.inference.decoding import ClipPictures
from faster_video.serving import child
from faster_video.serving.config import ServeConfig
from faster_video.serving.reasons import DIED, TOO_SLOW, UNWANTED
from faster_video.serving.wire import FILE, STOP, STREAM, Header, receive, send
from faster_video.video.view import Pixels

FILES_OF_A_PROCESS = 200
"""After so many a process is replaced, in case one of them did something to it."""
LOOK_SECONDS = 0.25
"""How often somebody who waits looks whether it is still wanted."""
STOP_SECONDS = 1.0
"""For a process to end the clip that it is at."""
BAD_ANSWERS = (EOFError, OSError, ValueError, TypeError, KeyError)
"""What a process that has died, or was taken over by a file, can make the server's end raise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamPicture:
    """A picture of a stream, or that it begins or ends."""

    header: Header
    pixels: Pixels | None
    """[S, S, 3]."""


class DecodeProcess:
    """One process; it decodes one thing at a time."""

    def __init__(self, clips: ClipConfig, transform: TransformConfig, config: ServeConfig, megabytes: int) -> None:
        self._is_closed = self._is_worn = self._is_busy = self._is_late = False
        self._files = 0
        self._deadline: float | None = None
        """Until when the message must be whole that has begun to come."""
        self._lock = Lock()
        self._clips, self._transform, self._config = clips, transform, config
        context = get_context("forkserver")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=child.main, args=(theirs, clips, transform, megabytes), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def is_usable(self) -> bool:
        """Whether it can be given another file: it is in the middle of none, and nothing has happened to it."""
        return not (self._is_worn or self._is_busy or self._is_closed) and self._process.is_alive()

    def clips_of(self, path: Path, is_wanted: Callable[[], bool]) -> Iterator[ClipPictures]:
        """All clips of a file; closing the iterator stops it, and so does `is_wanted` where it becomes false.

        Raises:
            DecodeError: the file cannot be read as video, is too long, or needs more time or memory than it may have;
                or it is not wanted any more.
        """
        self._is_busy = True
        self._files += 1
        self._is_worn |= self._files >= FILES_OF_A_PROCESS
        left = self._config.decode_seconds
        try:
            send(self._connection, {"do": FILE, "path": str(path), "most_seconds": self._config.video_seconds})
            for number in count():
                began = monotonic()
                header, pixels = self._next(left, is_wanted)
                left -= monotonic() - began
                if pixels is None:
                    self._is_busy = False
                    self._is_worn |= bool(header.get("is_fatal"))
                    if "failure" in header:
                        raise DecodeError(str(header["failure"]))
                    if number != self._clips.num_clips:
                        raise ValueError("a file ended before its last clip")
                    return
                if header["number"] != number:
                    raise ValueError("a clip came out of its turn")
                yield _clip(header, pixels)
        except BAD_ANSWERS as error:
            self.kill()
            raise DecodeError(DIED) from error
        finally:
            if self._is_busy:
                self._stop()

    def _next(self, seconds: float, is_wanted: Callable[[], bool]) -> tuple[Header, Pixels | None]:
        until = monotonic() + seconds
        while not self._connection.poll(max(0, min(LOOK_SECONDS, until - monotonic()))):
            if monotonic() >= until or not is_wanted():
                self.kill()
                raise DecodeError(TOO_SLOW.format(self._config.decode_seconds) if is_wanted() else UNWANTED)
        return self._clip_within(max(LOOK_SECONDS, until - monotonic()))

    def _clip_within(self, seconds: float) -> tuple[Header, Pixels | None]:
        """What has begun to come of a file, with pixels [T, S, S, 3] if it is a clip; raises as `receive`."""
        side = self._transform.crop_size
        return self._received((self._clips.frames_per_clip, side, side, 3), seconds)

    def _received(self, shape: tuple[int, ...], seconds: float) -> tuple[Header, Pixels | None]:
        """`receive`, which waits for the rest of a message: `kill_if_late` sees to it that this ends.

        Raises:
            DecodeError: it took longer than that.
        """
        self._deadline = monotonic() + seconds
        try:
            return receive(self._connection, shape)
        except BAD_ANSWERS as error:
            if self._is_late:
                raise DecodeError(TOO_SLOW.format(self._config.decode_seconds)) from error
            raise
        finally:
            with self._lock:
                self._deadline = None

    def kill_if_late(self) -> None:
        """End a process that does not send the rest of what it has begun to say; whoever waits for that goes on."""
        with self._lock:
            if self._deadline is not None and monotonic() > self._deadline and not self._is_closed:
                self._is_late = self._is_worn = True
                self._process.kill()

    def _stop(self) -> None:
        """Have the rest of a file left out, and be ready for the next one; else the process ends."""
        deadline = monotonic() + STOP_SECONDS
        with suppress(*BAD_ANSWERS, DecodeError):
            send(self._connection, {"do": STOP})
            while (left := deadline - monotonic()) > 0 and self._connection.poll(left):
                header, pixels = self._clip_within(left)
                if pixels is None:
                    self._is_busy = "failure" in header
                    break
        if self._is_busy:
            self.kill()

    def begin_stream(self, header: Header) -> None:
        """Have the process decode a stream of this kind (`child_stream.decode_stream`)."""
        self._is_worn = True
        send(self._connection, header | {"do": STREAM})

    def give(self, header: Mapping[str, object], data: bytes) -> None:
        """A piece of the stream; waits until the process takes it. Raises `OSError` where it has ended."""
        self._connection.send_bytes(json.dumps(header).encode())
        self._connection.send_bytes(data)

    def end_stream(self) -> None:
        """Say that no more pieces come."""
        with suppress(OSError):
            send(self._connection, {"do": STOP})

    def picture(self, wait_seconds: float) -> StreamPicture | None:
        """What comes next of a stream; None if nothing does for so long.

        Raises:
            DecodeError: the stream cannot be read, or the process has died.
        """
        side = self._transform.crop_size
        try:
            if not self._connection.poll(wait_seconds):
                return None
            header, pixels = self._received((side, side, 3), self._config.decode_seconds)
        except BAD_ANSWERS as error:
            raise DecodeError(DIED) from error
        if "failure" in header:
            raise DecodeError(str(header["failure"]))
        return StreamPicture(header=header, pixels=pixels)

    def kill(self) -> None:
        """End it at once; whoever waits for it gets an error."""
        self._is_worn = True
        with self._lock:
            if self._is_closed:
                return
            self._process.kill()
        with suppress(ValueError):  # somebody else has closed it meanwhile
            self._process.join()

    def close(self) -> None:
        """End it, and let go of the pipe; nobody may be using it any more."""
        self.kill()
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._connection.close()
                self._process.close()


class DecodePool:
    """Processes for files, each made when it is first needed, and for streams, which have one each."""

    def __init__(self, clips: ClipConfig, transform: TransformConfig, config: ServeConfig) -> None:
        self._clips, self._transform, self._config = clips, transform, config
        get_context("forkserver").set_forkserver_preload([child.__name__])
        self._all: set[DecodeProcess] = set()
        self._lock = Lock()
        self._is_closed = False
        self._has_ended = Event()
        self._resting = deque([self._first(config.decode_megabytes)])  # has the forkserver import what all need
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    def for_stream(self) -> DecodeProcess:
        """A process that nobody has used; `end` ends it."""
        return self._new(self._config.stream_megabytes)

    @contextmanager
    def process(self) -> Iterator[DecodeProcess]:
        """One for a file; it serves others afterwards if nothing went wrong."""
        process = self._rested() or self._new(self._config.decode_megabytes)
        try:
            yield process
        finally:
            if process.is_usable and not self._is_closed:
                self._resting.append(process)
            else:
                self.end(process)

    def end(self, process: DecodeProcess) -> None:
        """End a process that nobody uses any more."""
        process.close()
        with self._lock:
            self._all.discard(process)

    def close(self) -> None:
        """End all processes; whoever waits for one gets an error."""
        with self._lock:
            self._is_closed = True
            for process in self._all:
                process.kill()
        while self._resting:
            self.end(self._resting.pop())
        self._has_ended.set()

    def _watch(self) -> None:
        """In a thread of its own, since whoever waits for half a message can do nothing else."""
        while not self._has_ended.wait(LOOK_SECONDS):
            with self._lock:
                processes = list(self._all)
            for process in processes:
                process.kill_if_late()

    def _rested(self) -> DecodeProcess | None:
        while self._resting:
            process = self._resting.pop()
            if process.is_usable:
                return process
            self.end(process)
        return None

    def _new(self, megabytes: int) -> DecodeProcess:
        with self._lock:
            if self._is_closed:
                raise DecodeError(UNWANTED)
            process = DecodeProcess(self._clips, self._transform, self._config, megabytes)
            self._all.add(process)
            return process

    def _first(self, megabytes: int) -> DecodeProcess:
        """`_new`, where a server that cannot start one at all is told so. Raises `EngineError`."""
        try:
            return self._new(megabytes)
        except OSError as error:
            raise EngineError(
                f"no process for decoding can be started ({error.strerror or error}); where the path is too long, set "
                "TMPDIR to a shorter one"
            ) from error


def _clip(header: Header, pixels: Pixels) -> ClipPictures:
    return ClipPictures(
        number=int(str(header["number"])),
        pictures=list(pixels),
        start_seconds=float(str(header["start_seconds"])),
        end_seconds=float(str(header["end_seconds"])),
        video_seconds=float(str(header["video_seconds"])),
    )
