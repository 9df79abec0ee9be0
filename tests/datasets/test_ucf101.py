"""UCF-101 as it is distributed: CRLF, numbers in the training lists only, classes in `classInd.txt`."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from list_samples import file_names, pairs, refusal, touch, write

from faster_video.datasets import read_list

TRAIN = "Archery/v_Archery_g08_c01.avi 1\r\nYoYo/v_YoYo_g08_c02.avi 2\r\n\r\n"
TEST = "Archery/v_Archery_g01_c01.avi\r\nYoYo/v_YoYo_g01_c01.avi\r\n"
TRAINING_VIDEOS = [("Archery/v_Archery_g08_c01.avi", "Archery"), ("YoYo/v_YoYo_g08_c02.avi", "YoYo")]
TEST_VIDEOS = [("Archery/v_Archery_g01_c01.avi", "Archery"), ("YoYo/v_YoYo_g01_c01.avi", "YoYo")]


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """The folder of the lists; no video is there yet."""
    folder = tmp_path / "ucf" / "ucfTrainTestlist"
    for split in (1, 2, 3):
        # Split 2 is the other way round, so that it can be told from split 1.
        train, test = (TRAIN, TEST) if split != 2 else (TEST.replace(".avi", ".avi 2"), TRAIN.replace(" 1", ""))
        if split == 2:
            train = train.replace("Archery_g01_c01.avi 2", "Archery_g01_c01.avi 1")
        write(folder / f"trainlist0{split}.txt", train)
        write(folder / f"testlist0{split}.txt", test)
    write(folder / "classInd.txt", "1 Archery\r\n2 YoYo\r\n")
    return folder


def put_videos(folder: Path) -> Path:
    touch(*(folder / name for name, _ in TRAINING_VIDEOS + TEST_VIDEOS))
    return folder


@pytest.mark.parametrize("place", ["ucf/UCF-101", "ucf/ucfTrainTestlist", "ucf", "ucf/ucfTrainTestlist/UCF-101"])
def test_videos_are_found_beside_the_lists(place: str, lists: Path, tmp_path: Path) -> None:
    base = put_videos(tmp_path / place)
    assert pairs(read_list(lists, part="train"), base) == TRAINING_VIDEOS
    assert pairs(read_list(lists, part="test"), base) == TEST_VIDEOS
    assert pairs(read_list(lists), base) == TRAINING_VIDEOS + TEST_VIDEOS
    assert read_list(lists).missing == ()


def test_the_folder_above_the_lists_stands_for_them(lists: Path) -> None:
    base = put_videos(lists.parent / "UCF-101")
    assert pairs(read_list(lists.parent, part="test"), base) == TEST_VIDEOS


def test_lists_in_the_working_folder_find_videos_above_it(lists: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_videos(lists.parent / "UCF-101")
    monkeypatch.chdir(lists)
    for source in (".", "trainlist01.txt", "../ucfTrainTestlist"):
        assert read_list(source).missing == ()


def test_root_is_searched_to_the_bottom_and_nothing_else_is(lists: Path, tmp_path: Path) -> None:
    put_videos(lists.parent)
    base = put_videos(tmp_path / "disk" / "deep" / "er")
    videos = read_list(lists, root=tmp_path / "disk", part="train")
    assert pairs(videos, base) == TRAINING_VIDEOS and videos.root == tmp_path / "disk"


def test_videos_may_lie_flat_and_have_another_suffix(lists: Path) -> None:
    touch(lists / "v_Archery_g01_c01.mp4", lists / "v_YoYo_g01_c01.avi", lists / "v_YoYo_g01_c01.mp4")
    assert [path for path, _ in pairs(read_list(lists, part="test"), lists)] == [
        "v_Archery_g01_c01.mp4",
        "v_YoYo_g01_c01.avi",  # the suffix of the list, where there are both
    ]


def test_split_chooses_the_files(lists: Path) -> None:
    assert pairs(read_list(lists, split=2, part="train"), lists) == TEST_VIDEOS
    assert pairs(read_list(lists, split=2, part="test"), lists) == TRAINING_VIDEOS
    assert pairs(read_list(lists, split=3, part="train"), lists) == TRAINING_VIDEOS


def test_one_file_is_taken_as_it_is(lists: Path) -> None:
    assert pairs(read_list(lists / "trainlist01.txt", part="test"), lists) == TRAINING_VIDEOS
    assert pairs(read_list(lists / "testlist02.txt", split=2), lists) == TRAINING_VIDEOS


def test_missing_videos_keep_their_place(lists: Path) -> None:
    base = lists.parent / "UCF-101"
    touch(base / "YoYo" / "v_YoYo_g08_c02.avi")
    videos = read_list(lists, part="train")
    assert pairs(videos, base) == TRAINING_VIDEOS
    assert [video.label for video in videos.missing] == ["Archery"]
    assert pairs(videos.present(), base) == TRAINING_VIDEOS[1:]


def test_a_namesake_in_another_class_is_not_taken(tmp_path: Path) -> None:
    source = write(tmp_path / "testlist01.txt", "a/x.avi\nb/x.avi\n")
    touch(tmp_path / "b" / "x.avi")
    assert [video.label for video in read_list(source).missing] == ["a"]


def test_lists_without_classes_beside_them_are_read(lists: Path) -> None:
    (lists / "classInd.txt").unlink()
    assert read_list(lists).labels == ["Archery", "YoYo"]


@pytest.mark.parametrize(
    "name, content, sentence",
    [
        (
            "trainlist01.txt",
            "Archery/a.avi 1\r\nYoYo/b.avi 1\r\n",
            "line 2: is 'YoYo/b.avi 1'; classInd.txt gives YoYo the number 2, so one of the two must be corrected",
        ),
        (
            "testlist01.txt",
            "\ufeffArchery/a.avi\r\n\r\nFencing/b.avi\r\n",
            "line 3: is 'Fencing/b.avi'; classInd.txt has no class 'Fencing', so one of the two must be corrected",
        ),
        (
            "trainlist01.txt",
            "Archery/a.avi 1\nYoYo 2\n",
            "line 2: is 'YoYo 2'; each line must be CLASS/VIDEO.avi and, in a training list, the class's number",
        ),
        (
            "trainlist01.txt",
            "videos/Archery/a.avi 1\n",
            "line 1: is 'videos/Archery/a.avi 1'; each line must be CLASS/VIDEO.avi and, in a training list, the "
            "class's number",
        ),
        (
            "testlist01.txt",
            "\r\n",
            "lists no videos; each line must be CLASS/VIDEO.avi and, in a training list, the class's number",
        ),
        (
            "classInd.txt",
            "1 Archery\r\n1 YoYo\r\n",
            "line 2: is '1 YoYo'; its number or its name stands on an earlier line; each must be there once",
        ),
        (
            "classInd.txt",
            "Archery\r\n",
            "line 1: is 'Archery'; each line must be the class's number and its name",
        ),
    ],
)
def test_a_malformed_list_is_refused_by_file_and_line(name: str, content: str, sentence: str, lists: Path) -> None:
    write(lists / name, content)
    separator = ": " if sentence.startswith("lists") else ", "
    assert refusal(lists, lists) == f"{name}{separator}{sentence}"


def test_numbers_must_agree_with_each_other_where_there_are_no_classes(lists: Path) -> None:
    (lists / "classInd.txt").unlink()
    write(lists / "trainlist01.txt", "Archery/a.avi 1\nArchery/b.avi 2\n")
    assert refusal(lists / "trainlist01.txt", lists) == (
        "trainlist01.txt, line 2: is 'Archery/b.avi 2'; line 1 gives Archery the number 1, so one of the two must be "
        "corrected"
    )


def test_a_split_that_is_not_there_is_refused(lists: Path, tmp_path: Path) -> None:
    (lists / "testlist03.txt").unlink()
    assert refusal(lists, tmp_path, split=3, part="test") == (
        "ucf/ucfTrainTestlist: has no testlist03.txt for split 3; it has testlist01.txt, testlist02.txt, "
        "trainlist01.txt, trainlist02.txt, trainlist03.txt"
    )
    assert len(read_list(lists, split=3, part="train").videos) == 2
    assert refusal(lists / "testlist01.txt", lists, split=2) == (
        "testlist01.txt: is of split 1, but --split is 2; give the folder of the lists, or leave out --split"
    )


@given(rows=st.lists(st.tuples(file_names, file_names), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_names_are_read_back(rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ucf")
    number_of = {label: number for number, label in enumerate(dict.fromkeys(label for label, _ in rows), start=1)}
    write(folder / "classInd.txt", "".join(f"{number} {label}\r\n" for label, number in number_of.items()))
    lines = (f"{label}/v_{name}.avi {number_of[label]}\r\n" for label, name in rows)
    write(folder / "trainlist01.txt", "".join(lines))
    videos = read_list(folder, part="train")
    assert pairs(videos, folder) == [(f"{label}/v_{name}.avi", label) for label, name in rows]
