"""A few hundred mutated files through the fuzzer's own command, and that it notices what it is there to notice."""

import sys
from pathlib import Path
from random import Random

import fuzz
import pytest
from examine import DECODED, REFUSED, WRONG
from mutation import CHANGES, MOST_BYTES, Change, mutated

FILES = 300
SEEDS = [Random(number).randbytes(3000) + b"moov" + bytes(400) for number in range(3)]


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 only")
    assert fuzz.write_seeds(tmp_path, ("mp4", "avi", "gif", "ivf", "h264"), ["1x1-ffv1.mkv"]) > 30
    report = fuzz.fuzz(tmp_path, FILES, seed=1)
    assert report.findings == []
    assert len(report.digests) >= FILES
    assert report.kinds.keys() == {DECODED, REFUSED}


CHILD = """
import json, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
fields = dict(said="a.mp4: why 12 not", num_frames=0, size=[0, 0], seconds=0.1, peak_bytes=0)
with (folder / "log.jsonl").open("a") as log:
    for number in range(3):
        print(json.dumps(dict(fields, digest=f"{os.getpid()}-{number}", kind="refused")), file=log, flush=True)
    (folder / "now" / "file.mp4").write_text("the file")
    DONE
"""


@pytest.mark.parametrize(
    "done, seconds, said",
    [
        ("os.abort()", 60, "the process ended with -6"),
        ("sys.exit(77)", 60, "the process ended with 77"),
        ("time.sleep(600)", 1, "hung for 1 s"),
        ("print(json.dumps(dict(fields, digest='x', kind='wrong')), file=log); sys.exit()", 60, "wrong, x"),
        ("print(json.dumps(dict(fields, digest='x', kind='decoded', peak_bytes=2**40)), file=log)", 60, "memory, x"),
    ],
)
def test_what_is_found_is_reported_and_its_file_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: str, seconds: int, said: str
) -> None:
    for name in ("grown", "found", "now"):
        (tmp_path / name).mkdir()
    program = tmp_path / "child.py"
    program.write_text(CHILD.replace("DONE", done))
    monkeypatch.setattr(fuzz, "CHILD", program)
    monkeypatch.setattr(fuzz, "HANG_SECONDS", seconds)
    report = fuzz.fuzz(tmp_path, 5, seed=0)
    assert len(report.digests) >= 5 and report.children >= 2  # one was lost, another went on
    assert report.said == {"why N not": sum(report.kinds.values()) - report.kinds[WRONG] - report.kinds[DECODED]}
    assert all(finding.startswith(said) for finding in report.findings) and len(report.findings) >= 2
    if "process" in said or "hung" in said:
        assert [path.read_text() for path in (tmp_path / "found").iterdir()] == ["the file"] * report.children


def test_children_that_decode_nothing_are_not_started_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grown", "found", "now"):
        (tmp_path / name).mkdir()
    program = tmp_path / "child.py"
    program.write_text("")
    monkeypatch.setattr(fuzz, "CHILD", program)
    report = fuzz.fuzz(tmp_path, 5, seed=0)
    assert report.findings == ["3 processes one after the other decoded no new file"] and report.children == 3


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_changes_something_and_can_be_repeated(change: Change) -> None:
    def changed(seed: int) -> bytes:
        data = bytearray(SEEDS[0])
        change(data, SEEDS, Random(seed))
        return bytes(data)

    assert any(changed(seed) != SEEDS[0] for seed in range(50))
    assert [changed(seed) for seed in range(50)] == [changed(seed) for seed in range(50)]


def test_a_mutated_file_is_never_empty_or_too_large() -> None:
    files = [mutated(data, SEEDS, Random(seed)) for seed in range(300) for data in (b"", b"x", bytes(MOST_BYTES))]
    assert all(0 < len(file) <= MOST_BYTES for file in files)
    assert len(set(files)) > 500


def test_without_atheris_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["fuzz.py"])
    with pytest.raises(SystemExit, match=r"^fuzzing needs atheris, .*: pip install 'atheris>=3'$"):
        fuzz.main()
