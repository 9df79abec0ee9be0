"""`faster-video extract` as it is typed."""

import shutil
from pathlib import Path

import pytest
from feature_samples import bundle_for

from faster_video.bundle import save_bundle
from faster_video.cli import main
from faster_video.datasets import VideoList
from faster_video.features.layout import read_config


@pytest.fixture
def bundle(data: VideoList, tmp_path: Path) -> str:
    save_bundle(bundle_for(data.labels), tmp_path / "bundle")
    return str(tmp_path / "bundle")


@pytest.fixture
def lists(data: VideoList, tmp_path: Path) -> Path:
    """A folder like that of UCF-101: six videos to learn from, two to test on."""
    folder = tmp_path / "ucfTrainTestlist"
    folder.mkdir()
    names = []
    for number, video in enumerate(data.videos):
        names.append(f"{video.label}/{number}.avi")
        place = tmp_path / "UCF-101" / names[-1]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video.path, place)
    (folder / "trainlist01.txt").write_text("\n".join(names[:6]))
    (folder / "testlist01.txt").write_text("\n".join(names[6:]))
    return folder


@pytest.mark.parametrize(
    ("options", "part", "videos"),
    [
        (["--views", "1"], "train", 6),
        (["--views", "0"], "test", 2),
        (["--views", "0", "--part", "train"], "train", 6),
        (["--views", "0", "--part", "all"], "all", 8),
    ],
)
def test_the_part_of_a_list_is_said_and_recorded(
    bundle: str,
    lists: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    part: str,
    videos: int,
) -> None:
    command = ["extract", bundle, str(lists), "--out", str(tmp_path / "store"), "--workers", "0", *options]
    assert main(command) == 0
    words = "all parts" if part == "all" else f"the part {part}"
    said = f"features of {videos} of {videos} videos of {words} in {tmp_path / 'store'}\n"
    assert capsys.readouterr().out == said
    assert read_config(tmp_path / "store").part == part
    assert main([*command, "--resume"]) == 0


def test_a_list_without_parts_has_none(
    bundle: str, data: VideoList, lists: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, source in (("plain", data.source), ("file", lists / "testlist01.txt")):
        out = tmp_path / name
        assert main(["extract", bundle, str(source), "--out", str(out), "--workers", "0", "--views", "0"]) == 0
        assert read_config(out).part == ""
        assert " videos in " in capsys.readouterr().out


def test_missing_videos_are_one_line_and_no_failure(
    bundle: str, lists: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, path in enumerate(sorted((tmp_path / "UCF-101").rglob("*.avi"))):
        if number < 3:
            path.unlink()
    out = tmp_path / "store"
    command = ["extract", bundle, str(lists), "--out", str(out), "--workers", "0", "--views", "0", "--part", "all"]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines()[0] == f"3 of 8 videos of {lists} are missing and left out"
    assert captured.err.count("\n") == 2
    assert captured.out == f"features of 5 of 8 videos of all parts in {out}\n"
