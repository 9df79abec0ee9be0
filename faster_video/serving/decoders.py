"""Processes that decode what users send, as the server sees them: they may hang, crash or lie, and are replaced.

Shapes: T frames of a clip, S side of the crop.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from faster_video.config import ClipConfig, TransformConfig
from faster_video.errors import DecodeError
from faster_video.inference.decoding import ClipPictures
from faster_video.serving import child
from faster_video.serving.config import ServeConfig
from faster_video.serving.reasons import DIED, TOO_SLOW
from faster_video.serving.wire import FILE, STOP, STREAM, Header, receive, send

FILES_OF_A_PROCESS = 200
"""After so many files, or one that fails, a process is replaced: what a file did to it ends with it."""
BROKEN = (EOFError, OSError, ValueError, TypeError, KeyError)
"""What a process that has died, or was taken over by a file, can make the server's end raise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamPicture:
    """A picture of a stream, or that it begins or ends."""

    header: Header
    pixels: NDArray[np.uint8] | None
    """[S, S, 3]."""


class DecodeProcess:
    """One process; it decodes one thing at a time."""

    def __init__(self, clips: ClipConfig, transform: TransformConfig, config: ServeConfig) -> None:
        self.files = 0
        """Begun so far."""
        self._is_closed = False
        self._clips, self._transform, self._config = clips, transform, config
        context = get_context("forkserver")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=child.main, args=(theirs, clips, transform, config.decode_megabytes), daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def is_usable(self) -> bool:
        """Whether it can be given another file."""
        return self.files < FILES_OF_A_PROCESS and self._process.is_alive()

    def clips_of(self, path: Path) -> Iterator[ClipPictures]:
        """All clips of a file; closing the iterator stops it.

        Raises:
            DecodeError: the file cannot be read as video, is too long, or needs more time or memory than it may have.
        """
        self.files += 1
        most = self._config.video_seconds
        side = self._transform.crop_size
        shape = (self._clips.frames_per_clip, side, side, 3)
        left = self._config.decode_seconds
        wanted = True
        try:
            send(self._connection, {"do": FILE, "path": str(path), "most_seconds": most})
            while True:
                began = monotonic()
                if not self._connection.poll(max(0, left)):
                    raise DecodeError(TOO_SLOW.format(self._config.decode_seconds))
                header, pixels = receive(self._connection, shape)
                left -= monotonic() - began
                if pixels is None:
                    if "failure" in header:
                        raise DecodeError(str(header["failure"]))
                    wanted = False
                    return
                yield _clip(header, pixels)
        except BROKEN as error:
            self.kill()
            raise DecodeError(DIED) from error
        except DecodeError:
            self.kill()
            raise
        finally:
            if wanted:
                self._stop(shape)

    def _stop(self, shape: tuple[int, ...]) -> None:
        """Have the rest of a file left out, and be ready for the next one."""
        deadline = monotonic() + 1
        try:
            send(self._connection, {"do": STOP})
            while self._connection.poll(max(0, deadline - monotonic())):
                header, pixels = receive(self._connection, shape)
                if pixels is None:
                    if "failure" in header:
                        break
                    return
        except BROKEN:
            pass
        self.kill()

    def begin_stream(self, header: Header) -> None:
        """Have the process decode a stream of this kind (`child_stream.decode_stream`)."""
        self.files += 1
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
            header, pixels = receive(self._connection, (side, side, 3))
        except BROKEN as error:
            raise DecodeError(DIED) from error
        if "failure" in header:
            raise DecodeError(str(header["failure"]))
        return StreamPicture(header=header, pixels=pixels)

    def kill(self) -> None:
        """End it at once; whoever waits for it gets an error."""
        self.files = FILES_OF_A_PROCESS
        if not self._is_closed:
            self._process.kill()
            self._process.join()

    def close(self) -> None:
        """End it, and let go of the pipe; nobody may be using it any more."""
        self.kill()
        if not self._is_closed:
            self._is_closed = True
            self._connection.close()
            self._process.close()


class DecodePool:
    """So many processes for files, each made when it is first needed."""

    def __init__(self, clips: ClipConfig, transform: TransformConfig, config: ServeConfig) -> None:
        self._clips, self._transform, self._config = clips, transform, config
        get_context("forkserver").set_forkserver_preload([child.__name__])
        self._is_closed = False
        self._resting = deque([self.new()])  # which has the server of processes import what all of them need

    def new(self) -> DecodeProcess:
        """A process that nobody has used."""
        return DecodeProcess(self._clips, self._transform, self._config)

    @contextmanager
    def process(self) -> Iterator[DecodeProcess]:
        """One for a file; it serves others afterwards if nothing went wrong."""
        try:
            process = self._resting.pop()
        except IndexError:
            process = self.new()
        try:
            yield process
        finally:
            if process.is_usable and not self._is_closed:
                self._resting.append(process)
            else:
                process.close()

    def close(self) -> None:
        """End the processes that rest, and the others when they are given back."""
        self._is_closed = True
        with suppress(IndexError):
            while True:
                self._resting.pop().close()


def _clip(header: Header, pixels: NDArray[np.uint8]) -> ClipPictures:
    return ClipPictures(
        number=int(str(header["number"])),
        pictures=list(pixels),
        start_seconds=float(str(header["start_seconds"])),
        end_seconds=float(str(header["end_seconds"])),
        video_seconds=float(str(header["video_seconds"])),
    )
