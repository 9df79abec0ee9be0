"""A folder of predictions: parts that are whole or not there, what they were made with, and what is in them already.

    FOLDER/
      _predictions.json       the settings that all parts have in common
      part-000000.parquet     rows in the order in which they were known

One process at a time writes to a folder. Ended at any moment, it leaves whole parts, and the next one goes on.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock, Timer, current_thread
from typing import TYPE_CHECKING, Any, Self

from faster_video.errors import StoreError
from faster_video.files import printable, replacing_file, require_writable_place
from faster_video.parquet import require_pyarrow
from faster_video.predictions.rows import schema

if TYPE_CHECKING:
    import pyarrow

SETTINGS, LOCK = "_predictions.json", ".lock"
FORMAT = "faster_video predictions 1"
PART_ROWS, PART_SECONDS = 512, 10.0
"""A part is written once it has so many rows, or its first row has waited so long: what a killed process loses."""
_PART = re.compile(r"part-(\d{6,})\.parquet")
_LEFTOVER = re.compile(rf"\.({re.escape(SETTINGS)}|part-\d{{6,}}\.parquet)\.\w{{8}}")
_WORDS = {
    "weights_sha256": "the bundle's weights",
    "config_sha256": "the bundle's labels, clips or calibration",
}
"""Settings whose values say nothing to a person."""


class PredictionFolder:
    """The parts in a folder, open for one run; `with PredictionFolder.opened(...) as folder`."""

    def __init__(self, path: Path) -> None:
        """Read which videos the parts hold. Raises as `opened`."""
        self.path = path
        self.parts = _parts(path)
        self.done: set[str] = set()
        """Names of the videos that have a row."""
        self.failed = 0
        """How many of these rows are errors."""
        self._waiting: list[pyarrow.Table] = []
        self._lock = RLock()
        self._timer: Timer | None = None
        self._is_overdue = False
        """Whether what waits should have been written, and could not be."""
        for part in self.parts:
            found = _read(part, ["path", "error"])
            self.done.update(found["path"].to_pylist())
            self.failed += len(found) - found["error"].null_count

    @classmethod
    @contextmanager
    def opened(cls, folder: str | Path, settings: dict[str, Any], *, retry_failed: bool = False) -> Iterator[Self]:
        """The folder, made if it is not there; what waits is written when the block ends, however it ends.

        With `retry_failed`, the rows of videos that could not be read are taken out first, so that these are to be
        done again.

        Raises:
            StoreError: pyarrow is missing; the folder holds other things, predictions made with other settings or a
                damaged part; another process is writing to it; or nothing can be written there.
        """
        require_pyarrow("predictions in Parquet", "cluster")
        path = Path(folder)
        with _naming(path):
            is_new = not path.exists()
            _require_ours(path, settings)  # before a file of ours is put there
        with _locked(path):
            found = None
            try:
                with _naming(path):
                    _require_ours(path, settings)  # which another process may have written meanwhile
                    _prepare(path, settings, retry_failed=retry_failed)
                    found = cls(path)
                yield found
            finally:
                if found is not None:
                    found.flush()
                if is_new and not _parts(path):  # it has failed before anything was known
                    shutil.rmtree(path)

    def add(self, rows: "pyarrow.Table") -> None:
        """Take rows of videos that have none yet; they are on the disk within `PART_SECONDS`.

        Raises:
            StoreError: they, or rows that came before, cannot be written.
        """
        if not len(rows):
            return
        with self._lock:
            self._waiting.append(rows)
            self.done.update(rows["path"].to_pylist())
            self.failed += len(rows) - rows["error"].null_count
            if self._is_overdue or sum(map(len, self._waiting)) >= PART_ROWS:
                self.flush()
            elif self._timer is None:
                self._timer = Timer(PART_SECONDS, self._flush_in_time)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write what waits as a part of its own. Raises `StoreError`."""
        import pyarrow as pa

        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._waiting:
                part = self.path / f"part-{_number(self.parts[-1]) + 1 if self.parts else 0:06d}.parquet"
                with _naming(self.path):
                    _write(part, pa.concat_tables(self._waiting))
                self.parts.append(part)
                self._waiting, self._is_overdue = [], False

    def _flush_in_time(self) -> None:
        """In the timer's thread. What goes wrong is tried again, and raised, where somebody hears of it."""
        with self._lock:
            if self._timer is not current_thread():
                return  # what it was to write has been written meanwhile
            self._is_overdue = True
            with suppress(Exception):
                self.flush()

    def errors(self) -> Iterator[tuple[str, str]]:
        """The videos that could not be read, each with the reason, in the order of the parts."""
        for part in self.parts:
            rows = _read(part, ["path", "error"])
            for name, error in zip(rows["path"].to_pylist(), rows["error"].to_pylist(), strict=True):
                if error is not None:
                    yield name, error

    def table(self) -> "pyarrow.Table":
        """All rows that are written, in the order of the parts."""
        import pyarrow as pa

        return pa.concat_tables([schema().empty_table(), *(_read(part, None) for part in self.parts)])


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn what the system says into a sentence about the folder."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{printable(path)}: cannot write the predictions there: {error.strerror or error}; what is in it already "
            "stays, and the same command goes on"
        ) from error


