"""Paths a user gives become files: folders searched, everything else taken literally."""

from pathlib import Path

import pytest

from faster_video.inference import Failure, find_videos


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_folders_are_searched_in_order_and_files_taken_as_they_are(tmp_path: Path) -> None:
    in_folder = [touch(tmp_path / "folder" / name) for name in ("a.MP4", "b.avi", "sub/c.webm", "sub/deep/d.gif")]
    touch(tmp_path / "folder" / "notes.txt")
    touch(tmp_path / "folder" / ".hidden.mp4")
    touch(tmp_path / "folder" / ".git" / "e.mp4")
    without_suffix, missing = touch(tmp_path / "video"), tmp_path / "missing.mp4"
    assert find_videos([without_suffix, tmp_path / "folder", missing]) == [
        without_suffix,
        *in_folder,
        missing,
    ]


@pytest.mark.parametrize("name", ["[ab]", "a & b; c!", "#1", "*", "?", "{x,y}", "~", "$HOME"])
def test_names_are_never_patterns(name: str, tmp_path: Path) -> None:
    touch(tmp_path / "a" / "other.mp4")
    video = touch(tmp_path / name / f"{name}.mp4")
    assert find_videos([str(tmp_path / name)]) == [video]
    assert find_videos([video]) == [video]


def test_links_that_lead_back_up_end(tmp_path: Path) -> None:
    video = touch(tmp_path / "folder" / "a.mp4")
    (tmp_path / "folder" / "loop").symlink_to(tmp_path)
    assert find_videos([tmp_path / "folder"]) == [video]


def test_folder_given_as_a_link_is_searched(tmp_path: Path) -> None:
    touch(tmp_path / "folder" / "a.mp4")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert find_videos([tmp_path / "link"]) == [tmp_path / "link" / "a.mp4"]


def test_a_folder_without_videos_is_one_failure_among_the_files(tmp_path: Path) -> None:
    video = touch(tmp_path / "a.mp4")
    touch(tmp_path / "empty" / "notes.txt")
    failure, path = find_videos([tmp_path / "empty", video])
    assert isinstance(failure, Failure) and failure.path == tmp_path / "empty"
    assert failure.reason.startswith("no video in this folder or below it; looked for files ending in .3gp, ")
    assert path == video


def test_a_name_that_is_too_long_is_left_to_the_reader() -> None:
    assert find_videos(["x" * 5000]) == [Path("x" * 5000)]
