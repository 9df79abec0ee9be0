"""Lists of labelled videos: folders and CSV files as people have them."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faster_video.datasets import VideoList, read_list
from faster_video.errors import DataError
from faster_video.files import printable


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def pairs(videos: VideoList) -> list[tuple[str, str]]:
    """Path from the list's own folder, and label."""
    base = videos.source if videos.source.is_dir() else videos.source.parent
    return [(str(video.path.relative_to(base)), video.label) for video in videos.videos]


def read_text(tmp_path: Path, content: str | bytes) -> VideoList:
    path = tmp_path / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_list(path)


def test_folders_are_labels_and_everything_below_them_is_found_in_order(tmp_path: Path) -> None:
    for name in ("wave/b.mp4", "wave/a.MP4", "wave/deep/er/c.webm", "jump/z.avi", "jump/a.mkv"):
        touch(tmp_path / name)
    for name in (
        "top.mp4",
        "wave/notes.txt",
        "wave/.hidden.mp4",
        ".git/x.mp4",
        "wave/.thumbnails/y.mp4",
        "empty/x.csv",
    ):
        touch(tmp_path / name)
    videos = read_list(str(tmp_path))
    assert pairs(videos) == [
        ("jump/a.mkv", "jump"),
        ("jump/z.avi", "jump"),
        ("wave/a.MP4", "wave"),
        ("wave/b.mp4", "wave"),
        ("wave/deep/er/c.webm", "wave"),
    ]
    assert videos.labels == ["jump", "wave"]


@pytest.mark.parametrize(
    "name", ["[ab]", "a & b; c!", "#1", "*", "~", "$HOME", "weiß 跳", " leading", "%20", "a,b", '"q"']
)
def test_odd_names_are_just_names(name: str, tmp_path: Path) -> None:
    touch(tmp_path / name / f"{name}.mp4")
    touch(tmp_path / "other" / "x.mp4")
    assert (f"{name}/{name}.mp4", name) in pairs(read_list(tmp_path))
    (tmp_path / "list.csv").write_text(f'"{name.replace(chr(34), 2 * chr(34))}/x.mp4",label\n', "utf-8")
    assert pairs(read_list(tmp_path / "list.csv")) == [(f"{name.strip()}/x.mp4", "label")]


def test_links_that_lead_back_up_end(tmp_path: Path) -> None:
    touch(tmp_path / "wave" / "a.mp4")
    (tmp_path / "wave" / "loop").symlink_to(tmp_path)
    (tmp_path / "wave" / "self").symlink_to(tmp_path / "wave" / "self")
    assert pairs(read_list(tmp_path)) == [("wave/a.mp4", "wave")]


def test_a_link_to_a_class_folder_or_a_video_counts(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.mp4")
    (tmp_path / "set" / "jump").mkdir(parents=True)
    (tmp_path / "set" / "wave").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "jump" / "b.mp4").symlink_to(tmp_path / "elsewhere" / "a.mp4")
    assert pairs(read_list(tmp_path / "set")) == [("jump/b.mp4", "jump"), ("wave/a.mp4", "wave")]


def test_a_folder_without_videos_says_what_it_should_hold(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4")  # has no label
    touch(tmp_path / "wave" / "notes.txt")
    with pytest.raises(DataError) as caught:
        read_list(tmp_path)
    assert str(caught.value).startswith(
        f"{tmp_path}: holds no labelled videos; it must have one folder per label with video files in it (3gp, avi, "
    )


TWO = [("a.mp4", "wave"), ("sub/b.mp4", "jump")]


@pytest.mark.parametrize(
    "content",
    [
        "path,label\na.mp4,wave\nsub/b.mp4,jump\n",
        "a.mp4,wave\nsub/b.mp4,jump\n",
        "a.mp4,wave\nsub/b.mp4,jump",
        "\ufeffpath,label\na.mp4,wave\nsub/b.mp4,jump\n",
        "\ufeffa.mp4,wave\nsub/b.mp4,jump\n",
        "path,label\r\na.mp4,wave\r\nsub/b.mp4,jump\r\n",
        " Path , LABEL \n  a.mp4 ,  wave  \n\n \n,\nsub/b.mp4,jump \t\n\n",
        '"path","label"\n"a.mp4","wave"\n"sub/b.mp4","jump"\n',
    ],
    ids=["header", "none", "no last newline", "BOM", "BOM, no header", "CRLF", "spaces and empty lines", "quoted"],
)
def test_csv_as_it_comes_from_elsewhere(content: str, tmp_path: Path) -> None:
    assert pairs(read_text(tmp_path, content)) == TWO


def test_quoted_commas_and_quotes_belong_to_the_name(tmp_path: Path) -> None:
    videos = read_text(tmp_path, '"a, b.mp4","wave, then jump"\n"say ""hi"".mp4",x\n')
    assert pairs(videos) == [("a, b.mp4", "wave, then jump"), ('say "hi".mp4', "x")]


def test_paths_are_relative_to_the_list_or_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "list.csv").write_text("../x/a.mp4,wave\n/data/b.mp4,wave\n")
    monkeypatch.chdir("/")
    first, second = read_list(tmp_path / "set" / "list.csv").videos
    assert first.path.resolve() == (tmp_path / "x" / "a.mp4").resolve()
    assert second.path == Path("/data/b.mp4")


