"""Which shards of a store have been found sound, kept from start to start and shared by the processes of a user.

One text file per store in the user's cache folder, of lines `shard bytes modified_ns sha256` that are only ever
appended. A line holds as long as the shard has that size and modification time and `store.json` that SHA-256.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from faster_video.files import cache_folder


class VerifiedShards:
    """Sound shards of the store in one folder. Nothing that is wrong with the cache's own file stops a reader."""

    def __init__(self, folder: Path) -> None:
        name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
        self._path = cache_folder() / "features" / f"{name}.txt"
        self._lines: set[str] = set()
        self._read_bytes = 0

    def __contains__(self, line: str) -> bool:
        if line not in self._lines:
            self._read_on()
        return line in self._lines

    def add(self, line: str) -> None:
        """Keep it, for other processes too."""
        self._lines.add(line)
        with contextlib.suppress(OSError):  # then it is checked again at the next start
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                file.write(f"\n{line}\n".encode())  # a line that a crash cut short stays alone

    def _read_on(self) -> None:
        """Take in what was appended since."""
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            file.seek(self._read_bytes)
            found = file.read()
            whole = found[: found.rfind(b"\n") + 1]
            self._read_bytes += len(whole)
            self._lines |= set(whole.decode("utf-8", "replace").split("\n"))


def shard_line(path: Path, shard: int, sha256: str) -> str:
    """What is kept of a shard, as its file is now. Raises OSError."""
    stat = path.stat()
    return f"{shard} {stat.st_size} {stat.st_mtime_ns} {sha256}"
