"""One user's stream: a thread that gives its pieces to a decoding process, and one that watches what comes out."""

import logging
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Condition, Lock, Thread
from time import monotonic, perf_counter

from faster_video.errors import ConfigError, DecodeError, first_line
from faster_video.inference import Classifier
from faster_video.serving.child_stream import CHUNKS
from faster_video.serving.config import MEGABYTE, ServeConfig
from faster_video.serving.decoders import LOOK_SECONDS, DecodePool, DecodeProcess, StreamPicture
from faster_video.serving.reasons import TOO_SLOW
from faster_video.serving.schema import StreamStart
from faster_video.serving.shared_model import SharedModel
from faster_video.streaming import Stream, StreamAnswer
from faster_video.streaming.viewer import ViewedFrame

MOST_PIECES, MOST_BYTES = 64, 32 * MEGABYTE
"""Of a stream that wait to be decoded."""
SECONDS_OF = struct.Struct("<d")
INTERNAL = 1011


@dataclass(frozen=True, slots=True)
class SentPiece:
    """A binary message: a picture, or a part of an encoded stream."""

    data: bytes
    seconds: float | None
    """When the picture is shown, where the client says it."""
    arrived: float = field(default_factory=perf_counter)
    lost: int = 0
    """Pictures before it that were let go."""

    @staticmethod
    def of(message: bytes, *, timed: bool) -> "SentPiece | None":
        """None where a time is missing."""
        if not timed:
            return SentPiece(message, None)
        if len(message) < SECONDS_OF.size:
            return None
        return SentPiece(message[SECONDS_OF.size :], SECONDS_OF.unpack_from(message)[0])


