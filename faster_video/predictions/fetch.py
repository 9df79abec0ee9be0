"""A video at an address as a local file, for as long as it is decoded."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from faster_video.errors import DecodeError, first_line
from faster_video.files import printable

MOST_BYTES = 8 * 2**30
"""Of one video; what is larger is refused, so that no disk fills up."""
TRIES, WAIT_SECONDS = 3, 1.0
"""A server that fails is asked again, after so long and then twice as long."""
SILENT_SECONDS = 60
"""After which a connection that says nothing is given up."""
PACE_BYTES, PACE_SECONDS = 2**20, 60
"""So much must come, minute by minute, while anything does: a server that sends a byte now and then is given up."""
PIECE_BYTES = 2**20
OPEN_FILES = Path("/proc/self/fd")
"""Where Linux shows open files, those without a name too."""
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError)
"""Errors that another try does not change."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched file; `close` frees its disk, and so does the end of this process, however it comes."""

    path: Path
    """Under which every process of this user on this machine can open it."""
    file: IO[bytes]

    def close(self) -> None:
        """Let it go."""
        self.file.close()


def fetch(address: str, most_bytes: int = MOST_BYTES) -> Fetched:
    """Download what fsspec finds at the address into the folder for temporary files.

    Raises:
        DecodeError: it is not there, is larger than `most_bytes`, or came incomplete, too slowly or not at all in three
            tries.
    """
    file = _nameless() if OPEN_FILES.is_dir() else tempfile.NamedTemporaryFile(prefix="faster-video-")  # noqa: SIM115
    try:
        for wait in _waits():
            try:
                _copy(address, file, most_bytes)
                break
            except DecodeError:
                raise
            except Exception as error:  # of any plug-in of fsspec
                if isinstance(error, _FINAL) or wait is None:
                    raise DecodeError(f"{printable(address)}: cannot be fetched: {_reason(error, address)}") from error
                time.sleep(wait)
    except BaseException:
        file.close()
        raise
    is_nameless = isinstance(file.name, int)
    return Fetched(Path(f"/proc/{os.getpid()}/fd/{file.fileno()}" if is_nameless else file.name), file)


def _nameless() -> IO[bytes]:
    """A file that no folder names any more: the system frees it with the last process that has it open."""
    handle, name = tempfile.mkstemp(prefix="faster-video-")
    os.unlink(name)  # noqa: PTH108
    return os.fdopen(handle, "w+b")


def _waits() -> Iterator[float | None]:
    """Seconds to wait after each try that fails; None after the last."""
    yield from (WAIT_SECONDS * 2**number for number in range(TRIES - 1))
    yield None


def _copy(address: str, file: IO[bytes], most_bytes: int) -> None:
    """Write what is at the address into the empty file. Raises `DecodeError`, and whatever a plug-in raises."""
    import fsspec

    file.seek(0)
    file.truncate()
    pace = _Pace()
    if address.lower().startswith(("http://", "https://")):
        _download(address, file, most_bytes, pace)
    else:
        with fsspec.open(address, "rb") as source:
            size = getattr(source, "size", None)  # which not every protocol's files have
            _require_small(address, size or 0, most_bytes)
            while piece := source.read(PIECE_BYTES):
                file.write(piece)
                _require_small(address, file.tell(), most_bytes)
                pace.keep(file.tell(), size)
            if size is not None and file.tell() != size:
                raise OSError(f"only {file.tell()} of {size} bytes came")
    file.flush()


@dataclass(slots=True)
class _Pace:
    """How quickly a file comes, from its first byte on."""

    since: float | None = None
    size: int = 0

    def keep(self, size: int, whole: int | None) -> None:
        """Look at how much there is. Raises `OSError` where less than `PACE_BYTES` came in the last `PACE_SECONDS`."""
        now = time.monotonic()
        if self.since is None:
            self.since = now
        elif now - self.since >= PACE_SECONDS and size != whole:
            came = size - self.size
            if came < PACE_BYTES:
                raise OSError(f"only {came:,} bytes came in {now - self.since:.0f} seconds")
            self.since, self.size = now, size


def _download(address: str, file: IO[bytes], most_bytes: int, pace: _Pace) -> None:
    """By one request; `open` would ask for the size first, and takes every error for a missing file."""
    import fsspec
    from aiohttp import ClientTimeout

    class Limit(fsspec.Callback):  # type: ignore[misc]
        def set_size(self, size: int | None) -> None:
            super().set_size(size)
            _require_small(address, size or 0, most_bytes)

        def relative_update(self, inc: int = 1) -> None:
            _require_small(address, file.tell(), most_bytes)
            if inc:  # none at the end
                pace.keep(file.tell(), self.size)

    patience = ClientTimeout(total=None, sock_connect=SILENT_SECONDS, sock_read=SILENT_SECONDS)
    system = fsspec.filesystem("http", client_kwargs={"timeout": patience})
    system.get_file(address, file, callback=Limit())


def _require_small(address: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise DecodeError(f"{printable(address)}: is larger than the {most_bytes:,} bytes that are fetched at most")


def _reason(error: Exception, address: str) -> str:
    """What the error says in one line; of a file that is not there some plug-ins say only its name."""
    said = first_line(error)
    if isinstance(error, FileNotFoundError) and said in (address, type(error).__name__):
        return "there is no such file"
    return said
