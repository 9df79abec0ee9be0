"""A server of a small bundle in a thread of the test's process, and how to talk to it."""

import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event, Thread
from typing import cast

import av
import numpy as np
import psutil
import pytest
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from inference_samples import small_bundle
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from faster_video.bundle import save_bundle
from faster_video.inference import Classifier
from faster_video.serving.app import make_app
from faster_video.serving.config import ServeConfig
from faster_video.serving.jobs import Jobs
from faster_video.serving.server import listening_socket, make_server

BOUNDARY = "boundary0123456789"
Message = dict[str, object]
"""Of a socket."""


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int
    classifier: Classifier
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, self.headers | (headers or {}))
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def classify(
        self, content: bytes, name: str = "a.mp4", query: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, object]]:
        """Status and what the JSON holds."""
        response, text = self.ask("POST", f"/v1/classify{query}", form(content, name), FORM_HEADERS | (headers or {}))
        return response.status, json.loads(text)

    def counted(self, name: str) -> float:
        """A counter of /metrics, 0 where it was never counted."""
        lines = self.ask("GET", "/metrics")[1].decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0.0)

    def socket(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=120)

    def wait_for_no_streams(self) -> None:
        """A stream has its place until its process has ended, which is after the socket's end."""
        wait_for(lambda: self.counted("faster_video_streams") == 0)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


FORM_HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(content: bytes, name: str = "a.mp4", field_name: str = "file") -> bytes:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field_name}"; filename="{quoted}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def text_form(name: str, value: str) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--{BOUNDARY}--\r\n'
    return head.encode()


@contextmanager
def serving(config: ServeConfig | None = None, classifier: Classifier | None = None) -> Iterator[Served]:
    """A server that listens on a free port of the loopback; it ends with the block."""
    config = ServeConfig(port=0) if config is None else config
    assert config.port == 0
    classifier = Classifier(small_bundle(), "cpu", "eager") if classifier is None else classifier
    server = make_server(make_app(classifier, config, "small"), config)
    with listening_socket(config) as listening:
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        wait_for(lambda: server.started)
        try:
            yield Served(listening.getsockname()[1], classifier)
        finally:
            server.should_exit = True
            thread.join(300)
            assert not thread.is_alive()


@contextmanager
def command(
    folder: Path, *words: str, environment: dict[str, str] | None = None
) -> Iterator[tuple[Served, Popen[str]]]:
    """`faster-video serve` in a process of its own, with a small bundle and a folder of its own for temporary files."""
    place = Path(tempfile.mkdtemp(prefix="served-"))  # a short path, as sockets need it
    (folder / "temporary").symlink_to(place)
    save_bundle(small_bundle(), folder / "bundle")
    classifier = Classifier(small_bundle(), "cpu", "eager")
    started = [
        sys.executable,
        "-m",
        "faster_video",
        "serve",
        str(folder / "bundle"),
        "--port",
        "0",
        "--engine",
        "eager",
    ]
    around = os.environ | {"TMPDIR": str(place), "OMP_NUM_THREADS": "1"} | (environment or {})
    with Popen([*started, *words], stderr=PIPE, text=True, env=around) as process:
        assert process.stderr is not None
        found = re.search(r":(\d+)/", line := process.stderr.readline())
        try:
            assert found is not None, line + process.stderr.read()
            yield Served(int(found.group(1)), classifier), process
        finally:
            process.terminate()
            process.wait(300)
            shutil.rmtree(place)


class Held:
    """Holds every file back until it is let go."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.go, self.seen = Event(), 0
        usual = Jobs._classified

        def held(jobs: Jobs, job: object, *others: object) -> object:
            self.seen += 1
            assert self.go.wait(300)
            return usual(jobs, job, *others)  # type: ignore[arg-type]

        patch.setattr(Jobs, "_classified", held)


def left_in(folder: Path) -> list[str]:
    """What the server has left of temporary files that users sent; sockets between its own processes stay."""
    place = folder / "temporary"
    return [str(path) for path in place.rglob("*") if path.is_file()]


def decoding_processes() -> list[psutil.Process]:
    """Of this test, the forkserver's children."""
    return [
        process
        for parent in psutil.Process().children()
        if "forkserver" in " ".join(parent.cmdline())
        for process in parent.children()
    ]


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Until something is true; fails where it does not become so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def noise(frames: int, height: int = 48, width: int = 64, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Pictures [H, W, 3] of blocks."""
    generator = np.random.default_rng(seed)
    blocks = generator.integers(0, 256, (frames, height // 8, width // 8, 3), np.uint8)
    return [block.repeat(8, axis=0).repeat(8, axis=1) for block in blocks]


def coded_picture(picture: NDArray[np.uint8], codec: str = "mjpeg") -> bytes:
    context = cast(VideoCodecContext, CodecContext.create(codec, "w"))
    context.height, context.width = picture.shape[:2]
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=context.pix_fmt)
    return b"".join(map(bytes, [*context.encode(frame), *context.encode(None)]))


def opened(served: Served, first: Message | str) -> ClientConnection:
    socket = connect(f"ws://{served.address}/v1/stream", max_size=None, legacy=True)
    socket.send(first if isinstance(first, str) else json.dumps(first))
    return socket


def messages(socket: ClientConnection) -> tuple[list[Message], int]:
    """All that comes until the socket is closed, and the code it is closed with."""
    found = []
    try:
        while True:
            found.append(json.loads(socket.recv(timeout=120)))
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return found, closed.rcvd.code
