"""Which videos of a list are on disk: missing ones are counted, never an error, unless all are."""

import os
import shutil
from pathlib import Path

import pytest
from list_samples import refusal, touch, write

from faster_video.datasets import VideoList, read_list
from faster_video.errors import ConfigError, DataError


@pytest.fixture
def videos(tmp_path: Path) -> VideoList:
    touch(tmp_path / "set" / "a" / "1.mp4", tmp_path / "set" / "2.mp4")
    return read_list(write(tmp_path / "set" / "list.csv", "a/1.mp4,x\na/3.mp4,x\n2.mp4,y\nb/1.mp4,y\na/3.mp4,y\n"))


def test_missing_and_present_part_the_list_in_its_order(videos: VideoList) -> None:
    assert [video.path.name for video in videos.missing] == ["3.mp4", "1.mp4", "3.mp4"]
    assert [video.path.name for video in videos.present().videos] == ["1.mp4", "2.mp4"]
    assert videos.present().source == videos.source


def test_what_is_there_under_a_link_is_present_and_what_a_link_leads_nowhere_is_not(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.mp4")
    (tmp_path / "good.mp4").symlink_to(tmp_path / "elsewhere" / "a.mp4")
    (tmp_path / "bad.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "folder").symlink_to(tmp_path / "elsewhere")
    source = write(tmp_path / "list.csv", "good.mp4,x\nbad.mp4,x\nfolder/a.mp4,x\nfolder/../folder/a.mp4,x\n")
    assert [video.path.name for video in read_list(source).missing] == ["bad.mp4"]


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    source = write(tmp_path / "list.csv", f"list.csv/a.mp4,x\n{'a' * 300}.mp4,x\n.,x\n")
    assert [video.path.name for video in read_list(source).missing] == ["a.mp4"]  # reading tells what the others are


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_listed_hides_nothing(videos: VideoList) -> None:
    (videos.source.parent / "a").chmod(0o100)
    assert [video.path.name for video in videos.missing] == ["3.mp4", "1.mp4", "3.mp4"]


def test_a_list_of_which_nothing_is_there_says_where_the_first_should_be(tmp_path: Path) -> None:
    source = write(tmp_path / "list.csv", "a/1.mp4,x\n2.mp4,y\n")
    with pytest.raises(DataError) as caught:
        read_list(source).present()
    assert str(caught.value) == (
        f"{source}: none of its 2 videos is on disk; the first should be {tmp_path}/a/1.mp4; give the folder under "
        "which they lie with --root"
    )


def test_official_lists_say_so_too(tmp_path: Path) -> None:
    source = write(tmp_path / "testlist01.txt", "Archery/a.avi\n")
    with pytest.raises(DataError, match=rf"the first should be {tmp_path}/Archery/a\.avi; give the folder"):
        read_list(source).present()
    (tmp_path / "disk").mkdir()
    with pytest.raises(DataError, match=rf"the first should be {tmp_path}/disk/Archery/a\.avi; give the folder"):
        read_list(source, root=tmp_path / "disk").present()


@pytest.mark.parametrize("kind", ["kinetics", "ucf", "hmdb"])
def test_hash_does_not_depend_on_where_list_and_videos_lie(kind: str, tmp_path: Path) -> None:
    base = tmp_path / "one"
    touch(*(base / "UCF-101" / name for name in ("x/a_000000_000010.avi", "y/b_000000_000010.avi")))
    rows = {"a": "x", "b": "y", "gone": "y"}
    header = "label,youtube_id,time_start,time_end\n"
    write(base / "lists" / "k.csv", header + "".join(f"{label},{name},0,10\n" for name, label in rows.items()))
    listed = "".join(f"{label}/{name}_000000_000010.avi\n" for name, label in rows.items())
    write(base / "lists" / "testlist01.txt", listed)
    for label in ("x", "y"):
        names = [name for name, other in rows.items() if other == label]
        lines = "".join(f"{name}_000000_000010.avi 2 \n" for name in names)
        write(base / "lists" / f"{label}_test_split1.txt", lines)
    name = {"kinetics": "k.csv", "ucf": "testlist01.txt", "hmdb": "x_test_split1.txt"}[kind]
    shutil.copytree(base, tmp_path / "far" / "two")
    here, there = (
        read_list(folder / "lists" / name, root=folder / "UCF-101") for folder in (base, tmp_path / "far" / "two")
    )
    assert len(here.missing) == 1 and here.sha256 == there.sha256
    assert here.present().sha256 == there.present().sha256 != here.sha256


def test_hash_does_not_depend_on_how_the_root_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "disk" / "Archery" / "a.avi")
    source = write(tmp_path / "lists" / "testlist01.txt", "Archery/a.avi\n")
    monkeypatch.chdir(tmp_path / "disk")
    hashes = {read_list(source, root=root).sha256 for root in (".", "../disk", tmp_path / "disk", "../lists/../disk")}
    assert len(hashes) == 1


def test_folders_that_are_parts_of_a_set_are_no_labels(tmp_path: Path) -> None:
    touch(tmp_path / "train" / "wave" / "a.mp4", tmp_path / "val" / "wave" / "b.mp4")
    assert refusal(tmp_path, tmp_path.parent) == (
        f"{tmp_path.name}: its folders train, val are parts of a set, not labels; give one of them, such as "
        f"{tmp_path.name}/train"
    )
    assert read_list(tmp_path / "train").labels == ["wave"]


@pytest.mark.parametrize("names", [("train", "val"), ("Training", "testing"), ("eval", "valid")])
def test_what_stands_beside_the_parts_of_a_set_does_not_make_them_labels(
    names: tuple[str, str], tmp_path: Path
) -> None:
    touch(*(tmp_path / name / "wave" / "a.mp4" for name in names), tmp_path / "annotations" / "train.csv")
    assert f"its folders {', '.join(names)} are parts of a set, not labels" in refusal(tmp_path, tmp_path.parent)
    touch(tmp_path / "jump" / "a.mp4")
    assert read_list(tmp_path).labels == sorted([*names, "jump"])


def test_a_single_part_of_a_set_is_no_label(tmp_path: Path) -> None:
    touch(tmp_path / "train" / "wave" / "a.mp4")
    (tmp_path / "test").mkdir()
    assert refusal(tmp_path, tmp_path.parent) == (
        f"{tmp_path.name}: its only folder with videos, train, is a part of a set, not a label; give "
        f"{tmp_path.name}/train"
    )


def test_options_that_a_list_has_no_use_for_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "set" / "wave" / "a.mp4")
    assert refusal(tmp_path / "set", tmp_path, root=tmp_path / "set") == (
        "set: is the folder of the videos itself, but --root is set; leave it out"
    )
    assert refusal(tmp_path / "set", tmp_path, split=2) == (
        "set: has no official splits, but --split is 2; leave it out, or give the lists of UCF-101 or HMDB-51"
    )
    with pytest.raises(ConfigError, match=r"unknown part 'val'; choose one of all, test, train"):
        read_list(tmp_path / "set", part="val")  # type: ignore[arg-type]
