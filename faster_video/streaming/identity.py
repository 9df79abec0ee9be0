"""By what a source is known again when a saved stream goes on."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from faster_video.errors import ConfigError, StreamError
from faster_video.files import printable
from faster_video.streaming.source import is_file

HASHED_BYTES = 2**20
"""Of the beginning of a file."""


@dataclass(frozen=True, slots=True)
class SourceMark:
    """Of a file its size and beginning, wherever it lies; of any other source its name."""

    sha256: str
    """Of the first MiB, or of the name, which may hold a password."""
    size: int | None
    """Of the file in bytes; None of any other source."""

    @classmethod
    def of(cls, name: str) -> Self:
        """The mark of a source. Raises `StreamError`: it is a file that cannot be read."""
        if not is_file(name):
            return cls(sha256(name.encode(errors="surrogateescape")).hexdigest(), None)
        try:
            size = Path(name).stat().st_size
            return cls(_hash_of_beginning(name, size), size)
        except OSError as error:
            raise StreamError(f"{printable(name)}: cannot be read ({error.strerror})") from error

    def is_of(self, name: str) -> bool:
        """Whether this is a mark of that source; a file may have grown since. Raises `StreamError` as `of` does."""
        now = type(self).of(name)
        if self.size is None or now.size is None or now.size <= self.size:
            return now == self
        return _hash_of_beginning(name, self.size) == self.sha256


def require_source(mark: SourceMark | None, name: str) -> None:
    """Refuse another source than the marked one, if one is.

    Raises:
        ConfigError: it is another.
        StreamError: it is a file that cannot be read.
    """
    if mark is not None and not mark.is_of(name):
        raise ConfigError(
            f"{printable(name)}: is not the source that the stream was saved with; give the same, or another state to "
            "begin anew"
        )


def _hash_of_beginning(name: str, size: int) -> str:
    with Path(name).open("rb") as file:
        return sha256(file.read(min(size, HASHED_BYTES))).hexdigest()
