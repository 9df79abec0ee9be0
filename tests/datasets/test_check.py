"""`check_videos`: every kind of damage found with its reason and nothing else, copies, short videos, cached results."""

import dataclasses
import os
import re
import shutil
from pathlib import Path

import pytest
from damage import HARMS, cut_half, make_video

from faster_video.datasets import LabelledVideo
from faster_video.datasets.checking import check_videos, workers
from faster_video.datasets.checking.cache import NAME
from faster_video.datasets.checking.output import write_report
from faster_video.datasets.checking.table import report_tables
from faster_video.errors import ConfigError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "faster_video"


def labelled(*paths: Path, label: str = "wave") -> list[LabelledVideo]:
    return [LabelledVideo(path, label) for path in paths]


def test_every_kind_of_damage_is_found_with_its_reason_and_no_other(tmp_path: Path) -> None:
    videos, harmed = [], {}
    for number, (kind, harm) in enumerate(HARMS.items()):
        videos += labelled(make_video(tmp_path / f"{number} sound{harm.suffix}", seed=2 * number))
        path = make_video(tmp_path / f"{number} harmed{harm.suffix}", seed=2 * number + 1)
        harm.do(path)
        videos += labelled(path)
        harmed[path] = kind
    report = check_videos(videos, workers=2)
    reasons = {video.path: video.fault for video in (*report.broken, *report.missing)}
    assert reasons.keys() == harmed.keys()
    for path, kind in harmed.items():
        assert re.fullmatch(HARMS[kind].said, str(reasons[path])), (kind, reasons[path])
    assert [str(video.path) for video in report.missing] == [str(path) for path in harmed if harmed[path] == "missing"]
    assert len(report.readable) == len(HARMS) and not report.copies and not report.too_short


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_must_not_be_read_is_named_and_tried_again_next_time(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4")
    video.chmod(0)
    assert "Permission denied" in str(check_videos(labelled(video), workers=1).broken[0].fault)
    video.chmod(0o600)
    assert len(check_videos(labelled(video), workers=1).readable) == 1


def test_a_video_shorter_than_a_clip_is_readable_and_reported(tmp_path: Path) -> None:
    videos = labelled(make_video(tmp_path / "a.mp4", 15), make_video(tmp_path / "b.mp4", 16))
    report = check_videos(videos, workers=1)
    assert [video.path.name for video in report.too_short] == ["a.mp4"]
    assert len(report.readable) == len(report.fixed) == 2 and report.min_frames == 16
    assert report.num_frames == 31 and report.seconds == pytest.approx(31 / 25)
    again = check_videos(videos, min_frames=32, workers=1)  # from the cache
    assert (len(again.too_short), again.num_cached) == (2, 2)
    assert not check_videos(videos, min_frames=1, workers=1).too_short


def test_copies_and_contradictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, other = make_video(Path("a.mp4")), make_video(Path("b.mp4"), seed=1)
    copy, link = Path(shutil.copy(first, "c.mp4")), Path("d.mp4")
    link.symlink_to(other.absolute())
    videos = [
        *labelled(first, other, label="wave"),
        *labelled(tmp_path / "x" / ".." / "a.mp4", Path("none.mp4"), Path("none.mp4"), label="wave"),
        *labelled(copy, label="jump"),
        *labelled(link, label="wave"),
    ]
    report = check_videos(videos, workers=1)
    groups = {tuple(video.path.name for video in copies.videos): copies for copies in report.copies}
    assert set(groups) == {("a.mp4", "a.mp4", "c.mp4"), ("b.mp4", "d.mp4"), ("none.mp4", "none.mp4")}
    assert [copies.videos[2].label for copies in report.contradictions] == ["jump"]
    assert [copies.is_one_file for copies in groups.values()] == [False, False, True]
    assert [video.path for video in report.fixed] == [first, other]
    assert report.labels == {"jump": (1, 1), "wave": (6, 4)}


def test_same_size_is_not_same_content(tmp_path: Path) -> None:
    first, other = make_video(tmp_path / "a.mp4"), make_video(tmp_path / "b.mp4", seed=1)
    size = max(first.stat().st_size, other.stat().st_size)
    for path in (first, other):
        path.write_bytes(path.read_bytes() + bytes(8 + size - path.stat().st_size))  # padding behind the last box
    report = check_videos(labelled(first, other), workers=1)
    assert {video.size for video in report.readable} == {size + 8} and not report.copies


def test_a_file_that_has_not_changed_is_not_decoded_again(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [make_video(tmp_path / f"{number}.mp4", seed=number) for number in range(3)]
    cut_half(paths[2])
    first = check_videos(labelled(*paths), workers=1)
    assert first.num_cached == 0 and (cache / NAME).exists()
    with monkeypatch.context() as patch:
        patch.setattr(workers, "_Worker", None)  # none can be started
        second = check_videos(labelled(*paths), workers=1)
    assert second.num_cached == 3 and second.videos == first.videos
    assert check_videos(labelled(*paths), workers=1, fresh=True).num_cached == 0
    os.utime(paths[0], ns=(1, 1))
    make_video(paths[2], seed=2)
    third = check_videos(labelled(*paths), workers=1)
    assert third.num_cached == 1 and not third.broken


def test_a_copy_added_later_is_found_although_its_original_is_cached(tmp_path: Path) -> None:
    first = make_video(tmp_path / "a.mp4")
    check_videos(labelled(first), workers=1)
    copy = Path(shutil.copy(first, tmp_path / "b.mp4"))
    assert len(check_videos(labelled(first, copy), workers=1).copies) == 1
    assert check_videos(labelled(first, copy), workers=1).num_cached == 2


def test_progress_counts_every_file_once(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4")
    videos = labelled(path, path, tmp_path / "none.mp4")
    for _ in range(2):  # the second time from the cache
        counts: list[int] = []
        check_videos(videos, workers=1, show=counts.append)
        assert sum(counts) == 2


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="min_frames is 0; it must be at least 1"):
        check_videos([], min_frames=0)
    with pytest.raises(ConfigError, match="workers is 0; it must be at least 1, or -1 for one per core"):
        check_videos([], workers=0)


def test_a_long_report_is_shown_in_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    videos = [LabelledVideo(tmp_path / f"{number}.mp4", f"label {number:03d}") for number in range(50)]
    report = check_videos([*videos, *labelled(make_video(tmp_path / "a.mp4"))], workers=1)
    for table in report_tables(report):
        Console(width=120).print(table)
    printed = capsys.readouterr().out
    assert "… and 30 more, in report.json" in printed and "median of 51 labels" in printed
    assert "19.mp4" in printed and "20.mp4" not in printed


def test_names_that_are_not_utf8_are_in_no_list_that_must_be(tmp_path: Path) -> None:
    odd = make_video(tmp_path / "a.mp4").rename(tmp_path / os.fsdecode(b"\xff.mp4"))
    report = check_videos(labelled(odd, make_video(tmp_path / "b.mp4", seed=1)), workers=1)
    assert len(report.readable) == 2
    write_report(report, tmp_path / "out", "list.csv", {"all": report.fixed})
    assert (tmp_path / "out" / "fixed.csv").read_text() == f"path,label\n{tmp_path / 'b.mp4'},wave\n"
    broken = dataclasses.replace(report, videos=[dataclasses.replace(report.videos[0], finding=None)])
    write_report(broken, tmp_path / "out", "list.csv", {})
    assert "\\udcff.mp4,wave,missing" in (tmp_path / "out" / "broken.csv").read_text()
