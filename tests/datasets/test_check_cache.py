"""The cache of a check: what it keeps, and that nothing wrong with its file stops anybody."""

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from faster_video.datasets.checking.cache import NAME, CheckCache, FileStamp
from faster_video.datasets.checking.finding import Finding
from faster_video.files import cache_folder

STAMP = FileStamp(Path("/videos/a.mp4"), 1000, 12345)
SOUND = Finding(num_frames=30, seconds=1.2, height=48, width=64, codec="h264", sha256="ab")


def test_a_finding_holds_for_this_path_size_time_and_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CheckCache(tmp_path).put(STAMP, SOUND)
    cache = CheckCache(tmp_path)
    assert cache.get(STAMP, with_hash=True) == SOUND
    for other in (
        replace(STAMP, path=Path("/videos/b.mp4")),
        replace(STAMP, size=1001),
        replace(STAMP, modified_ns=12346),
    ):
        assert cache.get(other, with_hash=False) is None
    monkeypatch.setattr("faster_video.datasets.checking.cache.CHECK_VERSION", 99)
    assert CheckCache(tmp_path).get(STAMP, with_hash=False) is None
    assert cache.remarks == []


def test_what_passes_is_not_kept_and_a_hash_only_where_there_is_one(tmp_path: Path) -> None:
    cache = CheckCache(tmp_path)
    cache.put(STAMP, Finding(broken="killed", lasting=False))
    assert cache.get(STAMP, with_hash=False) is None
    cache.put(STAMP, replace(SOUND, sha256=None))
    assert cache.get(STAMP, with_hash=True) is None and cache.get(STAMP, with_hash=False) is not None
    cache.put(STAMP, Finding(broken="the file is empty"))
    assert cache.get(STAMP, with_hash=True) == Finding(broken="the file is empty")


def test_names_of_any_bytes(tmp_path: Path) -> None:
    stamp = replace(STAMP, path=Path("/videos/\udcff\n'.mp4"))
    CheckCache(tmp_path).put(stamp, SOUND)
    assert CheckCache(tmp_path).get(stamp, with_hash=False) == SOUND


@pytest.mark.parametrize("content", [b"This is no database." * 99, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_file_is_made_anew_and_that_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    cache = CheckCache(tmp_path)
    assert cache.get(STAMP, with_hash=False) is None
    assert len(cache.remarks) == 1 and "is damaged" in cache.remarks[0] and "made anew" in cache.remarks[0]
    cache.put(STAMP, SOUND)
    assert CheckCache(tmp_path).get(STAMP, with_hash=False) == SOUND


def test_damage_met_only_in_reading_is_no_different(tmp_path: Path) -> None:
    cache = CheckCache(tmp_path)
    for number in range(2000):
        cache.put(replace(STAMP, size=number, path=Path(f"/{number}")), SOUND)
    cache.close()
    file = tmp_path / NAME
    content = bytearray(file.read_bytes())
    content[8192:] = b"\x77" * (len(content) - 8192)
    file.write_bytes(content)
    cache = CheckCache(tmp_path)
    found = [cache.get(replace(STAMP, size=number, path=Path(f"/{number}")), with_hash=False) for number in range(2000)]
    assert None in found and len(cache.remarks) == 1 and "made anew" in cache.remarks[0]
    cache.put(STAMP, SOUND)
    assert cache.get(STAMP, with_hash=False) == SOUND


def test_a_finding_that_is_not_ours_counts_as_none(tmp_path: Path) -> None:
    cache = CheckCache(tmp_path)
    cache.put(STAMP, SOUND)
    database = sqlite3.connect(tmp_path / NAME)
    database.execute("UPDATE checked_v1 SET finding = '{\"frames\": 3}'")
    database.commit()
    assert cache.get(STAMP, with_hash=False) is None


@pytest.mark.parametrize("place", ["file/faster_video", "/proc/nothing/faster_video"])
def test_where_nothing_can_be_kept_it_goes_on_without(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    cache = CheckCache(tmp_path / place)
    cache.put(STAMP, SOUND)
    assert cache.get(STAMP, with_hash=False) is None
    assert len(cache.remarks) == 1 and "results cannot be kept there" in cache.remarks[0]


def test_a_cache_that_another_check_holds_is_not_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faster_video.datasets.checking.cache.WAIT_SECONDS", 0.05)
    CheckCache(tmp_path).put(STAMP, SOUND)
    other = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    cache = CheckCache(tmp_path)
    other.execute("BEGIN EXCLUSIVE")
    cache.put(STAMP, replace(SOUND, num_frames=1))
    assert len(cache.remarks) == 1 and "locked" in cache.remarks[0]
    other.execute("ROLLBACK")
    assert CheckCache(tmp_path).get(STAMP, with_hash=False) == SOUND


def test_two_checks_write_at_once(tmp_path: Path) -> None:
    def write(first: int) -> None:
        cache = CheckCache(tmp_path)
        for number in range(first, first + 200):
            cache.put(replace(STAMP, path=Path(f"/{number}")), SOUND)
        remarks.extend(cache.remarks)

    remarks: list[str] = []
    threads = [threading.Thread(target=write, args=(200 * number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache = CheckCache(tmp_path)
    assert all(cache.get(replace(STAMP, path=Path(f"/{number}")), with_hash=False) for number in range(400))
    assert remarks == []


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/faster_video")
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_folder() == Path.home() / ".cache" / "faster_video"
