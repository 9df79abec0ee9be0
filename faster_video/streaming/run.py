"""A source through a stream: what is late is dropped, clip by clip."""

from collections.abc import Iterator
from time import perf_counter

from faster_video.errors import ConfigError
from faster_video.files import printable
from faster_video.streaming.answers import StreamAnswer
from faster_video.streaming.identity import SourceMark, require_source
from faster_video.streaming.source import Source, is_file
from faster_video.streaming.stream import Stream


def stream_answers(stream: Stream, source: Source, *, late_seconds: float | None = None) -> Iterator[StreamAnswer]:
    """The answers as they are known.

    A stream that was restored goes on with the next frame of a file, which is read from its beginning, or with the
    first one of any other source, as if that were shown next. Of a live source a clip is dropped whose first frame came
    more than `late_seconds` before its turn; None is twice as long as a clip lasts.

    Raises:
        ConfigError: `late_seconds` is not above 0, or is for a source that is not live; or the stream was saved with
            another source.
        StreamError: the source has ended with an error, or said nothing for too long; the answers before stand.
    """
    span = stream.cutter.clips.span
    longest = _longest_wait(source, late_seconds, default=2 * span / stream.fps)
    require_source(stream.source, source.name)
    stream.source, stream.ended = SourceMark.of(source.name), False
    source.make_room(span)
    to_skip = stream.cutter.frames_seen if is_file(source.name) else 0
    later = 0.0 if to_skip else stream.seconds + 1 / stream.fps
    for item in source:
        lost = max(0, item.lost - to_skip)
        to_skip -= item.lost - lost
        if to_skip:
            to_skip -= 1
            continue
        stream.lose(lost)
        arrived = item.arrived if source.live else None  # what waited for its turn was not late
        late = arrived is not None and perf_counter() - arrived > longest
        answer = stream.push(item.frame, item.seconds + later, late=late, arrived=arrived)
        if answer is not None:
            yield answer
    last = stream.finish()
    stream.ended = True
    if last is not None:
        yield last


def _longest_wait(source: Source, late_seconds: float | None, *, default: float) -> float:
    if late_seconds is None:
        return default
    if not 0 < late_seconds < float("inf"):
        raise ConfigError(f"late_seconds is {late_seconds}; it must be a number above 0, or left out")
    if not source.live:
        raise ConfigError(
            f"late_seconds is {late_seconds}, but {printable(source.name)} waits until it is read; leave it out, or "
            "have the source live"
        )
    return late_seconds