class Watching:
    """A stream between a socket and the networks."""

    def __init__(
        self,
        classifier: Classifier,
        model: SharedModel,
        start: StreamStart,
        config: ServeConfig,
        tell: Callable[[StreamAnswer | dict[str, object]], object],
    ) -> None:
        """`tell` hears of what is known: a message that the stream is ready, answers, and one about the end."""
        self._classifier, self._model, self._start, self._config, self._tell = classifier, model, start, config, tell
        self.on_room: Callable[[], object] = lambda: None
        """Called when there may be room for another piece."""
        self._pieces: deque[SentPiece] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._ended = self._unwanted = False
        self._beginning = Lock()
        self._process: DecodeProcess | None = None
        self._threads: list[Thread] = []
        self._given = 0
        """Pieces that the process was given, or is being given."""
        self._asked = 0
        """That it has asked for; where it asks for one more than it was given, it has nothing to do."""

    def begin(self, pool: DecodePool) -> None:
        """Start. Raises `DecodeError` or `OSError` where there is no process to be had."""
        start = self._start
        with self._beginning:
            if self._unwanted:
                return
            self._pool, self._process = pool, pool.for_stream()
            self._process.begin_stream(
                {"format": start.format, "fps": start.fps, "width": start.width, "height": start.height}
            )
            self._tell_ready()
            for work in (self._give, self._watch):
                thread = Thread(target=work, name="stream", daemon=True)
                thread.start()
                self._threads.append(thread)

    def put(self, piece: SentPiece) -> bool:
        """Take a message, if there is room. A live stream always has room: the oldest picture goes."""
        with self._changed:
            if self._unwanted:
                return True  # and nothing comes of it
            if self._start.live and self._start.format != CHUNKS:
                piece = self._make_room(piece)
            elif not self._has_room:
                return False
            self._pieces.append(piece)
            self._bytes += len(piece.data)
            self._changed.notify_all()
            return True

    def _make_room(self, piece: SentPiece) -> SentPiece:
        """The piece, which may have to tell how many before it are gone."""
        while self._pieces and not self._has_room:
            gone = self._pieces.popleft()
            self._bytes -= len(gone.data)
            lost = gone.lost + 1
            if self._pieces:
                self._pieces[0] = replace(self._pieces[0], lost=self._pieces[0].lost + lost)
            else:
                piece = replace(piece, lost=lost)
        return piece

    def end(self) -> None:
        """No more pieces come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """End threads and process, whatever they do."""
        self._want_no_more()
        with self._beginning:
            if self._process is None:
                return
            self._process.kill()
            for thread in self._threads:
                thread.join()
            self._pool.end(self._process)

    def _want_no_more(self) -> None:
        with self._changed:
            self._unwanted = True
            self._changed.notify_all()
        self.on_room()

    @property
    def _has_room(self) -> bool:
        return not self._pieces or (len(self._pieces) < MOST_PIECES and self._bytes < MOST_BYTES)

    def _give(self) -> None:
        """The thread that gives pieces to the process."""
        assert self._process is not None
        with suppress(OSError):  # the process has ended, of which the other thread hears
            while (piece := self._next()) is not None:
                self._given += 1
                header = {"seconds": piece.seconds, "arrived": piece.arrived, "lost": piece.lost}
                self._process.give(header, piece.data)
            if not self._unwanted:
                self._given += 1  # of which nothing more is asked
                self._process.end_stream()

    def _next(self) -> SentPiece | None:
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._ended or self._unwanted)
            if self._unwanted or not self._pieces:
                return None
            piece = self._pieces.popleft()
            self._bytes -= len(piece.data)
        self.on_room()
        return piece

    def _watch(self) -> None:
        """The thread that watches what the process has decoded."""
        try:
            self._answer_all()
        except (DecodeError, ConfigError) as error:
            self._tell({"type": "error", "detail": str(error)})
        except Exception as error:  # whoever waits must hear of it
            logging.getLogger(__name__).exception("a stream")
            sentence = f"the server could not do it ({first_line(error)})"
            self._tell({"type": "error", "code": INTERNAL, "detail": sentence})
        finally:
            self._want_no_more()

    def _tell_ready(self) -> None:
        """What the networks are; `fps` only where the client has said it."""
        cost, bundle = self._classifier.cost, self._classifier.bundle
        self._tell(
            {
                "type": "ready",
                "fps": None if self._start.format == CHUNKS else self._start.fps,
                "num_labels": len(bundle.labels),
                "pictures_per_clip": bundle.config.clips.span,
                "gmacs_expensive": cost.backbone_gmacs(expensive=True),
                "gmacs_cheap": cost.backbone_gmacs(expensive=False),
            }
        )

    def _answer_all(self) -> None:
        begun = self._picture()
        if begun is None:
            return
        start, fps = self._start, float(str(begun.header["fps"]))
        stream = Stream(self._classifier, start.config, fps=fps, model=self._model)
        longest = 2 * stream.cutter.clips.span / fps
        while (picture := self._picture()) is not None and picture.pixels is not None:
            header = picture.header
            arrived = float(str(header["arrived"])) if start.live else None
            stream.lose(int(str(header["lost"])))
            late = arrived is not None and perf_counter() - arrived > longest
            seconds = None if header["seconds"] is None else float(str(header["seconds"]))
            answer = stream.push(ViewedFrame(picture.pixels), seconds, late=late, arrived=arrived)
            if answer is not None:
                self._tell(answer)
        if self._unwanted:
            return
        last = stream.finish()
        if last is not None:
            self._tell(last)
        self._tell({"type": "end", "answers": stream.answers, "clips_dropped": stream.clips_dropped})

    def _picture(self) -> StreamPicture | None:
        """What the process tells next; None where nobody wants it. Raises `DecodeError`."""
        assert self._process is not None
        since = monotonic()
        while not self._unwanted:
            told = self._process.picture(LOOK_SECONDS)
            if told is not None and "asked" in told.header:
                self._asked, since = int(str(told.header["asked"])), monotonic()
            elif told is not None:
                return told
            elif self._asked > self._given:
                since = monotonic()  # it waits for the user, not the other way round
            elif monotonic() - since > self._config.decode_seconds:
                self._process.kill()
                raise DecodeError(TOO_SLOW.format(self._config.decode_seconds))
        return None
