"""Writing files so that a reader sees the old content or the new, never half of it."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` to fill; it takes the place of `path`, whole, when the block ends well."""
    path = path.resolve()  # a link stays and what it leads to is replaced; `.` gets its name
    _make_folder(path.parent)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    retired = aside.with_name(aside.name + ".old")
    try:
        yield aside
        for file in aside.iterdir():
            _flush(file)
        aside.chmod(0o777 & ~_umask())
        if path.exists():
            path.rename(retired)
        aside.rename(path)
        _flush(path.parent)
    finally:
        if retired.exists() and not path.exists():
            retired.rename(path)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


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
