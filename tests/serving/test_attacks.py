"""What somebody may try against a server: refused or limited, the server goes on, nothing is left on disk."""

import json
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread

import numpy as np
import psutil
import pytest
from inference_samples import write_sample
from serving_samples import BOUNDARY, FORM_HEADERS, Served, command, form, left_in, text_form, wait_for
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from faster_video.video import write_video

TOKEN = "correct-horse"
LIMITS = (
    *("--upload_megabytes", "2", "--silence_seconds", "1", "--upload_seconds", "3"),
    *("--decode_seconds", "5", "--decode_megabytes", "60", "--stream_silence_seconds", "3600"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def process(folder: Path) -> Iterator[tuple[Served, psutil.Process]]:
    root = folder / "root"
    write_sample(root / "a.mp4")
    write_sample(folder / "outside.mp4")
    (root / "link.mp4").symlink_to(folder / "outside.mp4")
    (root / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(root / "pipe.mp4")
    (folder / "token").write_text(f"{TOKEN}\n")
    words = ("--root", str(root), "--token_file", str(folder / "token"), *LIMITS)
    with command(folder, *words) as (server, running):
        yield Served(server.port, server.classifier, {"Authorization": f"Bearer {TOKEN}"}), psutil.Process(running.pid)


@pytest.fixture
def served(process: tuple[Served, psutil.Process], folder: Path) -> Iterator[Served]:
    """The server, which must be as it was when the test is over."""
    server, running = process
    server.classify((folder / "root" / "a.mp4").read_bytes())  # so that one process rests
    yield server
    wait_for(lambda: server.counted("faster_video_waiting") == server.counted("faster_video_streams") == 0)
    assert server.classify((folder / "root" / "a.mp4").read_bytes())[0] == 200
    assert running.is_running() and not left_in(folder)  # which on Linux have no names, but are open files
    wait_for(lambda: not [file for file in running.open_files() if "(deleted)" in file.path])


def answer_to(server: Served, *pieces: bytes) -> bytes:
    """What comes back for bytes sent as they are, until the server closes the connection."""
    with server.socket() as bare:
        with suppress(ConnectionError):
            for piece in pieces:
                bare.sendall(piece)
        return until_closed(bare)


def until_closed(bare: socket.socket) -> bytes:
    got = b""
    with suppress(ConnectionError):
        while some := bare.recv(1 << 16):
            got += some
    return got


def head(length: str, path: str = "/v1/classify") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKEN}", length]
    lines.append(f"Content-Type: {FORM_HEADERS['Content-Type']}")
    return "\r\n".join([*lines, "", ""]).encode()


def test_ten_gigabytes_that_are_announced_are_refused_at_once(served: Served) -> None:
    with served.socket() as bare:
        bare.sendall(head(f"Content-Length: {10 * 2**30}"))
        assert bare.recv(1 << 16).startswith(b"HTTP/1.1 413 ")  # without a byte of the body


def test_an_upload_without_end_is_cut_off(served: Served) -> None:
    with served.socket() as bare:
        bare.sendall(head("Transfer-Encoding: chunked"))
        beginning = form(b"")[: -len(f"\r\n--{BOUNDARY}--\r\n")]
        sent = 0
        with suppress(ConnectionError, TimeoutError):
            for piece in [beginning, *[bytes(1 << 16)] * (1 << 14)]:  # a gigabyte
                bare.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                sent += len(piece)
        assert sent < 64 * 2**20
        assert until_closed(bare).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "words", [b"", b"GET", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "], ids=repr
)
def test_a_head_that_comes_too_slowly_is_not_waited_for(served: Served, words: bytes) -> None:
    gone = Event()
    with served.socket() as bare:
        bare.sendall(words)

        def trickle() -> None:
            with suppress(OSError):
                while words and not gone.wait(0.2):
                    bare.sendall(b"a")

        thread = Thread(target=trickle)
        thread.start()
        got = until_closed(bare)
        gone.set()
        thread.join()
    assert got.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("seconds", [0.2, 5.0])
def test_a_body_that_comes_too_slowly_is_not_waited_for(served: Served, seconds: float) -> None:
    gone = Event()
    with served.socket() as bare:
        bare.sendall(head("Content-Length: 100000") + form(b"x" * 50_000)[:1000])

        def trickle() -> None:
            with suppress(OSError):
                while not gone.wait(seconds):
                    bare.sendall(b"a")

        thread = Thread(target=trickle)
        thread.start()
        status = bare.recv(1 << 16)
        gone.set()
        thread.join()
    assert status.startswith(b"HTTP/1.1 408 ")


def test_many_requests_in_one_connection_and_rubbish_are_survived(served: Served) -> None:
    assert answer_to(served, b"\x16\x03\x01\x02\x00" * 100).startswith(b"HTTP/1.1 400 ")
    assert answer_to(served, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000).startswith(b"HTTP/1.1 4")
    both = (
        b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"
    )
    assert answer_to(served, both).startswith(b"HTTP/1.1 4")
    health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    many = answer_to(served, (health + b"\r\n") * 49 + health + b"Connection: close\r\n\r\n")
    assert many.count(b"200 OK") == 50


def test_a_bomb_is_limited_in_memory(served: Served, process: tuple[Served, psutil.Process], tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.mp4"
    write_video(bomb, (np.zeros((4096, 8192, 3), np.uint8) for _ in range(4)), 30)
    content = bomb.read_bytes()
    assert len(content) < 200_000  # of which 50 MB a picture come
    most, gone = [0], Event()

    def watch() -> None:
        while not gone.wait(0.02):
            for child in process[1].children(recursive=True):
                with suppress(psutil.Error):
                    most[0] = max(most[0], child.memory_info().rss)

    thread = Thread(target=watch)
    thread.start()
    status, answer = served.classify(content)
    gone.set()
    thread.join()
    assert (status == 422 and "more than the 60 MB of memory" in str(answer["detail"])) or "not one frame" in str(
        answer
    )
    assert 0 < most[0] < 600 * 2**20


@pytest.mark.parametrize(
    "path",
    [
        "../outside.mp4",
        "../root/../outside.mp4",
        "link.mp4",
        "loop.mp4",
        "pipe.mp4",
        "nothing.mp4",
        "",
        ".",
        "/etc/passwd",
        "..%2foutside.mp4",
        "a.mp4\x00.txt",
        "a" * 4000,
        "file:///etc/passwd",
        "concat:a.mp4|../outside.mp4",
        "subfile,,start,0,end,100,,:/etc/passwd",
    ],
    ids=repr,
)  # fmt: skip
def test_paths_lead_to_nothing_outside_the_root(served: Served, path: str) -> None:
    response, text = served.ask("POST", "/v1/classify", text_form("path", path), FORM_HEADERS)
    assert response.status == 404
    assert json.loads(text)["detail"].startswith("there is no video ") and "outside" not in str(response.headers)


def test_no_address_is_ever_opened(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(1)
        port = listening.getsockname()[1]
        addresses = [f"http://127.0.0.1:{port}/a.mp4", f"tcp://127.0.0.1:{port}", f"//127.0.0.1:{port}/a.mp4"]
        for address in addresses:
            response, _ = served.ask("POST", "/v1/classify", text_form("path", address), FORM_HEADERS)
            assert response.status == 404
        playlists = [
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile http://127.0.0.1:{port}/a.mp4\n",
            f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
            f'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>',
            f"http://127.0.0.1:{port}/a.mp4",
        ]
        for text in playlists:
            for name in ("a.m3u8", "a.mp4", "a.sdp"):
                assert served.classify(text.encode(), name)[0] == 422
        with pytest.raises(TimeoutError):
            listening.accept()


FRAMES = {
    "unmasked": b"\x82\x05hello",
    "reserved bits": b"\xf2\x85\x00\x00\x00\x00hello",
    "unknown kind": b"\x8b\x80\x00\x00\x00\x00",
    "long ping": b"\x89\xfe\x01\x00\x00\x00\x00\x00" + bytes(256),
    "gigantic": b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
    "too large": b"\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00",
    "lone continuation": b"\x80\x85\x00\x00\x00\x00hello",
    "no text": b"\x81\x82\x00\x00\x00\x00\xff\xfe",
    "cut off": b"\x82\xfe",
}


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("begun", [False, True])
def test_malformed_frames_end_their_stream_only(served: Served, name: str, begun: bool) -> None:
    with connect(f"ws://127.0.0.1:{served.port}/v1/stream", legacy=True) as stream:
        if begun:
            stream.send(json.dumps({"format": "jpeg", "token": TOKEN}))
            assert json.loads(stream.recv(timeout=120))["type"] == "ready"
        stream.socket.sendall(FRAMES[name])
        if name == "cut off":
            stream.socket.close()
            return
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=120)
        assert closed.value.rcvd is not None and closed.value.rcvd.code in (1002, 1007, 1009)


def test_a_thousand_uploads_that_never_end(
    served: Served, process: tuple[Served, psutil.Process], folder: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    before = process[1].num_fds()
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1000):
            bare = opened.enter_context(served.socket())
            with suppress(ConnectionError):
                bare.sendall(head("Content-Length: 1500000") + form(b"x")[:500])
        assert not left_in(folder)
        wait_for(lambda: is_healthy(served))  # while the thousand are still open on the client's side
    wait_for(lambda: process[1].num_fds() <= before + 8)


def is_healthy(served: Served) -> bool:
    """Connections beyond the limit are refused."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ", TOKEN, "é"])
@pytest.mark.parametrize("place", ["/v1/classify", "/metrics", "/v1/anything"])
def test_a_wrong_token_gets_nothing(served: Served, header: str | None, place: str) -> None:
    stranger = Served(served.port, served.classifier, {} if header is None else {"Authorization": header})
    method = "GET" if place == "/metrics" else "POST"
    response, text = stranger.ask(method, place, form(b"x"), FORM_HEADERS)
    assert response.status == 401 and response.headers["WWW-Authenticate"] == "Bearer"
    assert json.loads(text)["detail"].startswith("the header Authorization must be")
    assert stranger.ask("GET", "/healthz")[0].status == stranger.ask("GET", "/v1/info")[0].status == 200


def test_answers_that_nobody_reads_are_not_kept(served: Served, process: tuple[Served, psutil.Process]) -> None:
    before = process[1].num_fds()
    with ExitStack() as opened:
        for _ in range(5):
            bare = opened.enter_context(served.socket())
            bare.sendall(b"GET /swagger/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 30)
        wait_for(lambda: process[1].num_fds() <= before)  # though the clients have their ends open


@pytest.mark.parametrize("header", ["multipart/form-data; boundary=x; charset=undefined", "Multipart/Form-Data", ""])
def test_odd_types_of_bodies_are_refused(served: Served, header: str) -> None:
    response, text = served.ask("POST", "/v1/classify", b"--x--\r\n", {"Content-Type": header})
    assert response.status == 400 and "send a multipart form" in json.loads(text)["detail"]


def test_a_gigantic_first_message_is_not_read(served: Served) -> None:
    fields = ",".join(f'"{number}":1' for number in range(10_000))
    with connect(f"ws://127.0.0.1:{served.port}/v1/stream", legacy=True) as stream:
        stream.send(f"{{{fields}}}")
        assert json.loads(stream.recv(timeout=120))["detail"].startswith("the first message has ")


@pytest.mark.parametrize("host", ["[", "evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "a/b"])
def test_names_that_are_not_the_servers_are_refused(served: Served, host: str) -> None:
    response, _ = served.ask("GET", "/v1/info", headers={"Host": host})
    assert response.status == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://["])
def test_pages_of_other_sites_are_refused(served: Served, origin: str) -> None:
    response, _ = served.ask("POST", "/v1/classify", form(b"x"), FORM_HEADERS | {"Origin": origin})
    assert response.status == 403
