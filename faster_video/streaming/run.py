"""A source through a stream: what is late is dropped, clip by clip."""

from collections.abc import Iterator

from faster_video.streaming.answers import StreamAnswer
from faster_video.streaming.source import Source, is_file
from faster_video.streaming.stream import Stream


def stream_answers(stream: Stream, source: Source) -> Iterator[StreamAnswer]:
    """The answers as they are known.

    A stream that was restored goes on with the next frame of a file, which is read from its beginning, or with the
    first one of any other source, as if that were shown next. Of a live source clips are dropped where the next ones
    wait already.

    Raises:
        StreamError: the source has ended with an error, or said nothing for too long; the answers before stand.
    """
    to_skip = stream.cutter.frames_seen if is_file(source.name) else 0
    later = 0.0 if to_skip else stream.seconds + 1 / stream.fps
    for item in source:
        if to_skip:
            to_skip -= 1
            continue
        is_late = source.live and source.waiting >= stream.cutter.every
        arrived = item.arrived if source.live else None  # what waited for its turn was not late
        answer = stream.push(item.frame, item.seconds + later, drop=is_late, arrived=arrived)
        if answer is not None:
            yield answer
    last = stream.finish()
    if last is not None:
        yield last