def _require_ours(path: Path, settings: dict[str, Any]) -> None:
    """Refuse a folder that holds something else, or answers to another question. Raises OSError, `StoreError`."""
    file = path / SETTINGS
    if not file.exists():
        if path.exists() and (not path.is_dir() or any(entry.name != LOCK for entry in path.iterdir())):
            raise StoreError(f"{printable(path)}: is there already and holds no predictions; choose a new folder")
        require_writable_place(file)
        return
    try:
        theirs = json.loads(file.read_text("utf-8"))
        if theirs.pop("format") != FORMAT:
            raise KeyError("format")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise StoreError(f"{printable(file)}: is damaged or of another version; choose a new folder") from error
    if not _parts(path):
        return  # whoever made it has found nothing
    names = [name for name in settings if theirs.get(name) != settings[name]]
    if "config_sha256" in names and not {"weights_sha256", "pattern", "num_clips"}.isdisjoint(names):
        names.remove("config_sha256")  # which follows from these
    if names:
        different = "; ".join(_difference(name, theirs.get(name), settings[name]) for name in names)
        raise StoreError(
            f"{printable(path)}: holds predictions made with other settings: {different}; give the same bundle and "
            "options, or choose another folder"
        )


def _difference(name: str, theirs: object, ours: object) -> str:
    return _WORDS.get(name) or f"{name} is {_shown(theirs)} there and {_shown(ours)} now"


def _shown(value: object) -> object:
    return "not given" if value is None else value


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes out. Raises OSError, `StoreError`."""
    with _naming(path):
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / LOCK).open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"{printable(path)}: another process is writing to it; wait until that one ends"
            ) from error
        yield


def _prepare(path: Path, settings: dict[str, Any], *, retry_failed: bool) -> None:
    """Delete what a killed process was writing when it ended, and have the settings written. Raises OSError."""
    for entry in path.glob(".*"):
        if _LEFTOVER.fullmatch(entry.name):
            entry.unlink()
    if not _parts(path):
        with replacing_file(path / SETTINGS) as aside:
            aside.write_text(json.dumps({"format": FORMAT} | settings, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if retry_failed:
        _without_failed(path)


def _parts(path: Path) -> list[Path]:
    return sorted((entry for entry in path.iterdir() if _PART.fullmatch(entry.name)), key=_number)


def _number(part: Path) -> int:
    return int(part.stem.removeprefix("part-"))


def _read(part: Path, columns: Sequence[str] | None) -> "pyarrow.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with part.open("rb") as file:  # a file, so that no column is made of the folder's name
            found = pq.read_table(file, columns=columns)
        return found if columns else found.cast(schema())
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise StoreError(
            f"{printable(part)}: is damaged ({' '.join(str(error).split())[:200]}); remove it, and the same command "
            "does again what was in it"
        ) from error


def _write(part: Path, rows: "pyarrow.Table") -> None:
    import pyarrow.parquet as pq

    with replacing_file(part) as aside:
        pq.write_table(rows, os.fspath(aside), compression="zstd")


def _without_failed(path: Path) -> None:
    """Take the rows that hold an error out of the parts; a part that holds nothing else goes."""
    import pyarrow.compute as pc

    for part in _parts(path):
        rows = _read(part, None)
        kept = rows.filter(pc.is_null(rows["error"]))
        if len(kept) == 0:
            part.unlink()
        elif len(kept) < len(rows):
            _write(part, kept)
