"""Stretches of a stream with one label: the answers of clip after clip joined, as JSON Lines or WebVTT."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
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


class SegmentJoiner:
    """Joins answers to segments; a segment is known when the next one begins."""

    def __init__(self) -> None:
        self._clips: list[StreamAnswer] = []
        self._sum = 0.0
        self._count = 0

    def add(self, answer: StreamAnswer) -> Segment | None:
        """Take the next answer; the segment that it ends, if it does."""
        ended = None
        if self._clips and self._clips[0].smoothed_label != answer.smoothed_label:
            ended = self._segment(min(self._clips[-1].end_seconds, answer.start_seconds))
            self._clips, self._sum, self._count = [], 0.0, 0
        self._clips = [*self._clips[:1], answer]  # the first and the last
        self._sum += answer.smoothed_probability
        self._count += 1
        return ended

    def finish(self) -> Segment | None:
        """The last segment; None if there was no answer."""
        return self._segment(self._clips[-1].end_seconds) if self._clips else None

    def _segment(self, end_seconds: float) -> Segment:
        first = self._clips[0]
        return Segment(
            start_seconds=first.start_seconds,
            end_seconds=end_seconds,
            label=first.smoothed_label,
            probability=self._sum / self._count,
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


def require_segment_path(path: str | Path) -> None:
    """Refuse a file of another kind, or one that is there. Raises `ConfigError`."""
    if Path(path).suffix.lower() not in FORMATS:
        raise ConfigError(f"segments is {str(path)!r}; its name must end with {' or '.join(FORMATS)}")
    if Path(path).exists():
        raise ConfigError(f"{printable(path)}: is there already; name another file")


class SegmentFile:
    """Writes segments to a file, each as soon as it is known; use it in a `with` statement."""

    def __init__(self, path: str | Path) -> None:
        """Begin the file.

        Raises:
            ConfigError: its name ends with neither .jsonl nor .vtt, it is there already, or it cannot be written.
        """
        self._path = Path(path)
        require_segment_path(path)
        head, self._written = FORMATS[self._path.suffix.lower()]
        self._joiner = SegmentJoiner()
        try:
            self._file = self._path.open("x", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{printable(path)}: cannot be written ({error.strerror})") from error
        self._write(head)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write_segment(self._joiner.finish())
        self._file.close()

    def add(self, answer: StreamAnswer) -> None:
        """Take the next answer."""
        self._write_segment(self._joiner.add(answer))

    def _write_segment(self, segment: Segment | None) -> None:
        if segment is not None:
            self._write(self._written(segment))

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()
