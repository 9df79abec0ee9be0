"""`faster-video data check` as people use it: what it prints, what it leaves behind, how it ends."""

import csv
import json
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from damage import HARMS, cut_half, make_video
from interrupts import HEARS_CTRL_C

from faster_video.cli import main
from faster_video.datasets import LabelledVideo, read_list
from faster_video.datasets.checking import check_videos, workers

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
RUN = "import sys; from faster_video.cli import main; sys.exit(main())"


@pytest.fixture(autouse=True)
def in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command is given in an empty folder, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(shlex.split(f"data check {command}"))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def make_list(name: str = "list.csv") -> None:
    """Two sound videos, a copy of one under another label, a short one, one cut off, one that is missing."""
    make_video(Path("videos, all/a.mp4"))
    make_video(Path("videos, all/b.avi"), seed=1)
    shutil.copy("videos, all/a.mp4", "videos, all/c.mp4")
    make_video(Path("videos, all/d.mp4"), 5)
    cut_half(make_video(Path("videos, all/e.mp4"), seed=2))
    lines = [
        ("a.mp4", "wave"),
        ("b.avi", "wave"),
        ("c.mp4", "jump"),
        ("d.mp4", "jump"),
        ("e.mp4", "jump"),
        ("f.mp4", "sit"),
    ]
    with Path(name).open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *((f"videos, all/{name}", label) for name, label in lines)])


def test_the_whole_report(capsys: pytest.CaptureFixture[str]) -> None:
    make_list()
    code, printed, said = run("list.csv --workers 1", capsys)
    assert (code, said) == (1, "")
    for row in ("readable +│ +4", "broken +│ +1", "missing +│ +1", "too short +│ +1", "copies +│ +1"):
        assert re.search(row, printed), row
    assert re.search(r"contradictions +│ +1 ", printed) and re.search(r"codecs .*h264 \(3\), mpeg4 \(1\)", printed)
    assert re.search(r"videos, all/e\.mp4 +cut off: an MP4 without its index", printed)
    assert re.search(r"videos, all/a\.mp4 +wave, but also jump \(videos, all/c\.mp4\)", printed)
    assert re.search(r"videos, all/d\.mp4 +5 frames", printed) and re.search(r"sit +1 +0", printed)
    assert printed.endswith("written: list-check/report.json, list-check/broken.csv\n")
    assert sorted(path.name for path in Path("list-check").iterdir()) == ["broken.csv", "report.json"]
    assert [(row["path"], row["label"]) for row in rows_of("list-check/broken.csv")] == [
        ("videos, all/e.mp4", "jump"),
        ("videos, all/f.mp4", "sit"),
    ]
    assert rows_of("list-check/broken.csv")[1]["reason"] == "missing: there is no such file"
    report = json.loads(Path("list-check/report.json").read_text())
    assert (report["num_videos"], report["num_readable"], report["num_from_cache"]) == (6, 4, 0)
    assert report["labels"]["jump"] == {"videos": 3, "readable": 2}
    assert report["too_short"] == [{"path": "videos, all/d.mp4", "label": "jump", "num_frames": 5}]
    assert report["copies"][0]["contradiction"] is True and report["picture_sizes"] == {"128×96": 4}


def test_the_fixed_list_is_read_as_it_is_and_has_nothing_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    make_list()
    assert run("list.csv --fix --out 'a report' --workers 1", capsys)[0] == 1
    fixed = read_list("a report/fixed.csv")
    assert [(video.path.name, video.label) for video in fixed.videos] == [
        ("a.mp4", "wave"),
        ("b.avi", "wave"),
        ("d.mp4", "jump"),
    ]
    code, printed, _ = run("'a report/fixed.csv'", capsys)
    assert code == 0 and re.search(r"from the cache +│ +3 ", printed)
    code, printed, _ = run("'a report/fixed.csv' --json", capsys)
    assert (code, json.loads(printed)["num_broken"], json.loads(printed)["num_from_cache"]) == (0, 0, 3)


def make_kinetics() -> str:
    """Rows of train and val in one CSV; one of val is the copy of one of train."""
    rows = [f"{label},{name},0,10,{split}" for label, name, split in KINETICS]
    Path("k.csv").write_text("\n".join(["label,youtube_id,time_start,time_end,split", *rows]))
    for number, (_, name, split) in enumerate(KINETICS):
        make_video(Path(split, f"{name}_000000_000010.mp4"), seed=min(number, 3))
    return "k.csv"


KINETICS = [("wave", "a", "val"), ("wave", "b", "train"), ("jump", "c", "val"), ("jump", "d", "train")]
KINETICS += [("jump", "e", "val")]


