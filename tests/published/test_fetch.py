"""Downloads from a real server on this machine: whole, cut off, damaged, refused."""

import hashlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from faster_video.backbones.published import PUBLISHED, Published, WeightsFile, fetch
from faster_video.cli import main
from faster_video.errors import WeightsError

CONTENT = bytes(range(256)) * 9000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT at /weights.pth."""

    ranges: list[str | None]
    stops_after: int | None = None
    """Bytes of an answer after which the connection is cut."""
    knows_ranges = True


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        if self.path != "/weights.pth":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.knows_ranges else 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        stop = None if self.server.stops_after is None else start + self.server.stops_after
        self.wfile.write(CONTENT[start:stop])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as serving:
        serving.ranges = []
        thread = Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "faster_video" / "weights"


def published(server: Server, path: str = "weights.pth", sha256: str | None = SHA256) -> Published:
    url = f"http://127.0.0.1:{server.server_address[1]}/{path}"
    return replace(
        PUBLISHED["efficientnet_lite0"], name="some", weights=WeightsFile(name="some.pth", url=url, sha256=sha256)
    )


def test_a_file_is_downloaded_once(server: Server, cache: Path) -> None:
    shown: list[tuple[int, int | None]] = []
    path = fetch(published(server), lambda done, total: shown.append((done, total)))
    assert path == cache / "some.pth" and path.read_bytes() == CONTENT
    assert shown[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(published(server)) == path and server.ranges == [None]
    assert [file.name for file in cache.iterdir()] == ["some.pth"]


def test_a_download_that_was_cut_off_goes_on(server: Server, cache: Path) -> None:
    server.stops_after = 1_200_000
    with pytest.raises(WeightsError, match=r"cannot be downloaded .* try again, which goes on from there, or download"):
        fetch(published(server))
    assert (cache / "some.pth.part").stat().st_size == 1_200_000 and not (cache / "some.pth").exists()
    server.stops_after = None
    shown: list[tuple[int, int | None]] = []
    assert fetch(published(server), lambda done, total: shown.append((done, total))).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1200000-"] and shown[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("begun", [len(CONTENT), len(CONTENT) + 5])
def test_a_part_that_is_whole_or_too_long(server: Server, cache: Path, begun: int) -> None:
    cache.mkdir(parents=True)
    (cache / "some.pth.part").write_bytes((CONTENT + b"12345")[:begun])
    assert fetch(published(server)).read_bytes() == CONTENT


def test_a_server_that_begins_anew(server: Server, cache: Path) -> None:
    server.knows_ranges = False
    cache.mkdir(parents=True)
    (cache / "some.pth.part").write_bytes(b"something else")
    assert fetch(published(server)).read_bytes() == CONTENT


def test_another_file_is_refused_and_not_kept(server: Server, cache: Path) -> None:
    with pytest.raises(WeightsError, match=f"its SHA-256 is {SHA256}, which must begin with 0123"):
        fetch(published(server, sha256="0123"))
    assert not list(cache.iterdir())


def test_a_file_that_was_damaged_later_is_named(server: Server, cache: Path) -> None:
    fetch(published(server)).write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="is damaged or another file"):
        fetch(published(server))


def test_a_file_that_is_not_there_is_said_with_what_to_do(server: Server, cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        fetch(published(server, path="none.pth"))
    assert "none.pth cannot be downloaded (404 Not Found); try again" in str(caught.value)
    assert str(caught.value).endswith(f"download it elsewhere and put it here: {cache / 'some.pth'}")


@pytest.mark.usefixtures("cache")
def test_offline_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/weights.pth"
        offline = replace(PUBLISHED["efficientnet_lite0"], weights=WeightsFile(name="some.pth", url=url))
        monkeypatch.setitem(PUBLISHED, "efficientnet_lite0", offline)
        assert main(["fetch", "efficientnet_lite0"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "Connection refused" in said[0] and "put it here: " in said[0]


def test_a_server_that_falls_silent_is_left(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faster_video.backbones.published.download.TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth"
        waiting = replace(PUBLISHED["efficientnet_lite0"], weights=WeightsFile(name="some.pth", url=url))
        with pytest.raises(WeightsError, match=r"cannot be downloaded \(timed out\)"):
            fetch(waiting)


def test_names_are_checked_before_anything_is_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "efficientnet_lite0", "quick"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "unknown published network 'quick'; choose one of " in printed.err
