"""What checking one file finds out, whatever its label is; this is what the worker processes do and what is cached."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from faster_video.errors import DecodeError
from faster_video.files import printable
from faster_video.video.verify import verify


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Of one file: what it holds, or why it is broken."""

    broken: str | None = None
    """Why it cannot be used, in plain words; None for a sound file."""
    num_frames: int = 0
    seconds: float = 0.0
    height: int = 0
    """Pixels, as shown."""
    width: int = 0
    """Pixels, as shown."""
    codec: str = ""
    sha256: str | None = None
    """Of the whole file; None where nobody asked."""
    lasting: bool = True
    """Whether the file alone decided: not the rights to read it, the memory there was or a process that was killed."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One file to look into."""

    path: Path
    with_hash: bool
    """Whether another file of the list has the same size, so that its content may be the same too."""


def look_into(errand: Errand) -> Finding:
    """Decode the whole file, and hash it if asked to; never raises for what is wrong with the file."""
    try:
        sha256 = _sha256(errand.path) if errand.with_hash else None
    except OSError as error:
        return Finding(broken=error.strerror or str(error), lasting=False)
    try:
        info = verify(errand.path)
    except DecodeError as error:
        reason = str(error).removeprefix(f"{printable(errand.path)}: ")
        return Finding(broken=reason, sha256=sha256, lasting=not _is_passing(error))
    return Finding(
        num_frames=info.num_frames,
        seconds=info.seconds,
        height=info.height,
        width=info.width,
        codec=info.codec,
        sha256=sha256,
    )


def _sha256(path: Path) -> str | None:
    if not path.is_file():  # reading a pipe would wait; `verify` says what it is
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_passing(error: BaseException | None) -> bool:
    """Whether the system refused, which says nothing about the file itself."""
    while error is not None:
        if isinstance(error, OSError | MemoryError):
            return True
        error = error.__cause__
    return False
