"""Stretches of a stream with one label: the answers of clip after clip joined, as JSON Lines or WebVTT."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Self

from faster_video.errors import ConfigError
from faster_video.files import printable
from faster_video.streaming.answers import StreamAnswer


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch with one smoothed label."""

    start_seconds: float
    end_seconds: float
    label: str
    probability: float
    """The mean of its clips' smoothed probabilities."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowingSegment:
    """A stretch that may go on."""

    start_seconds: float
    end_seconds: float
    label: str
    sum: float
    """Of its clips' smoothed probabilities."""
    clips: int


class SegmentJoiner:
    """Joins answers to segments; a segment is known when the next one begins."""

    def __init__(self, growing: GrowingSegment | None = None) -> None:
        self.growing = growing
        """What has begun; None before the first answer."""

    def add(self, answer: StreamAnswer) -> Segment | None:
        """Take the next answer; the segment that it ends, if it does."""
        before, probability = self.growing, answer.smoothed_probability
        if before is not None and before.label == answer.smoothed_label:
            self.growing = replace(
                before, end_seconds=answer.end_seconds, sum=before.sum + probability, clips=before.clips + 1
            )
            return None
        self.growing = GrowingSegment(
            start_seconds=answer.start_seconds,
            end_seconds=answer.end_seconds,
            label=answer.smoothed_label,
            sum=probability,
            clips=1,
        )
        return None if before is None else _segment(before, min(before.end_seconds, answer.start_seconds))

    def finish(self) -> Segment | None:
        """The last segment; None if there was no answer."""
        return None if self.growing is None else _segment(self.growing, self.growing.end_seconds)


def _segment(growing: GrowingSegment, end_seconds: float) -> Segment:
    return Segment(
        start_seconds=growing.start_seconds,
        end_seconds=end_seconds,
        label=growing.label,
        probability=growing.sum / growing.clips,
    )


def as_json_line(segment: Segment) -> str:
    """One line of JSON."""
    return json.dumps(asdict(segment)) + "\n"


def as_cue(segment: Segment) -> str:
    """A cue of WebVTT, with the empty line after it."""
    start, end = (_clock(seconds) for seconds in (segment.start_seconds, segment.end_seconds))
    return f"{start} --> {end}\n{escape(segment.label, quote=False)} ({segment.probability:.0%})\n\n"


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds / 1000:06.3f}"


FORMATS: dict[str, tuple[str, Callable[[Segment], str]]] = {
    ".jsonl": ("", as_json_line),
    ".vtt": ("WEBVTT\n\n", as_cue),
}
"""By a file's ending: how it begins, and what is written of each segment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentMark:
    """How far a file of segments was written when a state was saved, and what was not in it yet."""

    length: int = 0
    """Of the file in bytes; 0 before it was begun."""
    sha256: str = sha256().hexdigest()
    """Of these bytes."""
    inode: int | None = None
    """The system's number of the file, by which it is known where nothing was written; None before it was begun."""
    growing: GrowingSegment | None = None


def require_segment_path(path: str | Path, mark: SegmentMark | None = None) -> None:
    """Refuse a file of another kind, and one that is there, unless it is the marked one.

    Raises:
        ConfigError: its name ends with neither .jsonl nor .vtt, it is there already, it is not the marked one, or it
            cannot be read.
    """
    head = FORMATS[_ending(path)][0].encode()
    if mark is None:
        if Path(path).exists():
            raise ConfigError(f"{printable(path)}: is there already; name another file")
        return
    try:
        written = Path(path).read_bytes() if mark.length or Path(path).exists() else b""
    except OSError as error:
        raise ConfigError(
            f"{printable(path)}: cannot be read ({error.strerror}), and the saved stream goes on with it; put it back, "
            "or name another state to begin anew"
        ) from error
    is_marked = len(written) >= mark.length and sha256(written[: mark.length]).hexdigest() == mark.sha256
    if not mark.length and not head.startswith(written):
        is_marked = Path(path).stat().st_ino == mark.inode
    if not is_marked:
        raise ConfigError(
            f"{printable(path)}: does not begin with the segments that the stream was saved with; give the same file, "
            "or another state to begin anew"
        )


class SegmentFile:
    """Writes segments to a file, each as soon as it is known; use it in a `with` statement."""

    def __init__(self, path: str | Path, mark: SegmentMark | None = None) -> None:
        """Begin the file, or go on where it was marked: what was written later is cut off.

        Raises:
            ConfigError: its name ends with neither .jsonl nor .vtt, it is there already, it is not the marked one, or
                it cannot be written.
        """
        self._path = Path(path)
        require_segment_path(path, mark)
        head, self._written = FORMATS[_ending(path)]
        self._joiner = SegmentJoiner(None if mark is None else mark.growing)
        self._length = 0
        self._hash = sha256()
        self._failed = False
        with self._failures_told():
            self._file = self._path.open("ab" if mark is not None else "xb", buffering=0)
            if mark is not None:
                self._file.truncate(mark.length)
                self._hash.update(self._path.read_bytes())
                self._length = mark.length
        if not self._length:
            self._write(head)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the last segment and close the file. Raises `ConfigError`: it cannot be written."""
        try:
            if not self._failed:
                self._write_segment(self._joiner.finish())
        finally:
            self._file.close()

    def add(self, answer: StreamAnswer) -> None:
        """Take the next answer.

        Raises:
            ConfigError: the file cannot be written; it holds the segments before.
        """
        self._write_segment(self._joiner.add(answer))

    def mark(self) -> SegmentMark:
        """How far it is, when all of it is on disk. Raises `ConfigError`: it cannot be written."""
        with self._failures_told():
            os.fsync(self._file.fileno())
            inode = os.fstat(self._file.fileno()).st_ino
        return SegmentMark(
            length=self._length, sha256=self._hash.hexdigest(), inode=inode, growing=self._joiner.growing
        )

    def _write_segment(self, segment: Segment | None) -> None:
        if segment is not None:
            self._write(self._written(segment))

    def _write(self, text: str) -> None:
        data = text.encode()
        with self._failures_told():
            try:
                rest = memoryview(data)
                while rest:  # where a disk fills up, part of it may be written
                    rest = rest[self._file.write(rest) :]
            except OSError:
                self._failed = True
                self._file.truncate(self._length)  # no half of a segment stays
                raise
        self._hash.update(data)
        self._length += len(data)

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(f"{printable(self._path)}: cannot be written ({error.strerror})") from error


def _ending(path: str | Path) -> str:
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise ConfigError(f"segments is {str(path)!r}; its name must end with {' or '.join(FORMATS)}")
    return ending
