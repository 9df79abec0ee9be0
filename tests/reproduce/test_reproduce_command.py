"""`faster-video reproduce` as it is typed: what it writes, prints and returns."""

import csv
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from interrupts import HEARS_CTRL_C
from official_trees import write_tree
from reproduce_samples import small_experiment_recipe, write_motion_parts

from faster_video.bundle import Bundle, BundleConfig, load_bundle, save_bundle
from faster_video.cli import main
from faster_video.datasets import read_list
from faster_video.errors import DataError
from faster_video.model import build_model

SMALL = (
    "--recipe motion --transform.crop_size 32 --transform.test_short_side 32 --transform.train_short_side [32,36] "
    "--model.expensive.width 0.03125 --model.cheap.width 0.015625 --stage1_expensive.batch_size 8 "
    "--stage1_cheap.batch_size 8 --stage2.batch_size 8 --stage2_stored_views 1"
)
SHORT = (
    "--stage1_expensive.epochs 1 --stage1_expensive.warmup_epochs 0 --stage1_cheap.epochs 1 "
    "--stage1_cheap.warmup_epochs 0 --stage2.epochs 1 --stage2.warmup_epochs 0 --workers 0 --device cpu"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_motion_parts(tmp_path_factory.mktemp("set") / "motion")


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, what is printed, and what is said on stderr."""
    code = main(["reproduce", *shlex.split(command)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_table2_is_written_and_printed_with_plain_lines_of_progress(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"table2 --data {data} --out {tmp_path / 'out'} --seeds 2 --frames 8 32 {SMALL} {SHORT}"
    code, printed, said = run(command, capsys)
    assert code == 0
    for name in ("table2.csv", "table2.md", "table2.png"):
        assert (tmp_path / "out" / name).stat().st_size > 0 and name in printed
    assert "r3d50" in printed and "32 × 2" in printed
    lines = [line for line in said.splitlines() if re.match(r"\d+/\d+  ", line)]
    numbers = [tuple(map(int, line.split()[0].split("/"))) for line in lines]
    assert numbers == [(done, len(lines)) for done in range(1, len(lines) + 1)]
    assert lines[0].endswith("networks r3d50-w0.03125+r2d26-w0.015625-L8, seed 0") and "\x1b" not in said
    code, again, said = run(command, capsys)
    assert (code, said) == (0, "") and again == printed  # nothing was left to do


def test_table5_has_wall_times_beside_gmacs(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = f"table5 --data {data} --out {tmp_path / 'out'} --seeds 1 --frames 8 {SMALL} {SHORT}"
    code, printed, _ = run(command, capsys)
    assert code == 0
    rows = csv_rows(tmp_path / "out" / "table5.csv")
    assert len(rows) == 4
    for row in rows:
        for name in ("seconds", "network_seconds"):
            rounds = [float(second) for second in row[name].split()]
            assert len(rounds) == 3 and min(rounds) > 0
    assert "## Wall time" in (tmp_path / "out" / "table5.md").read_text()
    for method in ("all cheap, average", "all expensive, average", "1:1", "1:3"):
        assert method in printed
    code, again, said = run(command, capsys)
    assert (code, again, said) == (0, printed, "")  # measured once
    assert csv_rows(tmp_path / "out" / "table5.csv") == rows
    kept = tmp_path / "out" / "results" / "timing-table5.json"
    kept.write_text(kept.read_text()[:-20])
    code, _, said = run(command, capsys)
    assert code == 2 and "timing-table5.json: holds no wall times: " in said


def test_a_clock_that_fails_loses_no_report(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DataError("no video to measure wall time on: all are gone")

    monkeypatch.setattr("faster_video.reproduce.clock.measure_seconds", fails)
    command = f"table5 --data {data} --out {tmp_path / 'out'} --seeds 1 --frames 32 {SMALL} {SHORT}"
    code, _, said = run(command, capsys)
    assert code == 2 and "all are gone" in said
    assert [row["seconds"] for row in csv_rows(tmp_path / "out" / "table5.csv")] == ["", "", ""]
    monkeypatch.undo()
    assert run(command, capsys)[0] == 0
    assert all(row["seconds"] for row in csv_rows(tmp_path / "out" / "table5.csv"))


def test_broken_test_videos_are_told_and_end_with_exit_code_1(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    good = read_list(data / "test.csv").videos
    (tmp_path / "test.csv").write_text(
        "".join(f"{video.path},{video.label}\n" for video in good) + f"broken.mp4,{good[0].label}\n"
    )
    command = f"table2 --data {data / 'train.csv'} --test {tmp_path / 'test.csv'} --out {tmp_path / 'out'} --seeds 1"
    code, _, said = run(f"{command} --frames 32 {SMALL} {SHORT}", capsys)
    assert code == 1 and said.splitlines()[-1] == "1 test videos could not be read and count as wrong"


def start_bundle(labels: list[str], folder: Path) -> Path:
    """Untrained, for other labels than those it is fine-tuned to."""
    recipe = small_experiment_recipe()
    config = BundleConfig(labels=labels, model=recipe.model, clips=recipe.clips, transform=recipe.transform)
    torch.manual_seed(3)
    save_bundle(Bundle(model=build_model(config.model, len(labels)).eval(), config=config), folder)
    return folder


def test_table8_fine_tunes_to_every_split_and_judges_its_own_test_part(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, out = write_tree("UCF-101", tmp_path / "data", data), tmp_path / "out"
    start = start_bundle(["wave", "jump"], tmp_path / "start")
    command = f"table8 --data {tree.data} --start {start} --splits 1 3 --out {out} --seeds 1 {SHORT}"
    code, printed, _ = run(command, capsys)
    assert code == 0 and "ucf101" in printed and "split 3" in printed
    for split in (1, 3):
        (network,) = (out / f"split{split}" / "backbones").iterdir()
        bundle = load_bundle(network / "bundle").config
        assert bundle.labels == read_list(tree.data).labels and bundle.model.aggregator == "fast_gru"
        assert bundle.provenance["finetune_sha256"] == load_bundle(start).config.weights_sha256
        assert bundle.provenance["data"]["sha256"] == read_list(tree.data, split=split, part="train").sha256
        assert sorted(path.name[:12] for path in (out / f"split{split}" / "results").iterdir()) == [
            "average-1to0",
            "fast_gru-1to",
        ]
        assert not (out / f"split{split}" / "cells").exists()
    other = start_bundle(["a", "b", "c"], tmp_path / "other")
    code, _, said = run(command.replace(str(start), str(other)), capsys)
    assert code == 2 and "split1: its experiments were made with other settings: the bundle to start from" in said


def test_table8_takes_lists_with_the_split_in_their_names(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "test"):
        text = "".join(f"{data / line}\n" for line in (data / f"{part}.csv").read_text().splitlines()[1:])
        for split in (1, 2):
            (tmp_path / f"{part}-{split}.csv").write_text(text)
    start = start_bundle(["wave", "jump"], tmp_path / "start")
    lists = f"--data {tmp_path}/train-{{split}}.csv --test {tmp_path}/test-{{split}}.csv --splits 1 2"
    code, printed, _ = run(f"table8 {lists} --start {start} --out {tmp_path / 'out'} --seeds 1 {SHORT}", capsys)
    assert code == 0 and "splits" in printed


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_reports_the_finished_seeds(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = f"reproduce table2 --data {data} --out {out} --seeds 2 --frames 32 {SMALL} {SHORT}"
    program = f"{HEARS_CTRL_C}import sys; from faster_video.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, *shlex.split(words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list(out.glob("backbones/*seed1/run.json")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate()
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == f"interrupted; the same command goes on ({out})"
    assert "table2.md" in printed and "Traceback" not in said
    assert {row["seed"] for row in csv_rows(out / "table2.csv")} == {"0"}
    finished = {path: path.stat().st_mtime_ns for path in out.glob("*/*seed0*/**/*") if path.is_file()}
    finished |= {path: path.stat().st_mtime_ns for path in out.glob("results/*seed0.json")}
    assert len(list(out.glob("backbones/*seed0/bundle/*"))) == 2 and len(list(out.glob("results/*seed0.json"))) == 2
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "seed 1" in done.stderr and not re.search("networks .*seed 0", done.stderr)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert {row["seed"] for row in csv_rows(out / "table2.csv")} == {"0", "1"}