def make_ucf() -> str:
    for split, names in {"train": ("wave/b", "jump/d"), "test": ("wave/a", "jump/c", "wave/gone")}.items():
        Path(f"{split}list01.txt").write_text("".join(f"{name}.mp4\n" for name in names))
    for number, name in enumerate(("wave/a", "wave/b", "jump/c", "jump/d")):
        make_video(Path("videos", f"{name}.mp4"), seed=number)
    return "."


def make_hmdb() -> str:
    for label, lines in {"wave": "a.mp4 2\nb.mp4 1\nx.mp4 0\n", "jump": "c.mp4 2\nd.mp4 1\n"}.items():
        Path(f"{label}_test_split1.txt").write_text(lines)
    for number, name in enumerate("abcd"):
        make_video(Path("videos", f"{name}.mp4"), seed=number)
    return "."


@pytest.mark.parametrize("make", [make_kinetics, make_ucf, make_hmdb])
def test_of_a_list_of_several_parts_each_is_fixed_by_itself(
    make: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed, _ = run(f"{make()} --fix --out out --workers 1", capsys)
    assert code == (1 if make is make_ucf else 0)  # one is missing there
    assert printed.endswith("out/fixed-train.csv, out/fixed-test.csv\n") and not Path("out/fixed.csv").exists()
    fixed = {
        part: [(video.path.stem[0], video.label) for video in read_list(f"out/fixed-{part}.csv").videos]
        for part in ("train", "test")
    }
    assert {part: sorted(videos) for part, videos in fixed.items()} == {
        "train": [("b", "wave"), ("d", "jump")],
        "test": [("a", "wave"), ("c", "jump")],
    }


def test_a_list_of_one_part_is_fixed_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    make_ucf()
    code, printed, _ = run("trainlist01.txt --fix --out out --workers 1", capsys)
    assert code == 0 and printed.endswith("written: out/report.json, out/broken.csv, out/fixed.csv\n")
    assert len(read_list("out/fixed.csv").videos) == 2


def test_a_video_that_two_parts_list_is_left_in_one(capsys: pytest.CaptureFixture[str]) -> None:
    make_ucf()
    with Path("testlist01.txt").open("a") as file:
        file.write("wave/b.mp4\n")
    run(". --fix --out out --workers 1", capsys)
    names = [read_list(f"out/fixed-{part}.csv").videos for part in ("train", "test")]
    assert [sorted(video.path.stem for video in videos) for videos in names] == [["b", "d"], ["a", "c"]]


def test_a_folder_of_class_folders_and_videos_under_a_root(capsys: pytest.CaptureFixture[str]) -> None:
    make_video(Path("set/wave/a.mp4"))
    make_video(Path("set/jump/a.mp4"), seed=1)
    assert run("set --workers 1", capsys)[0] == 0
    Path("lists").mkdir()
    Path("lists/some.csv").write_text("wave/a.mp4,wave\njump/a.mp4,jump\n")
    code, printed, _ = run("lists/some.csv --root set", capsys)
    assert code == 0 and Path("some-check/report.json").exists() and re.search(r"from the cache +│ +2 ", printed)


def test_what_stands_in_the_folder_is_overwritten_only_if_a_check_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    make_list()
    for _ in range(2):
        assert run("list.csv --fix --out out --workers 1", capsys)[0] == 1
    run_folder = Path("run")
    run_folder.mkdir()
    (run_folder / "broken.csv").write_text("path,reason\n")  # a training's
    code, printed, said = run("list.csv --out run", capsys)
    assert (code, printed) == (2, "")
    assert said == (
        "faster-video: error: run: holds a broken.csv that no check has written; choose another folder (--out)\n"
    )
    assert (run_folder / "broken.csv").read_text() == "path,reason\n"
    code, _, said = run("out/fixed.csv --out out --fix", capsys)
    assert code == 2 and "out: holds the list that is to be checked; choose another folder (--out)" in said
    code, _, said = run("list.csv --out list.csv/out", capsys)
    assert code == 2 and "list.csv/out: cannot write the report there: Not a directory" in said


def test_nothing_readable_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.mp4").write_text("text")
    Path("list.csv").write_text("a.mp4,wave\nnone.mp4,wave\n")
    code, printed, said = run("list.csv --workers 1", capsys)
    assert (code, printed) == (2, "") and not Path("list-check").exists()
    assert said == (
        "faster-video: error: list.csv: none of its 2 videos can be read; the first: a.mp4: not a video: it is text\n"
    )
    Path("list.csv").write_text("none.mp4,wave\n")
    code, _, said = run("list.csv", capsys)
    assert code == 2 and "on disk" in said and "--root" in said


def test_a_damaged_cache_is_made_anew_saying_so(capsys: pytest.CaptureFixture[str]) -> None:
    make_list()
    Path(".cache/faster_video").mkdir(parents=True)
    Path(".cache/faster_video/checks.sqlite").write_bytes(b"no database" * 999)
    code, _, said = run("list.csv --workers 1", capsys)
    assert code == 1
    assert re.fullmatch(r"\S+/checks\.sqlite: the cache of earlier results is damaged \(.*\); made anew\n", said)
    assert re.search(r"from the cache +│ +5 ", run("list.csv", capsys)[1])
    assert re.search(r"from the cache +│ +0 ", run("list.csv --fresh --workers 1", capsys)[1])


def test_a_killed_worker_costs_one_video(tmp_path: Path) -> None:
    videos = [LabelledVideo(make_video(tmp_path / f"{n}.mp4", 120, seed=n), "wave") for n in range(12)]
    others = set(multiprocessing.active_children())

    def kill_one(count: int) -> None:
        if killed or not count:
            return
        for process in set(multiprocessing.active_children()) - others:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)

    killed: list[int] = []
    report = check_videos(videos, workers=1, show=kill_one)  # after the first video, when the next has not begun
    assert len(killed) == 1
    assert [video.fault for video in report.broken] == [
        "the process that decoded it was killed, perhaps for want of memory"
    ]
    assert len(report.readable) == 11
    again = check_videos(videos, workers=1)  # nobody holds it against the file
    assert (len(again.readable), again.num_cached) == (12, 11)


