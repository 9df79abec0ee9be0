"""How long a server waits for clients that neither send nor read."""

from asyncio import AbstractEventLoop, Protocol, TimerHandle, Transport

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from faster_video.serving.config import MEGABYTE

HEAD_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
LINGER_SECONDS, MOST_UNWANTED_BYTES = 5.0, 4 * MEGABYTE
"""For which, and of which, a body is taken and thrown away after the answer."""


class _ReadInTime(Protocol):
    """A limit on how long answers may stay unread, before a protocol of uvicorn's."""

    patience_seconds = 10.0
    loop: AbstractEventLoop
    transport: Transport
    _unread: TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read: wait so long."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.patience_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()


class PatientProtocol(_ReadInTime, H11Protocol):
    """uvicorn's HTTP protocol with limits that it lacks: how long the head of a request may take to come, how much of a
    body is still taken after the answer (closing at once would have clients lose it), how long answers may stay unread.
    """

    _deadline: TimerHandle | None = None
    _after_answer = 0

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._close_after(self.patience_seconds, HEAD_TOO_SLOW)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stay_open()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._after_answer += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_answered:
            if self._after_answer > MOST_UNWANTED_BYTES:
                self.transport.close()
        elif self.transport.get_protocol() is not self or self.conn.their_state is not h11.IDLE:
            self._stay_open()
        elif self._deadline is None:
            self._close_after(self.patience_seconds, HEAD_TOO_SLOW)

    def on_response_complete(self) -> None:
        """Wait for another request, or for the end of this one."""
        super().on_response_complete()
        if self._is_answered and not self.transport.is_closing():
            self._after_answer = 0
            self._stay_open()
            self._close_after(LINGER_SECONDS, b"")

    @property
    def _is_answered(self) -> bool:
        """Whether a body is still coming that nobody wants."""
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _close_after(self, seconds: float, last_words: bytes) -> None:
        self._deadline = self.loop.call_later(seconds, self._end, last_words)

    def _stay_open(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, last_words: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(last_words)
            self.transport.close()


class PatientSockets(_ReadInTime, WebSocketsSansIOProtocol):
    """uvicorn's WebSockets with the same limit."""