def test_files_need_not_exist_and_may_occur_twice(tmp_path: Path) -> None:
    assert len(read_text(tmp_path, "missing.mp4,wave\nmissing.mp4,wave\n").videos) == 2


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("", "LIST: lists no videos; each line must be path,label or path label"),
        ("\n \n,\n", "LIST: lists no videos; each line must be path,label or path label"),
        ("path,label\n", "LIST: lists no videos; each line must be path,label or path label"),
        ("a.mp4\n", "LIST, line 1: is 'a.mp4'; each line must be path,label or path label"),
        ("path,label\na.mp4,wave\nb.mp4\n", "LIST, line 3: is 'b.mp4'; each line must be path,label"),
        ("a.mp4,wave,extra\n", "LIST, line 1: is 'a.mp4,wave,extra'; each line must be path,label"),
        ("a.mp4,\n", "LIST, line 1: is 'a.mp4,'; each line must be path,label"),
        (",wave\n", "LIST, line 1: is ',wave'; each line must be path,label"),
        ("a.mp4;wave\n", "LIST, line 1: is 'a.mp4;wave'; each line must be path,label or path label"),
        ("a.mp4,wave\n\n\nb.mp4\n", "LIST, line 4: is 'b.mp4'; each line must be path,label"),
    ],
)
def test_a_malformed_list_is_refused_by_file_and_line(content: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_text(tmp_path, content)
    assert str(caught.value).replace(str(tmp_path / "list.csv"), "LIST") == sentence


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"list\.csv, line 4: is 'c\.mp4'"):
        read_text(tmp_path, '"a\nb.mp4",wave\n"x.mp4",wave\nc.mp4\n')


@pytest.mark.parametrize(
    "content, kind",
    [
        (b"\x00\x01\x02\xff\xfe", "text file in UTF-8"),
        (b"a.mp4,w\xe9ve\n", "text file in UTF-8"),
        (b'"a.mp4,' + b"x" * 200_000, "CSV text file"),
    ],
    ids=["binary", "latin", "huge"],
)
def test_a_list_that_is_no_text_is_refused(content: bytes, kind: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_text(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'list.csv'}: is not a {kind}: ")


def test_a_list_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_list(tmp_path / "nowhere.csv")
    assert str(caught.value) == (
        f"{tmp_path / 'nowhere.csv'}: does not exist; give a folder of class folders, a file of path,label or path "
        "label, or a list of Kinetics, UCF-101 or HMDB-51"
    )


@given(content=st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused_by_name(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    try:
        videos = read_text(folder, content)
    except DataError as error:
        assert str(error).startswith(str(folder / "list.csv"))
    else:
        assert videos.videos and all(video.label.strip() for video in videos.videos)


def test_hash_does_not_depend_on_where_the_list_lies(tmp_path: Path) -> None:
    for name in ("wave/a.mp4", "jump/b.mp4"):
        touch(tmp_path / "one" / name)
    (tmp_path / "one" / "list.csv").write_text("wave/a.mp4,wave\njump/b.mp4,jump\n")
    shutil.copytree(tmp_path / "one", tmp_path / "far" / "two")
    for name in ("", "list.csv"):
        here, there = read_list(tmp_path / "one" / name), read_list(tmp_path / "far" / "two" / name)
        assert here.sha256 == there.sha256


def test_hash_does_not_depend_on_how_the_list_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.csv").write_text("a.mp4,wave\n")
    monkeypatch.chdir(tmp_path)
    assert read_list("list.csv").sha256 == read_list(tmp_path / "list.csv").sha256


def test_hash_follows_order_labels_and_files_but_not_layout(tmp_path: Path) -> None:
    contents = ["a,x\nb,y\n", "b,y\na,x\n", "a,y\nb,x\n", "a,x\nc,y\n", "a,x\n", "a,x\nb,y\nb,y\n"]
    hashes = [read_text(tmp_path, content).sha256 for content in contents]
    assert len(set(hashes)) == len(contents)
    assert read_text(tmp_path, "path,label\r\n a , x\r\nb,y").sha256 == hashes[0]


def test_names_that_are_not_utf8_are_hashed_and_told_apart(tmp_path: Path) -> None:
    hashes = []
    for name in ("caf\udce9.mp4", "caf\udcea.mp4"):
        video = touch(tmp_path / name / "wave" / name)
        videos = read_list(video.parents[1])
        assert videos.videos[0].path == video
        hashes.append(videos.sha256)
    assert len(set(hashes)) == 2


@pytest.mark.parametrize("label", ["caf\udce9", "a\x1b[31m", "a\nb", "a\u2028b"])
def test_a_folder_whose_name_is_no_label_is_refused_by_name(label: str, tmp_path: Path) -> None:
    touch(tmp_path / label / "a.mp4")
    with pytest.raises(DataError) as caught:
        read_list(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path}/{printable(label)}: this folder's name is no label; rename it")
    assert said.isprintable()


def test_a_label_with_control_characters_is_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"list\.csv, line 2: the label is 'a\\x1bb'; it must be text on one line"):
        read_text(tmp_path, "a.mp4,wave\nb.mp4,a\x1bb\n")


@pytest.mark.parametrize("label", ["\U0001f468\u200d\U0001f469", "a\u00a0b", "می\u200cخواهم", "weiß 跳"])
def test_labels_of_all_languages_are_taken(label: str, tmp_path: Path) -> None:
    assert read_text(tmp_path, f"a.mp4,{label}\n").labels == [label]
    assert printable(label) == label
