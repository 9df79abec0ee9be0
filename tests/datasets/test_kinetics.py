"""Kinetics as it is distributed and downloaded: quoted labels, ids that begin with `-`, and many videos missing."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from list_samples import pairs, refusal, touch, write

from faster_video.datasets import read_list

HEADER = "label,youtube_id,time_start,time_end,split"
ROWS = [
    ("riding a bike", "-0Wsu8Oepjo", 10, 20),
    ("passing American football (in game)", "_0123456789", 0, 10),
    ("dancing, slowly", "abcdefghijk", 123456, 123466),
]
STEMS = ["-0Wsu8Oepjo_000010_000020", "_0123456789_000000_000010", "abcdefghijk_123456_123466"]
LABELS = [label for label, *_ in ROWS]


def official(rows: list[tuple[str, str, int, int]], split: str, *, is_cc: bool = False) -> str:
    """The text of a list, with quotes where a label needs them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEADER.split(","), *(["is_cc"] if is_cc else [])])
    writer.writerows([*row, split, *([0] if is_cc else [])] for row in rows)
    return text.getvalue()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "k400" / "annotations" / "train.csv", official(ROWS, "train"))


ODDITIES = {
    "as it is": official(ROWS, "train"),
    "with is_cc": official(ROWS, "train", is_cc=True),
    "CRLF and BOM": "\ufeff" + official(ROWS, "train").replace("\n", "\r\n"),
    "blank lines": "\n" + official(ROWS, "train").replace("\n", "\n\n,,,,\n"),
    "all quoted": "\n".join(
        ",".join(f'"{cell}"' for cell in row) for row in csv.reader(official(ROWS, "train").splitlines())
    ),
    "other order and case": "YouTube_ID,Split,Time_End,Time_Start,Label\n"
    + "".join(f'{name},train,{end},{start},"{label}"\n' for label, name, start, end in ROWS),
    "times as pandas writes them": "label,youtube_id,time_start,time_end\n"
    + "".join(f'"{label}",{name},{start}.0,{end}.00\n' for label, name, start, end in ROWS),
    "without split": "label,youtube_id,time_start,time_end\n"
    + "".join(f'"{label}",{name},{start},{end}\n' for label, name, start, end in ROWS),
}


@pytest.mark.parametrize("content", ODDITIES.values(), ids=ODDITIES)
def test_lists_as_they_come_from_elsewhere(content: str, tmp_path: Path) -> None:
    videos = read_list(write(tmp_path / "list.csv", content), part="train")
    assert pairs(videos, tmp_path) == [(f"{stem}.mp4", label) for stem, label in zip(STEMS, LABELS, strict=True)]


