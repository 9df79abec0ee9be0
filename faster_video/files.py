"""File names in messages, and writing files so that a reader sees the old content or the new, never half of it."""

import ctypes
import errno
import os
import re
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHOWN = "\u00a0\u200c\u200d\u3000"
"""Not `isprintable`, but part of names that people write: other spaces, the joiners of emoji and Persian."""


def cache_folder() -> Path:
    """For what is kept between processes but can be made again: `faster_video` in $XDG_CACHE_HOME, else in ~/.cache."""
    place = os.environ.get("XDG_CACHE_HOME", "")
    # As the rule for this variable has it, a relative path is as good as none.
    return (Path(place) if Path(place).is_absolute() else Path.home() / ".cache") / "faster_video"


def printable(name: str | Path) -> str:
    """A file's name or a label as it goes into a message: on one line, whatever characters it has."""
    text = str(name)
    if all(map(_is_shown, text)):
        return text
    return "".join(
        character if _is_shown(character) and character != "\\" else repr(character)[1:-1] for character in text
    )


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in _SHOWN


def is_one_line(text: str) -> bool:
    """Whether the text can be a label: no control characters, no line breaks, nothing that UTF-8 does not have."""
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; flushed and renamed to `path` when the block ends well, removed when not."""
    _make_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        _flush(aside)
        aside.chmod(0o666 & ~_umask())  # mkstemp made it private
        aside.replace(path)
        _flush(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def remove_unfinished(path: Path) -> None:
    """Delete what killed processes were writing with `replacing_file` in the place of `path`. Raises OSError."""
    unfinished = re.compile(rf"\.{re.escape(path.name)}\.\w{{8}}")
    if path.parent.is_dir():
        for entry in path.parent.iterdir():
            if unfinished.fullmatch(entry.name):
                entry.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` to fill; it takes the place of `path`, whole, when the block ends well.

    On Linux (renameat2, on file systems that have it) the two folders are exchanged in one step: at every moment `path`
    is the whole old folder or the whole new one, whatever is killed or loses power. Elsewhere the old one is renamed
    first: a process that ends between these two renames leaves nothing called `path`, and both folders beside it as
    `.NAME.….old` and `.NAME.…`. An error in the block leaves the old folder as it was, everywhere.
    """
    path = path.resolve()  # a link stays and what it leads to is replaced; `.` gets its name
    _make_folder(path.parent)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    retired = aside.with_name(aside.name + ".old")
    try:
        yield aside
        for file in aside.iterdir():
            file.chmod(0o666 & ~_umask())  # some writers make theirs private
            _flush(file)
        aside.chmod(0o777 & ~_umask())
        if not (path.exists() and _exchange(aside, path)):
            if path.exists():
                path.rename(retired)
            aside.rename(path)
        _flush(path.parent)
    finally:
        if retired.exists() and not path.exists():
            retired.rename(path)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def require_writable_place(path: Path) -> None:
    """Raise the OSError with which a new file at `path` would fail; missing folders can be made. Leaves nothing."""
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    with tempfile.NamedTemporaryFile(prefix=f".{path.name[:100]}.", dir=folder):
        pass


_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux's fcntl.h


def _exchange(one: Path, other: Path) -> bool:
    """Exchange what two names stand for, in one step; False where the system or the file system cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def _make_folder(path: Path) -> None:
    """Make a folder and those above it; a file in the way is called that, not `File exists`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error


def _flush(path: Path) -> None:
    """Have the disk hold what was written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The process's mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
