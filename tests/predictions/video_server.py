"""A real HTTP server on this machine that serves a folder slowly, and badly where it is asked to."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread


@dataclass
class VideoServer:
    """Serves `/NAME` from the folder; `/cut/NAME` ends after half of what it promises, `/busy/NAME` fails twice.

    `/slow/NAME` comes in pieces of a byte, ten in a second.
    """

    folder: Path
    seconds: float = 0.0
    """Before every answer."""
    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each file was, by its path without the first slash."""
    held: str = ""
    """A file that does not come until it is `released`."""
    released: Event = field(default_factory=Event)
    waiting_port: int = 0
    """Of the client that waits for it; 0 before there is one."""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.removeprefix("/")
        self.asked[name] += 1
        time.sleep(self.seconds)
        if name == self.held and not self.released.is_set():
            self.waiting_port = handler.client_address[1]
            self.released.wait(120)
        kind, _, rest = name.rpartition("/")
        file = self.folder / rest
        if not file.is_file():
            handler.send_error(404)
        elif kind == "busy" and self.asked[name] < 3:
            handler.send_error(503)
        else:
            content = file.read_bytes()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            if kind == "slow":
                for number in range(len(content)):
                    handler.wfile.write(content[number : number + 1])
                    time.sleep(0.1)
            else:
                handler.wfile.write(content[: len(content) // 2] if kind == "cut" else content)


@contextmanager
def serving(folder: Path, seconds: float = 0.0) -> Iterator[VideoServer]:
    found = VideoServer(folder, seconds)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(ConnectionError):  # of a client that was killed
                found.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
