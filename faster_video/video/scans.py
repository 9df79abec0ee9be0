"""Scans of files that are read over and over, so that each is scanned once and not once per read."""

from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from faster_video.video.probe import Scan, scan

SCAN_BYTES = 2048
"""What a scan takes beside its table's numbers, in bytes: the objects around them, the file's name."""


class FileState(NamedTuple):
    """By this a file is known to be the one that was scanned: another under its name, or new contents, differ."""

    file: int
    """The file's number on its disk (inode)."""
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | Path) -> "FileState | None":
        """The state of the file as it is now, None where there is none."""
        try:
            found = Path(path).stat()
        except (OSError, ValueError):
            return None
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


class ScanCache:
    """The scans of the files that were read last, no more than `max_bytes` of them; for one process and one thread.

    A file that changed (its size, its time, or another in its place) is scanned anew. A scan that fails is not kept:
    the error comes again with every read until the file is repaired.
    """

    def __init__(self, max_bytes: int = 64 * 2**20) -> None:
        self.max_bytes = max_bytes
        """Sixty-four MiB hold some 20 000 videos of 64 frames, or 3600 of a thousand."""
        self._scans: OrderedDict[str, tuple[FileState, Scan]] = OrderedDict()
        """By the file's name, the one not used for longest first."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._scans)

    @property
    def bytes(self) -> int:
        """What the scans kept take, estimated."""
        return self._bytes

    def get(self, path: str | Path) -> Scan:
        """The scan kept of this file, else a new one. Raises `DecodeError`."""
        state = FileState.of(path)  # taken before the scan: a file that changes during it will be scanned again
        kept = self._scans.get(str(path))
        if kept is not None and kept[0] == state:
            self._scans.move_to_end(str(path))
            return kept[1]
        self._forget(str(path))
        found = scan(path)
        if state is not None:
            self._keep(str(path), state, found)
        return found

    def _keep(self, name: str, state: FileState, found: Scan) -> None:
        self._scans[name] = (state, found)
        self._bytes += scan_bytes(found)
        while self._bytes > self.max_bytes:
            self._forget(next(iter(self._scans)))

    def _forget(self, name: str) -> None:
        kept = self._scans.pop(name, None)
        if kept is not None:
            self._bytes -= scan_bytes(kept[1])


def scan_bytes(kept: Scan) -> int:
    """What a scan takes in memory, estimated."""
    table = kept.table
    return SCAN_BYTES + table.seconds.nbytes + table.pts.nbytes + table.keyframes.nbytes
