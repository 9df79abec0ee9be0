"""A server that runs until it is told to end."""

import logging
import os
import resource
import signal
import socket
import sys
from asyncio import CancelledError

import uvicorn
from fastapi import FastAPI

from faster_video.errors import ConfigError
from faster_video.serving.config import MEGABYTE, ServeConfig
from faster_video.serving.patience import PatientProtocol, PatientSockets

SHUTDOWN_SECONDS = 5
"""That requests get to end when the server is told to."""
KEEP_ALIVE_SECONDS = 5
MOST_MESSAGE_BYTES = 16 * MEGABYTE
"""Of a message on a WebSocket."""
BACKLOG = 1024


def run_server(app: FastAPI, config: ServeConfig, listening: socket.socket) -> None:
    """Serve until ctrl-C or SIGTERM. `listening` is a `listening_socket`."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # of which every connection needs one or two
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"serving at http://{shown}:{port}/ (ctrl-C ends it)", file=sys.stderr, flush=True)
    usual = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    make_server(app, config).run(sockets=[listening])  # which ends with one of these signals, and raises it once more
    for number, handler in usual.items():
        signal.signal(number, handler)


def _is_news(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of requests that its end cuts off."""
    kind = record.exc_info[0] if record.exc_info else None
    return not (kind is not None and issubclass(kind, CancelledError)) and "running task(s)" not in record.getMessage()


def make_server(app: FastAPI, config: ServeConfig) -> uvicorn.Server:
    """uvicorn with limits."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=type("Http", (PatientProtocol,), {"patience_seconds": config.silence_seconds}),
            ws=type("Sockets", (PatientSockets,), {"patience_seconds": config.silence_seconds}),
            ws_ping_interval=None,  # while a client is made to wait, its answers to pings wait, too
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
        listening = socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ConfigError(
            f"cannot listen at {config.host} port {config.port} ({reason}); name others with --host and --port"
        ) from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # of its connections, too: the dead are noticed
    return listening
