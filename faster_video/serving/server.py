"""A server that runs until it is told to end."""

import logging
import os
import resource
import signal
import socket
import sys
from asyncio import CancelledError, TimerHandle

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from faster_video.errors import ConfigError
from faster_video.serving.config import MEGABYTE, ServeConfig

SHUTDOWN_SECONDS = 5
"""That requests get to end when the server is told to."""
KEEP_ALIVE_SECONDS = 5
MOST_MESSAGE_BYTES = 16 * MEGABYTE
"""Of a message on a WebSocket."""
BACKLOG = 1024
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
LINGER_SECONDS, MOST_UNWANTED_BYTES = 5.0, 4 * MEGABYTE
"""For which, and of which, a body is taken and thrown away after the answer."""


def run_server(app: FastAPI, config: ServeConfig, listening: socket.socket) -> None:
    """Serve until ctrl-C or SIGTERM. `listening` is a `listening_socket`."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # of which every connection needs one or two
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"serving at http://{shown}:{port}/ (ctrl-C ends it)", file=sys.stderr, flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn, which ends with them, raises them once more
        signal.signal(number, lambda *_: None)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    make_server(app, config).run(sockets=[listening])


def _is_news(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of requests that its end cuts off."""
    kind = record.exc_info[0] if record.exc_info else None
    return not (kind is not None and issubclass(kind, CancelledError)) and "running task(s)" not in record.msg


def make_server(app: FastAPI, config: ServeConfig) -> uvicorn.Server:
    """uvicorn with limits."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=patient_protocol(config.silence_seconds),
            ws="websockets-sansio",
            ws_max_size=MOST_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # what comes is compressed already, or a bomb
            limit_concurrency=config.connections,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            server_header=False,
            log_level="warning",
            proxy_headers=False,
        )
    )


def listening_socket(config: ServeConfig) -> socket.socket:
    """At the address of `config`. Raises `ConfigError` where that cannot be listened on."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ConfigError(
            f"cannot listen at {config.host} port {config.port} ({reason}); name others with --host and --port"
        ) from error


def patient_protocol(head_seconds: float) -> type[H11Protocol]:
    """uvicorn's HTTP protocol with two limits that it lacks: how long the head of a request may take to come, and how
    much of a body is still taken after the answer. (Closing at once would have clients lose the answer.)"""

    class PatientProtocol(H11Protocol):
        _deadline: TimerHandle | None = None
        _after_answer = 0

        def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
            super().connection_made(transport)
            self._close_after(head_seconds, TOO_SLOW)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stay_open()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
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
                self._close_after(head_seconds, TOO_SLOW)

        def on_response_complete(self) -> None:
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

    return PatientProtocol