LAYOUTS = {
    "flat beside the list": "annotations/{stem}.mp4",
    "flat above the list": "{stem}.mp4",
    "class folders": "{label}/{stem}.mkv",
    "class folders without blanks": "{label_}/{stem}.MP4",
    "split folder": "train/{stem}.mp4",
    "split and class folders": "train/{label}/{stem}.webm",
    "split and class folders beside the list": "annotations/train_256/{label_}/{stem}.mp4",
    "videos folder": "videos/{stem}.mp4",
    "split in the videos folder": "videos/train/{label_}/{stem}.mp4",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_videos_are_found_in_every_customary_layout(layout: str, source: Path) -> None:
    base = source.parents[1]
    places = [
        base / layout.format(stem=stem, label=label, label_=label.replace(" ", "_"))
        for stem, label in zip(STEMS, LABELS, strict=True)
    ]
    touch(*places)
    for options in ({}, {"root": base}):
        videos = read_list(source, **options)  # type: ignore[arg-type]
        assert [video.path for video in videos.videos] == places
        assert [video.label for video in videos.videos] == LABELS
        assert videos.missing == ()


def test_unrelated_folders_are_not_searched_without_root(source: Path) -> None:
    hidden_away = source.parents[1] / "backup" / f"{STEMS[0]}.mp4"
    touch(hidden_away, source.parents[1] / f"{STEMS[1]}.mp4")
    assert read_list(source).videos[0].path == source.parents[1] / f"{STEMS[0]}.mp4"
    assert read_list(source, root=source.parents[1]).videos[0].path == hidden_away


def test_missing_videos_keep_their_place_where_the_others_of_their_class_are(tmp_path: Path) -> None:
    rows = [*ROWS, ("riding a bike", "missing-one", 1, 2), ("yoga", "missing-two", 1, 2), ROWS[0]]
    source = write(tmp_path / "val.csv", official(rows, "validate"))
    there = [tmp_path / "val" / label.replace(" ", "_") / f"{stem}.mp4" for stem, label in zip(STEMS, LABELS)]  # noqa: B905
    touch(*there)
    videos = read_list(source, part="test")
    gone = [there[0].with_name("missing-one_000001_000002.mp4"), tmp_path / "missing-two_000001_000002.mp4"]
    assert [video.path for video in videos.videos] == [*there, *gone, there[0]]  # what is listed twice stays so
    assert [video.path for video in videos.missing] == gone
    assert [video.path for video in videos.present().videos] == [*there, there[0]]
    assert videos.present().root == videos.root


def test_of_two_files_of_one_name_the_one_in_its_split_and_class_is_taken(tmp_path: Path) -> None:
    source = write(tmp_path / "lists" / "k.csv", official(ROWS[:1], "val"))
    name = f"{STEMS[0]}.mp4"
    touch(*(tmp_path / "k" / folder / name for folder in ("all", "train/riding a bike", "val/riding_a_bike")))
    assert pairs(read_list(source, root=tmp_path / "k"), tmp_path / "k")[0][0] == f"val/riding_a_bike/{name}"


def test_links_are_followed_and_those_that_lead_back_up_end(source: Path, tmp_path: Path) -> None:
    touch(tmp_path / "ssd" / f"{STEMS[0]}.mp4")
    base = source.parents[1]
    (base / "train").symlink_to(tmp_path / "ssd")
    (tmp_path / "ssd" / "val").symlink_to(base)
    videos = read_list(source, root=base)
    assert videos.videos[0].path == base / "train" / f"{STEMS[0]}.mp4"
    assert len(videos.missing) == 2


def test_a_list_of_several_splits_is_cut_down_to_the_part(tmp_path: Path) -> None:
    both = official(ROWS[:1], "train") + official(ROWS[1:2], "validate").partition("\n")[2]
    mixed = both + official(ROWS[2:], "test").partition("\n")[2]
    source = write(tmp_path / "k.csv", mixed)
    assert read_list(source, part="train").labels == LABELS[:1]
    assert read_list(source, part="test").labels == LABELS[1:2]  # the one that papers report on
    assert len(read_list(source).videos) == 3
    source = write(tmp_path / "k.csv", mixed.replace("validate", "train"))
    assert read_list(source, part="test").labels == LABELS[2:]
    source = write(tmp_path / "k.csv", both.replace("train", "holdout"))
    assert refusal(source, tmp_path, part="train") == (
        "k.csv: lists no train videos; its column split has 'holdout', 'validate'"
    )


def test_a_list_of_one_split_is_taken_as_it_is(source: Path) -> None:
    assert len(read_list(source, part="test").videos) == 3


@pytest.mark.parametrize(
    "content, sentence",
    [
        (
            "youtube_id,time_start,time_end,split\nabc,0,10,test\n",
            "k.csv: has no column label, as the test lists that keep their labels secret; there is nothing to train or "
            "to evaluate on, give the train or the validation list",
        ),
        (
            "label,youtube_id,start,end\n",
            "k.csv: has the columns label, youtube_id, start, end; a Kinetics list must also have time_start, time_end",
        ),
        (
            "label\tyoutube_id\ttime_start\ttime_end\nyoga\tabc\t0\t10\n",
            "k.csv: its first line is 'label\\tyoutube_id\\ttime_start\\ttime_end'; a Kinetics list must be parted by "
            "commas",
        ),
        (
            "label;youtube_id;time_start;time_end\nyoga;abc;0;10\n",
            "k.csv: its first line is 'label;youtube_id;time_start;time_end'; a Kinetics list must be parted by commas",
        ),
        (f"{HEADER}\n\n", "k.csv: lists no videos; only the header is there"),
        (
            f"{HEADER}\nyoga,abc,0,10,train\nyoga,abc,0\n",
            f"k.csv, line 3: is 'yoga,abc,0'; it must be {HEADER}",
        ),
        (
            f"{HEADER}\ndancing, slowly,abc,0,10,train\n",
            f"k.csv, line 2: is 'dancing,slowly,abc,0,10,train'; it must be {HEADER}",
        ),
        (
            f"{HEADER}\n\nyoga,#NAME?,0,10,train\n",
            "k.csv, line 3: youtube_id is '#NAME?'; it must be letters, digits, - and _",
        ),
        (f"{HEADER}\nyoga,abc,0,-10,train\n", "k.csv, line 2: time_end is '-10'; it must be a whole second"),
        (f"{HEADER}\nyoga,abc,0.5,10,train\n", "k.csv, line 2: time_start is '0.5'; it must be a whole second"),
        (
            f"{HEADER}\nyo\x1bga,abc,0,10,train\n",
            "k.csv, line 2: the label is 'yo\\x1bga'; it must be text on one line, without control characters",
        ),
    ],
)
def test_a_malformed_list_is_refused_by_file_and_line(content: str, sentence: str, tmp_path: Path) -> None:
    assert refusal(write(tmp_path / "k.csv", content), tmp_path) == sentence


labels = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20
).filter(lambda label: label.strip() == label)
ids = st.text("abcXYZ019-_", min_size=1, max_size=11)
seconds = st.integers(0, 999_999)


@given(rows=st.lists(st.tuples(labels, ids, seconds, seconds), min_size=1, max_size=6), is_cc=st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_labels_and_ids_are_read_back(
    rows: list[tuple[str, str, int, int]], is_cc: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("kinetics")
    videos = read_list(write(folder / "train.csv", official(rows, "train", is_cc=is_cc)), part="train")
    assert pairs(videos, folder) == [(f"{name}_{start:06d}_{end:06d}.mp4", label) for label, name, start, end in rows]
