"""A server that runs until it is told to end."""

import socket
import sys
from asyncio import TimerHandle

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


def run_server(app: FastAPI, config: ServeConfig) -> None:
    """Serve until ctrl-C or SIGTERM.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    listening = _listening(config)
    with listening:
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        server = uvicorn.Server(
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
        print(f"serving at http://{shown}:{port}/ (ctrl-C ends it)", file=sys.stderr, flush=True)
        server.run(sockets=[listening])


def _listening(config: ServeConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen at {config.host} port {config.port} ({error.strerror or error}); name others with --host "
            "and --port"
        ) from error


def patient_protocol(head_seconds: float) -> type[H11Protocol]:
    """uvicorn's HTTP protocol, which has no limit of its own on how long the head of a request may take to come."""

    class PatientProtocol(H11Protocol):
        _deadline: TimerHandle | None = None

        def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
            super().connection_made(transport)
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_is_there()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.transport.is_closing():
                return
            is_upgraded = self.transport.get_protocol() is not self
            if is_upgraded or self.conn.their_state is not h11.IDLE:
                self._head_is_there()
            elif self._deadline is None:
                self._await_head()

        def _await_head(self) -> None:
            self._deadline = self.loop.call_later(head_seconds, self._end)

        def _head_is_there(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _end(self) -> None:
            if not self.transport.is_closing():
                self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                self.transport.close()

    return PatientProtocol
