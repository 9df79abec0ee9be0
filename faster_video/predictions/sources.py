"""Where videos are: files on a disk, or addresses such as s3://bucket/a.mp4 that fsspec can open."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from faster_video.datasets.text import numbered_lines
from faster_video.errors import ConfigError, DataError, first_line
from faster_video.files import printable
from faster_video.inference import Failure, find_videos

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Source:
    """One video to be looked at."""

    name: str
    """As it stands in the column `path`: the absolute path, or the address; always UTF-8."""
    place: str
    """What is opened: the same, in the system's own coding of file names."""
    error: str = ""
    """Why there is nothing to be opened, where that is known beforehand."""

    @property
    def is_address(self) -> bool:
        """Whether it must be fetched before it can be decoded."""
        return is_address(self.place)


def is_address(text: str) -> bool:
    """Whether this is PROTOCOL://…, and not a file's path."""
    return _ADDRESS.match(text) is not None


def find_sources(paths: Iterable[str]) -> list[Source]:
    """What is meant by paths, as of `find_videos`, and addresses; each once, in order, files by their absolute path."""
    found: list[Source] = []
    for path in paths:
        found += [_address(path)] if is_address(path) else map(_found, find_videos([path]))
    return list({source.name: source for source in found}.values())


def local_sources(paths: Iterable[Path]) -> list[Source]:
    """These files, each once, in order."""
    return list({source.name: source for source in map(_local, paths)}.values())


def read_source_list(path: str | Path) -> list[str]:
    """The paths and addresses in a text file, one on each line; paths are taken from the file's folder.

    Raises:
        DataError: there is no such file, it is not UTF-8, or it has no line.
    """
    file = Path(path)
    try:
        lines = [line for _, line in numbered_lines(file)]
    except OSError as error:
        raise DataError(f"--list is {printable(path)}, which cannot be read: {error.strerror or error}") from error
    if not lines:
        raise DataError(f"{printable(path)}: lists nothing; each line must be a path or an address of a video")
    return [line if is_address(line) else str(file.parent / line) for line in lines]


def require_protocols(sources: Iterable[Source]) -> None:
    """Refuse addresses that fsspec cannot open here.

    Raises:
        ConfigError: fsspec, or the package that it needs for a protocol, is not installed, or it knows no such
            protocol; the message names the first address.
    """
    first = {source.place.partition("://")[0].lower(): source.name for source in sources if source.is_address}
    if not first:
        return
    try:
        import fsspec
    except ImportError as error:
        name = printable(next(iter(first.values())))
        raise ConfigError(
            f"{name}: is an address, which fsspec opens; run pip install 'faster-video[cluster]'"
        ) from error
    for protocol, name in first.items():
        try:
            fsspec.get_filesystem_class(protocol)
        except ImportError as error:
            raise ConfigError(f"{printable(name)}: {_lacking(protocol, error)}") from error
        except ValueError as error:
            raise ConfigError(
                f"{printable(name)}: fsspec knows no protocol {protocol!r}; give a path, or an address such as "
                "s3://…, gs://… or https://…"
            ) from error


def _lacking(protocol: str, error: ImportError) -> str:
    """What must be installed for fsspec to open addresses of this protocol."""
    from fsspec.registry import known_implementations

    package = known_implementations[protocol]["class"].partition(".")[0]
    if package == "fsspec":  # with something that only the error names
        return f"fsspec cannot open {protocol}:// here: {first_line(error)}; install that on all machines"
    return f"for {protocol}:// fsspec needs the package {package}, which is not installed; run pip install {package}"


def _found(found: Path | Failure) -> Source:
    return _local(found) if isinstance(found, Path) else _local(found.path, found.reason)


def _local(path: Path, error: str = "") -> Source:
    place = os.path.abspath(path)  # noqa: PTH100 - links stay as they are
    return Source(_utf8(place), place, error)


def _address(address: str) -> Source:
    return Source(_utf8(address), address)


def _utf8(name: str) -> str:
    """The name with what UTF-8 does not have written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()
