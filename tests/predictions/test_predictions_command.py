"""`classify` and `evaluate --out`: the same answers as on the terminal, kept, and never computed twice."""

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_samples import small_bundle
from prediction_samples import names_in, rows_of, write_list, write_videos
from video_server import VideoServer, serving

from faster_video.bundle import save_bundle
from faster_video.cli import main
from faster_video.inference.decoding import ClipDecoder
from faster_video.predictions.sources import find_sources

FILES = 4


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    save_bundle(small_bundle(), folder / "bundle")
    write_videos(folder / "videos", FILES)
    (folder / "text.mp4").write_text("This is text.\n")
    lines = (f"videos/{number:02d}.mp4,{label}" for number, label in enumerate(["wave", "jump", "sit", "wave"]))
    write_list(folder / "list.csv", [*lines, "text.mp4,sit", "none.mp4,jump"])
    return folder


@pytest.fixture(autouse=True)
def in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened."""
    found: list[str] = []
    usual = ClipDecoder.read

    def read(self: ClipDecoder, path: Path, *arguments: object, **more: object) -> object:
        found.append(path.name)
        return usual(self, path, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ClipDecoder, "read", read)
    return found


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[VideoServer]:
    with serving(place / "videos") as found:
        yield found


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, what is printed, and what is said on stderr."""
    code = main(shlex.split(command))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_rows_hold_what_the_terminal_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    code, printed, said = run(f"classify videos text.mp4 --bundle bundle --top 2 --out {out}", capsys)
    assert (code, printed) == (1, f"predictions of {FILES} of {FILES + 1} videos in {out}\n")
    assert said.startswith(f"faster-video: error: {Path.cwd() / 'text.mp4'}: not a video file")
    _, lines, _ = run("classify videos text.mp4 --bundle bundle --top 2 --jsonl", capsys)
    told = {video["path"]: video for video in map(json.loads, lines.splitlines())}
    for row in rows_of(out):
        wanted = told[os.path.relpath(row["path"])]
        if "error" in wanted:
            assert {name: value for name, value in row.items() if value is not None} == {
                "path": row["path"],
                "error": wanted["error"],
            }
            continue
        assert (row["error"], row["label"], row["probability"]) == (None, row["labels"][0], row["probabilities"][0])
        ranked = zip(row["labels"], row["probabilities"], strict=True)
        assert [{"label": label, "probability": share} for label, share in ranked] == wanted["labels"]
        same = ("pattern", "num_clips", "clips", "gmacs", "gmacs_all_expensive", "video_seconds")
        assert {name: row[name] for name in same} == {name: wanted[name] for name in same}


def test_what_is_there_is_not_computed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], decoded: list[str]
) -> None:
    out = tmp_path / "out"
    run(f"classify videos/01.mp4 text.mp4 --bundle bundle --out {out}", capsys)
    decoded.clear()
    code, printed, said = run(f"classify videos text.mp4 --bundle bundle --out {out}", capsys)
    assert (code, printed) == (1, f"predictions of {FILES} of {FILES + 1} videos in {out}\n")
    assert said.splitlines()[0] == f"2 of {FILES + 1} videos are in {out} already"
    assert sorted(decoded) == ["00.mp4", "02.mp4", "03.mp4"]
    assert sorted(names_in(out)) == sorted(str(Path.cwd() / name) for name in [*sorted(tree("videos")), "text.mp4"])
    decoded.clear()
    run(f"classify videos text.mp4 --bundle bundle --out {out} --retry_failed", capsys)
    assert decoded == ["text.mp4"]


def tree(folder: str) -> list[str]:
    return [str(path) for path in Path(folder).iterdir()]


def test_other_settings_are_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = f"classify videos/01.mp4 --bundle bundle --out {tmp_path / 'out'}"
    assert run(start, capsys)[0] == 0
    code, printed, said = run(f"{start} --pattern 1:0 --top 2", capsys)
    assert (code, printed) == (2, "")
    assert "made with other settings: pattern is 1:3 there and 1:0 now; top is 5 there and 2 now; give" in said


def test_evaluate_counts_what_is_in_the_folder_as_it_counts_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], decoded: list[str]
) -> None:
    usual = json.loads(run("evaluate bundle list.csv --json", capsys)[1])
    out = tmp_path / "out"
    kept = json.loads(run(f"evaluate bundle list.csv --json --out {out}", capsys)[1])
    decoded.clear()
    again = json.loads(run(f"evaluate bundle list.csv --json --out {out}", capsys)[1])
    assert decoded == [] and again == kept
    for evaluation in (usual, kept):
        evaluation.pop("seconds_per_video")
        for video in evaluation["videos"]:
            video.pop("seconds")
    assert kept == usual
    assert (kept["num_videos"], kept["num_unreadable"], kept["num_missing"]) == (6, 2, 1)


def test_addresses_are_fetched_and_what_cannot_be_is_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], server: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faster_video.predictions.fetch.WAIT_SECONDS", 0)
    good = [f"{server.url}/00.mp4", f"{server.url}/busy/01.mp4"]
    bad = [f"{server.url}/none.mp4", f"{server.url}/cut/02.mp4"]
    listed = write_list(tmp_path / "list.txt", [good[0], bad[0], "", good[1], bad[1], good[0]])
    out = tmp_path / "out"
    code, printed, said = run(f"classify --list {listed} --bundle bundle --out {out} --processes 1", capsys)
    assert (code, printed) == (1, f"predictions of 2 of 4 videos in {out}\n")  # each once
    assert f"{bad[0]}: cannot be fetched: there is no such file" in said and f"{bad[1]}: cannot be fetched" in said
    run(f"classify videos/00.mp4 videos/01.mp4 --bundle bundle --out {tmp_path / 'local'}", capsys)
    ignored = {"path": ""}
    fetched = {row["path"]: row | ignored for row in rows_of(out)}
    assert [fetched[address] for address in good] == [row | ignored for row in rows_of(tmp_path / "local")]
    assert server.asked["00.mp4"] == 1


def test_paths_of_a_list_are_taken_from_its_folder(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = write_list(place / "some.txt", ["videos/00.mp4", str(place / "videos" / "01.mp4")])
    monkeypatch.chdir(tmp_path)
    assert run(f"classify --list {listed} --bundle {place / 'bundle'} --out out", capsys)[0] == 0
    assert [row["path"] for row in rows_of(Path("out"))] == [
        str(path) for path in sorted((place / "videos").iterdir())
    ][:2]


def test_names_that_are_no_utf8_have_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.mp4"))
    odd.write_bytes(Path("videos/00.mp4").read_bytes())
    (source,) = find_sources([str(odd)])
    assert source.name.endswith("\\udcff\n.mp4") and Path(source.place) == odd
    for _ in range(2):
        assert main(["classify", str(odd), "--bundle", "bundle", "--out", str(tmp_path / "out")]) == 0
    assert [row["path"] for row in rows_of(tmp_path / "out")] == [source.name]
