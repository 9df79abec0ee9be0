"""Findings kept from check to check, so that a file that has not changed is not decoded again.

One SQLite file in the user's cache folder, for all lists and safe with several checks at once. A result holds for a
path, a file size, a modification time and one version of the check and of PyAV, whose FFmpeg decodes.
"""

import json
import os
import sqlite3
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from faster_video.datasets.checking.finding import Finding
from faster_video.files import printable

CHECK_VERSION = 2
"""To be raised when the check finds more or less than before: older results are then forgotten."""
NAME = "checks.sqlite"
WAIT_SECONDS = 30.0
"""For another check that is writing."""
TABLE = """
CREATE TABLE IF NOT EXISTS checked_v1 (
    path BLOB PRIMARY KEY, bytes INTEGER, modified_ns INTEGER, version TEXT, finding TEXT
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells that a file has changed."""

    path: Path
    """Absolute."""
    size: int
    """Bytes."""
    modified_ns: int


class CheckCache:
    """Findings by file; use it in one thread. Nothing that is wrong with the cache's own file stops a check."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._version = f"{CHECK_VERSION}, PyAV {version('av')}"
        self.remarks: list[str] = []
        """What was wrong with the cache's file, in sentences."""
        self._database: sqlite3.Connection | None = self._open()

    def get(self, stamp: FileStamp, *, with_hash: bool) -> Finding | None:
        """What was found of this file as it is now; None where that is not known, or not its hash when asked for."""
        query = "SELECT finding FROM checked_v1 WHERE path = ? AND bytes = ? AND modified_ns = ? AND version = ?"
        rows = self._run(query, (os.fsencode(stamp.path), stamp.size, stamp.modified_ns, self._version))
        if not rows:
            return None
        try:
            finding = Finding(**json.loads(str(rows[0][0])))
        except (ValueError, TypeError):
            return None  # not what we wrote; it is written anew
        is_enough = not with_hash or finding.sha256 is not None or finding.broken is not None
        return finding if is_enough else None

    def put(self, stamp: FileStamp, finding: Finding) -> None:
        """Keep what was found; what passes is not kept."""
        if finding.lasting:
            values = (os.fsencode(stamp.path), stamp.size, stamp.modified_ns, self._version)
            self._run("REPLACE INTO checked_v1 VALUES (?, ?, ?, ?, ?)", (*values, json.dumps(asdict(finding))))

    def close(self) -> None:
        """Close the file; what was put is in it already."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> sqlite3.Connection | None:
        """The database, made anew where it is damaged; None where there can be none."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._connect()
        except sqlite3.OperationalError as error:
            self._do_without(error)
        except sqlite3.DatabaseError as error:
            return self._make_anew(error)
        except OSError as error:
            self._do_without(error)
        return None

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            # Waiting for the disk at every result would take longer than checking; what is lost is checked again.
            database.execute("PRAGMA synchronous = OFF")
            database.execute(TABLE)
        except BaseException:
            database.close()
            raise
        return database

    def _run(self, query: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        """Rows of a query; none, and a remark, where the file is damaged or cannot be used any more."""
        if self._database is None:
            return []
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            self.close()
            self._do_without(error)
        except sqlite3.DatabaseError as error:
            self.close()
            self._database = self._make_anew(error)
        return []

    def _make_anew(self, error: Exception) -> sqlite3.Connection | None:
        self.remarks.append(f"{printable(self._path)}: the cache of earlier results is damaged ({error}); made anew")
        try:
            for ending in ("", "-journal"):
                self._path.with_name(NAME + ending).unlink(missing_ok=True)
            return self._connect()
        except (OSError, sqlite3.Error) as refusal:
            self._do_without(refusal)
            return None

    def _do_without(self, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or error
        self.remarks.append(f"{printable(self._path)}: results cannot be kept there ({reason}); checked without them")
