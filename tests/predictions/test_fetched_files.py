"""Videos at addresses: fetched whole or not at all, and gone when they are closed."""

import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from video_server import VideoServer, serving

from faster_video.errors import DecodeError
from faster_video.predictions import fetch as module
from faster_video.predictions.fetch import fetch

CONTENT = bytes(range(256)) * 9000  # more than one piece


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoServer]:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.0)
    (tmp_path / "a.mp4").write_bytes(CONTENT)
    with serving(tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where fetched files go; nothing may be left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["http", "memory", "file", "tar"])
def test_a_fetched_file_holds_what_is_at_the_address(kind: str, server: VideoServer, tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/a.mp4", CONTENT)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:  # whose files do not say how large they are
        tar.add(tmp_path / "a.mp4", "a.mp4")
    address = {
        "http": f"{server.url}/a.mp4",
        "memory": "memory://a.mp4",
        "file": f"file://{tmp_path}/a.mp4",
        "tar": f"tar://a.mp4::file://{tmp_path}/a.tar",
    }[kind]
    before = len(list(module.OPEN_FILES.iterdir()))
    fetched = fetch(address)
    assert fetched.path.read_bytes() == CONTENT
    fetched.close()
    assert not fetched.path.exists()
    if kind == "file":
        assert len(list(module.OPEN_FILES.iterdir())) == before


def test_where_files_must_have_names_it_goes_with_the_file(
    server: VideoServer, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_FILES", Path("/none"))
    fetched = fetch(f"{server.url}/a.mp4")
    assert fetched.path.parent == temporary and fetched.path.read_bytes() == CONTENT
    fetched.close()
    assert not fetched.path.exists()


def test_a_server_that_fails_is_asked_three_times(server: VideoServer) -> None:
    fetch(f"{server.url}/busy/a.mp4").close()
    assert server.asked["busy/a.mp4"] == 3


def test_what_is_cut_off_is_no_file(server: VideoServer) -> None:
    with pytest.raises(DecodeError, match=r"^http.*/cut/a\.mp4: cannot be fetched: .+"):
        fetch(f"{server.url}/cut/a.mp4")
    assert server.asked["cut/a.mp4"] == 3


def test_what_is_not_there_is_asked_for_once(server: VideoServer) -> None:
    with pytest.raises(DecodeError, match=r"/none\.mp4: cannot be fetched: there is no such file$"):
        fetch(f"{server.url}/none.mp4")
    assert server.asked["none.mp4"] == 1


@pytest.mark.parametrize("kind", ["http", "memory"])
def test_what_is_too_large_is_refused(kind: str, server: VideoServer) -> None:
    fsspec.filesystem("memory").pipe("/a.mp4", CONTENT)
    address = f"{server.url}/a.mp4" if kind == "http" else "memory://a.mp4"
    with pytest.raises(DecodeError, match=r"a\.mp4: is larger than the 2,000,000 bytes that are fetched at most"):
        fetch(address, most_bytes=2_000_000)
    assert server.asked["a.mp4"] == (kind == "http")


def test_a_server_that_sends_little_by_little_is_given_up(
    server: VideoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.mp4").write_bytes(bytes(20_000))
    monkeypatch.setattr(module, "PACE_SECONDS", 0.5)
    with pytest.raises(DecodeError, match=r"small\.mp4: cannot be fetched: only \d+ bytes came in \d+ seconds$"):
        fetch(f"{server.url}/slow/small.mp4")  # which would take two thousand seconds
    assert server.asked["slow/small.mp4"] == 3


def test_a_small_file_that_has_come_at_last_is_taken(
    server: VideoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.mp4").write_bytes(bytes(2))
    monkeypatch.setattr(module, "PACE_SECONDS", 0.05)  # its second byte comes after 0.1 s
    fetch(f"{server.url}/slow/small.mp4").close()
    assert server.asked["slow/small.mp4"] == 1


def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.0)
    with pytest.raises(DecodeError, match=r"^http://127\.0\.0\.1:1/a\.mp4: cannot be fetched: .+"):
        fetch("http://127.0.0.1:1/a.mp4")
