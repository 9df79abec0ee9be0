"""Lists of one's own with a space between path and label, as other programs write them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from list_samples import file_names, pairs, refusal, touch, write

from faster_video.datasets import read_list

spaced_labels = file_names.filter(lambda label: not label.startswith(","))  # `a.mp4 ,x` is parted by its comma
COMMAS_FOR_BLANKS = "each line must be path label, and a label with blanks needs commas: path,label"


@pytest.mark.parametrize("name", ["list.txt", "list.csv", "list"])
@pytest.mark.parametrize(
    "content",
    [
        "a b/v 1.mp4 3\nc.avi wave\n",
        "path label\na b/v 1.mp4 3\nc.avi wave\n",
        "\ufeffa b/v 1.mp4 \t 3  \r\n\r\n c.avi\twave\r\n",
    ],
    ids=["plain", "header", "BOM, CRLF, tabs and blank lines"],
)
def test_the_label_is_the_last_word(name: str, content: str, tmp_path: Path) -> None:
    videos = read_list(write(tmp_path / name, content))
    assert pairs(videos, tmp_path) == [("a b/v 1.mp4", "3"), ("c.avi", "wave")]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("my video.mp4,riding a bike", ("my video.mp4", "riding a bike")),
        ('"my, video.mp4",riding a bike', ("my, video.mp4", "riding a bike")),
        ("Crime, drama/my video.mp4 3", ("Crime, drama/my video.mp4", "3")),
        ("frames/one 3", ("frames/one", "3")),
        ("frames/one,riding a bike", ("frames/one", "riding a bike")),
        ('say "hi".mp4 3', ('say "hi".mp4', "3")),
    ],
)
def test_the_first_line_tells_commas_from_spaces(line: str, expected: tuple[str, str], tmp_path: Path) -> None:
    assert pairs(read_list(write(tmp_path / "list.csv", f"{line}\n")), tmp_path) == [expected]


@pytest.mark.parametrize("mark", [" ", ","])
def test_files_without_a_videos_suffix_are_taken_where_the_first_has_none_either(mark: str, tmp_path: Path) -> None:
    names = ["frames/one", "my frames/two", "three.jpegs"]
    source = write(tmp_path / "list.txt", "".join(f"{name}{mark}wave\n" for name in names))
    assert pairs(read_list(source), tmp_path) == [(name, "wave") for name in names]
    source = write(tmp_path / "list.txt", f"path{mark}label\nframes/one{mark}wave\na.mp4{mark}jump\n")
    assert pairs(read_list(source), tmp_path) == [("frames/one", "wave"), ("a.mp4", "jump")]


def test_root_takes_the_place_of_the_lists_folder(tmp_path: Path) -> None:
    touch(tmp_path / "disk" / "a.mp4")
    for content in ("a.mp4 wave\n/elsewhere/b.mp4 wave\n", "a.mp4,wave\n/elsewhere/b.mp4,wave\n"):
        source = write(tmp_path / "lists" / "list.txt", content)
        videos = read_list(source, root=tmp_path / "disk")
        assert [str(video.path) for video in videos.videos] == [str(tmp_path / "disk" / "a.mp4"), "/elsewhere/b.mp4"]
        assert [str(video.path) for video in videos.missing] == ["/elsewhere/b.mp4"]


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("a.mp4 wave\nb.mp4\n", "list.txt, line 2: is 'b.mp4'; each line must be path label"),
        ("my video.mp4\n", "list.txt, line 1: is 'my video.mp4'; each line must be path label"),
        ("path label\n", "list.txt: lists no videos; each line must be path,label or path label"),
        ("a.mp4 wave\nb.mp4 riding a bike\n", f"list.txt, line 2: is 'b.mp4 riding a bike'; {COMMAS_FOR_BLANKS}"),
        ("b.mp4\triding a bike\n", f"list.txt, line 1: is 'b.mp4\\triding a bike'; {COMMAS_FOR_BLANKS}"),
        (
            "filename label\na.mp4 wave\n",
            "list.txt, line 1: is 'filename label'; a header must be path label, and a path must end in a video's "
            "suffix if the next one does",
        ),
        (
            "filename,label\na.mp4,wave\n",
            "list.txt, line 1: is 'filename,label'; a header must be path,label, and a path must end in a video's "
            "suffix if the next one does",
        ),
        ("label,path\nwave,a.mp4\n", "list.txt, line 2: is 'wave,a.mp4'; each line must be path,label"),
        (
            "Label,Path\nwave,frames/a\n",
            "list.txt, line 1: is 'Label,Path'; a header must be path,label, and a path must end in a video's suffix "
            "if the next one does",
        ),
        (
            "a\0.mp4,wave\n",
            "list.txt, line 1: the path 'a\\x00.mp4' has a NUL character, which no file has",
        ),
        (
            "a.mp4 wa\x1bve\n",
            "list.txt, line 1: the label is 'wa\\x1bve'; it must be text on one line, without control characters",
        ),
    ],
)
def test_a_malformed_list_is_refused_by_file_and_line(content: str, sentence: str, tmp_path: Path) -> None:
    assert refusal(write(tmp_path / "list.txt", content), tmp_path) == sentence


@given(
    rows=st.lists(
        st.tuples(st.lists(file_names, min_size=1, max_size=3).map(" ".join), spaced_labels), min_size=1, max_size=6
    )
)
@settings(max_examples=60, deadline=None)
def test_any_names_are_read_back(rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("spaced")
    videos = read_list(write(folder / "list.txt", "".join(f"v {name}.mp4 {label}\n" for name, label in rows)))
    assert pairs(videos, folder) == [(f"v {name}.mp4", label) for name, label in rows]
