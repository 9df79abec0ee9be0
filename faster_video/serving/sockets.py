"""Streams over WebSockets: pictures or pieces of an encoded stream come in, an answer goes out after every clip."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import anyio
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from faster_video.errors import ConfigError, DecodeError, first_line
from faster_video.inference import Classifier
from faster_video.serving.child_stream import CHUNKS
from faster_video.serving.config import ServeConfig
from faster_video.serving.decoders import DecodePool
from faster_video.serving.metrics import Metrics
from faster_video.serving.schema import StreamStart, stream_answer
from faster_video.serving.shared_model import SharedModel
from faster_video.serving.watching import SentPiece, Watching
from faster_video.streaming import StreamAnswer

NORMAL, WRONG, REFUSED, LATER = 1000, 1003, 1008, 1013
"""Codes with which a socket is closed."""
MOST_START, MOST_END = 4096, 64
"""Characters of the first message, and of the last."""
MOST_UNREAD = 256
"""Answers that a client may leave unread."""
WAITING_ROOM = 4
"""Sockets for each stream that may be: those that have not begun count too."""
MOST_THREADS = 8
"""For beginning and ending streams; either takes a fraction of a second."""
Message = dict[str, object]


class ClosingError(Exception):
    """A message that cannot be used, or a stream that may not be; closes the socket with a code and a sentence."""

    def __init__(self, sentence: str, code: int = WRONG) -> None:
        super().__init__(sentence)
        self.code = code


class Sockets:
    """All streams of a server, each with a decoding process and a state of its own; the model is shared."""

    def __init__(
        self, classifier: Classifier, model: SharedModel, pool: DecodePool, config: ServeConfig, metrics: Metrics
    ) -> None:
        self._classifier, self._model, self._pool = classifier, model, pool
        self._config, self._metrics = config, metrics
        self.open = 0
        """Streams that have begun."""
        self._sockets = 0
        self._threads = ThreadPoolExecutor(min(config.streams, MOST_THREADS), thread_name_prefix="streams")
        """For beginning and ending, which wait for processes."""

    def close(self) -> None:
        """Begin no more."""
        self._threads.shutdown(wait=False)

    async def serve(self, socket: WebSocket, is_token: Callable[[str], bool]) -> None:
        """One stream from its first message to its end."""
        if self._sockets >= WAITING_ROOM * self._config.streams:
            await socket.close(LATER, "too many streams")
            return
        self._sockets += 1
        try:
            await socket.accept()
            await self._serve(socket, is_token)
        except ClosingError as error:
            await _close(socket, error.code, {"type": "error", "detail": str(error)})
        except WebSocketDisconnect:
            pass
        finally:
            self._sockets -= 1

    async def _serve(self, socket: WebSocket, is_token: Callable[[str], bool]) -> None:
        start = await self._start(socket)
        authorization = socket.headers.get("authorization", "").partition(" ")[2]
        if not is_token(start.token or authorization):
            raise ClosingError("the stream needs the server's token, in the first message or the header", REFUSED)
        if self.open >= self._config.streams:
            raise ClosingError(f"as many streams are open as may ({self._config.streams}); try again later", LATER)
        self.open += 1
        try:
            await self._watch(socket, start)
        finally:
            self.open -= 1

    async def _start(self, socket: WebSocket) -> StreamStart:
        try:
            message = await asyncio.wait_for(socket.receive(), self._config.silence_seconds)
        except TimeoutError:
            raise ClosingError("nothing came; the first message says what the stream is") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        text = message.get("text") or ""
        if len(text) > MOST_START:
            raise ClosingError(f"the first message has {len(text)} characters; it must have at most {MOST_START}")
        try:
            start = StreamStart.model_validate_json(text)
            _ = start.config
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the first message"
            raise ClosingError(f"{place}: {first['msg']}") from error
        except ConfigError as error:
            raise ClosingError(str(error)) from error
        if start.format == "rgb" and (start.width is None or start.height is None):
            raise ClosingError("format is rgb, which needs width and height, in pixels")
        return start

    async def _watch(self, socket: WebSocket, start: StreamStart) -> None:
        """Pieces in and answers out, until one side ends."""
        loop = asyncio.get_running_loop()
        known: asyncio.Queue[StreamAnswer | Message] = asyncio.Queue()

        def tell(item: StreamAnswer | Message) -> None:
            """Called in the stream's thread."""
            if isinstance(item, StreamAnswer) and known.qsize() > MOST_UNREAD:
                raise DecodeError("the answers are not read")
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(known.put_nowait, item)

        watching = Watching(self._classifier, self._model, start, self._config, tell)
        try:
            await loop.run_in_executor(self._threads, watching.begin, self._pool)
            async with anyio.create_task_group() as group:
                group.start_soon(self._take, socket, watching, start)
                await self._tell(socket, known, start)
                group.cancel_scope.cancel()
        except* ClosingError as several:
            raise several.exceptions[0] from None
        except* (DecodeError, OSError) as several:
            raise ClosingError(f"no stream can begin ({first_line(several.exceptions[0])})", LATER) from None
        except* WebSocketDisconnect:
            pass
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    closing = asyncio.wrap_future(self._threads.submit(watching.close))
                except RuntimeError:  # the server has ended
                    closing = asyncio.ensure_future(asyncio.to_thread(watching.close))
                await asyncio.wait([closing])

    async def _take(self, socket: WebSocket, watching: Watching, start: StreamStart) -> None:
        """Hand every message on to the decoding process, and notice when the client goes."""
        room, loop = asyncio.Event(), asyncio.get_running_loop()
        watching.on_room = lambda: _set_later(loop, room)
        has_ended = False
        while True:
            seconds = None if has_ended else self._config.stream_silence_seconds
            try:
                message = await asyncio.wait_for(socket.receive(), seconds)
            except TimeoutError:
                raise ClosingError(f"nothing came for {seconds:g} seconds", REFUSED) from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", NORMAL))
            data = message.get("bytes")
            if has_ended:
                continue
            if data is None:
                if not _is_end(message.get("text") or ""):
                    raise ClosingError('a text message after the first must be {"end": true}; pictures are binary')
                watching.end()
                has_ended = True
                continue
            piece = SentPiece.of(data, timed=start.timed and start.format != CHUNKS)
            if piece is None:
                raise ClosingError("a timed picture begins with 8 bytes: its seconds, a little-endian float64")
            while not watching.put(piece):
                room.clear()
                if watching.put(piece):
                    break
                await room.wait()

    async def _tell(
        self, socket: WebSocket, known: "asyncio.Queue[StreamAnswer | Message]", start: StreamStart
    ) -> None:
        """Send every answer until the last one."""
        classes, gmacs = self._classifier.bundle.labels, 0.0
        while True:
            item = await known.get()
            if isinstance(item, StreamAnswer):
                self._metrics.stream_answers.inc()
                self._metrics.clip(item.gmacs - gmacs, expensive=item.expensive)
                gmacs = item.gmacs
                await socket.send_text(json.dumps(stream_answer(item, classes, start.top)))
            elif item["type"] == "error":
                raise ClosingError(str(item["detail"]), int(str(item.get("code", WRONG))))
            elif item["type"] == "end":
                await _close(socket, NORMAL, item)
                return
            else:
                await socket.send_text(json.dumps(item))


async def _close(socket: WebSocket, code: int, message: Message) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):  # the client has gone already
        await socket.send_text(json.dumps(message))
        await socket.close(code)


def _set_later(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the server has ended
        loop.call_soon_threadsafe(event.set)


def _is_end(text: str) -> bool:
    try:
        return len(text) <= MOST_END and bool(json.loads(text) == {"end": True})
    except ValueError:
        return False