def num_kept(cache: Path) -> int:
    """Results in the cache by now; none before it is made."""
    try:
        with closing(sqlite3.connect(f"file:{cache}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM checked_v1").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.slow
def test_ctrl_c_stops_without_a_traceback_and_keeps_what_was_done(tmp_path: Path) -> None:
    first = make_video(tmp_path / "videos/wave/0.mp4", 300)
    for number in range(1, 30):
        shutil.copy(first, first.with_name(f"{number}.mp4"))
    command = [sys.executable, "-c", HEARS_CTRL_C + RUN, "data", "check", "videos", "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        cache = tmp_path / ".cache/faster_video/checks.sqlite"
        while process.poll() is None and not num_kept(cache):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")
    deadline = time.monotonic() + 120
    with pytest.raises(ProcessLookupError):  # no process of it is left; Python's own helper goes a little later
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    assert not Path("videos-check").exists()
    report = check_videos(read_list("videos").videos, workers=2)
    assert 0 < report.num_cached < 30 and len(report.readable) == 30


def test_neither_checking_nor_its_workers_load_pytorch() -> None:
    make_list()
    Path("torch.py").write_text("from pathlib import Path; Path('loaded').touch()")  # found before the real one
    command = [sys.executable, "-c", RUN, "data", "check", "list.csv", "--workers", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert (report["num_readable"], report["num_broken"], report["num_missing"]) == (4, 1, 1), done.stderr
    assert not Path("loaded").exists()


@pytest.mark.slow
def test_ten_of_the_real_videos_damaged_in_ten_ways_are_found_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not SHARED.exists():
        pytest.skip(f"the real videos are not at {SHARED}")
    videos = [*read_list(SHARED / "interactions/train.csv").videos, *read_list(SHARED / "interactions/test.csv").videos]
    videos += read_list(SHARED / "fights/test.csv").videos[:60]
    assert len(videos) == 120
    places = [tmp_path / "videos" / f"{number:03d}{video.path.suffix}" for number, video in enumerate(videos)]
    places[0].parent.mkdir()
    for video, place in zip(videos, places, strict=True):
        shutil.copy(video.path, place)
    kinds = [kind for kind in HARMS if kind not in ("zeros only", "empty", "web page", "sound only")]
    waiting = {suffix: iter([place for place in places[3::5] if place.suffix == suffix]) for suffix in (".avi", ".mp4")}
    harmed = {next(waiting[HARMS[kind].suffix]): kind for kind in kinds}
    assert len(harmed) == 10
    for place, kind in harmed.items():
        HARMS[kind].do(place)
    with Path("list.csv").open("w", newline="") as file:
        csv.writer(file).writerows((place, video.label) for place, video in zip(places, videos, strict=True))
    code, printed, said = run("list.csv --fix --json", capsys)
    assert (code, said) == (1, "")
    reasons = {Path(row["path"]): row["reason"] for row in rows_of("list-check/broken.csv")}
    assert reasons.keys() == harmed.keys()
    for place, kind in harmed.items():
        assert re.fullmatch(HARMS[kind].said, reasons[place]), (kind, reasons[place])
    report = json.loads(printed)
    assert (report["num_readable"], report["num_broken"], report["num_missing"]) == (110, 9, 1)
    assert len(read_list("list-check/fixed.csv").videos) == 110 - report["num_copies"]
    monkeypatch.setattr(workers, "_Worker", None)  # no process can be started, so that nothing is decoded
    report = json.loads(run("list.csv --json", capsys)[1])
    # The folder in place of a file, too, is known: 119 of 120, one being missing.
    assert report["num_from_cache"] == 119
