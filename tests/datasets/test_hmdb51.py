"""HMDB-51 as it is distributed: a file for each class and split, trailing blanks, and the oddest names there are."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from list_samples import file_names, pairs, refusal, touch, write

from faster_video.datasets import read_list

ODD = "#122_[x]&;!_walk_f_cm_np1_ba_med_0.avi"
PLAIN = "April_09_brush_hair_u_nm_np1_ba_goo_0.avi"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """The folder of the lists: split 1 trains on the odd names, split 2 tests on them; no video is there yet."""
    folder = tmp_path / "hmdb" / "testTrainMulti_7030_splits"
    for split, (odd, plain) in {1: (1, 2), 2: (2, 1), 3: (0, 1)}.items():
        write(folder / f"walk_test_split{split}.txt", f"{ODD} {odd} \nb_walk.avi {plain} \nc_walk.avi 0 \n")
        write(folder / f"brush_hair_test_split{split}.txt", f"{PLAIN} {odd} \r\nb_brush.avi {plain} \r\n\r\n")
    return folder


TRAINING_VIDEOS = [(f"brush_hair/{PLAIN}", "brush_hair"), (f"walk/{ODD}", "walk")]
TEST_VIDEOS = [("brush_hair/b_brush.avi", "brush_hair"), ("walk/b_walk.avi", "walk")]


def put_videos(folder: Path) -> Path:
    touch(*(folder / name for name, _ in TRAINING_VIDEOS + TEST_VIDEOS))
    return folder


@pytest.mark.parametrize("place", ["hmdb/hmdb51_org", "hmdb", "hmdb/testTrainMulti_7030_splits/videos"])
def test_videos_are_found_beside_the_lists(place: str, lists: Path, tmp_path: Path) -> None:
    base = put_videos(tmp_path / place)
    assert pairs(read_list(lists, part="train"), base) == TRAINING_VIDEOS
    assert pairs(read_list(lists, part="test"), base) == TEST_VIDEOS
    assert pairs(read_list(lists.parent, part="test"), base) == TEST_VIDEOS  # the folder above stands for the lists
    assert read_list(lists).missing == ()


def test_all_is_what_the_split_uses_in_the_lists_order(lists: Path) -> None:
    """A video with number 0 belongs to neither part of this split."""
    assert [name for name, _ in pairs(read_list(lists, part="all"), lists)] == [
        f"brush_hair/{PLAIN}",
        "brush_hair/b_brush.avi",
        f"walk/{ODD}",
        "walk/b_walk.avi",
    ]


def test_split_chooses_the_files(lists: Path) -> None:
    assert pairs(read_list(lists, split=2, part="test"), lists) == TRAINING_VIDEOS
    assert pairs(read_list(lists, split=3, part="train"), lists) == TEST_VIDEOS


def test_one_file_stands_for_all_classes_of_its_split(lists: Path) -> None:
    one = lists / "walk_test_split2.txt"
    assert pairs(read_list(one, part="test"), lists) == TRAINING_VIDEOS
    assert pairs(read_list(one, split=2, part="train"), lists) == TEST_VIDEOS
    assert refusal(one, lists, split=1) == (
        "walk_test_split2.txt: is of split 2, but --split is 1; give the folder of the lists, or leave out --split"
    )


def test_names_are_no_patterns(lists: Path, tmp_path: Path) -> None:
    """A glob would take `[x]` for the letter x, and find another file."""
    base = put_videos(tmp_path / "disk")
    touch(base / "walk" / "#122_x&;!_walk_f_cm_np1_ba_med_0.avi")
    assert (f"walk/{ODD}", "walk") in pairs(read_list(lists, root=base, part="train").present(), base)


def test_videos_may_lie_flat(lists: Path, tmp_path: Path) -> None:
    touch(*(tmp_path / "flat" / Path(name).name for name, _ in TRAINING_VIDEOS))
    videos = read_list(lists, root=tmp_path / "flat", part="train")
    assert pairs(videos, tmp_path / "flat") == [(Path(name).name, label) for name, label in TRAINING_VIDEOS]


def test_missing_videos_keep_their_place(lists: Path) -> None:
    base = lists.parent / "hmdb51_org"
    touch(base / "walk" / "b_walk.avi")
    videos = read_list(lists, part="test")
    assert pairs(videos, base) == TEST_VIDEOS
    assert [video.label for video in videos.missing] == ["brush_hair"]


@pytest.mark.parametrize("line", ["a.avi", "a.avi 3 ", "a.avi 1 2 3", "walk/a.avi 1 ", "1 ", "a.avi one"])
def test_a_malformed_line_is_refused_by_file_and_line(line: str, lists: Path) -> None:
    write(lists / "walk_test_split1.txt", f"\ufeffb.avi 2 \r\n\r\n{line}\r\n")
    if line == "a.avi 1 2 3":  # then the number is 3
        line = line.strip()
    assert refusal(lists, lists) == (
        f"walk_test_split1.txt, line 3: is {line.strip()!r}; each line must be VIDEO.avi and 0 (not in this split), 1 "
        "(train) or 2 (test)"
    )


def test_splits_and_classes_that_are_not_there_are_refused(lists: Path, tmp_path: Path) -> None:
    assert refusal(lists, tmp_path, split=4) == (
        "hmdb/testTrainMulti_7030_splits: has no lists of split 4; it has those of split 1, 2, 3"
    )
    (lists / "walk_test_split1.txt").unlink()
    assert refusal(lists, tmp_path) == (
        "hmdb/testTrainMulti_7030_splits: has no walk_test_split1.txt, though other splits have that class; copy all "
        "the lists again"
    )


def test_a_split_without_such_videos_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "walk_test_split1.txt", "a.avi 1 \n")
    assert refusal(tmp_path / "walk_test_split1.txt", tmp_path, part="test") == (
        "walk_test_split1.txt: lists no test videos; their number must be 2"
    )


@given(
    classes=st.dictionaries(
        file_names, st.lists(st.tuples(file_names, st.integers(0, 2)), min_size=1, max_size=4), min_size=1, max_size=3
    )
)
@settings(max_examples=60, deadline=None)
def test_any_names_are_read_back(
    classes: dict[str, list[tuple[str, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("hmdb")
    write(folder / "x_test_split1.txt", "x.avi 1 \nx.avi 2 \n")
    for label, rows in classes.items():
        lines = (f"{name}.avi {number} \n" for name, number in rows)
        write(folder / f"{label}_test_split1.txt", "".join(lines))
    classes.setdefault("x", [("x", 1), ("x", 2)])
    for part, numbers in (("train", {1}), ("test", {2}), ("all", {1, 2})):
        wanted = [
            (f"{label}/{name}.avi", label)
            for label in sorted(classes, key=lambda label: f"{label}_test_split1.txt")
            for name, number in classes[label]
            if number in numbers
        ]
        if wanted:
            assert pairs(read_list(folder, part=part), folder) == wanted  # type: ignore[arg-type]
