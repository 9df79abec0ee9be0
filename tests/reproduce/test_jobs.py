"""Seeds in processes of their own: the same results, one sentence for an error, all stopped after ctrl-C or a kill."""

import json
import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
from interrupts import HEARS_CTRL_C
from official_trees import write_tree
from reproduce_samples import prepared, write_motion_parts
from test_reproduce_command import SHORT, SMALL, start_bundle

from faster_video.bundle import load_bundle
from faster_video.cli import main
from faster_video.errors import ConfigError, FasterVideoError, TrainingError
from faster_video.reproduce.jobs import threads_of, work_apart
from faster_video.reproduce.run import ExperimentRun, run_experiment

TABLE = f"table4 --seeds 2 --frames 8 {SMALL} {SHORT} --stage2.epochs 2"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_motion_parts(tmp_path_factory.mktemp("set") / "motion")


@pytest.fixture(scope="module")
def one_after_the_other(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where TABLE was worked on in this process, from its beginning to its end."""
    out = tmp_path_factory.mktemp("alone") / "out"
    usual_threads = torch.get_num_threads()
    torch.set_num_threads(threads_of(2))  # as many as each of two processes has
    code = main(["reproduce", *shlex.split(f"{TABLE} --data {data} --out {out}")])
    torch.set_num_threads(usual_threads)
    assert code == 0
    return out


def weights(out: Path) -> dict[str, str]:
    """Bundle → hash of what it has learned."""
    bundles = [path for path in out.rglob("bundle") if path.parent.parent.name in ("backbones", "cells")]
    return {str(path.relative_to(out)): load_bundle(path).config.weights_sha256 for path in bundles}


def correct(out: Path) -> dict[str, object]:
    """Result → which test videos are right."""
    return {path.name: json.loads(path.read_text())["result"]["correct"] for path in out.glob("results/*-seed*.json")}


def test_seeds_of_a_last_round_of_fewer_have_more_of_the_cores(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = list[tuple[int, int]]()

    class AtOnce:
        """In the place of a process: has done its seed when it is started."""

        def __init__(self, args: tuple[ExperimentRun, object, int, int, Connection], **_: object) -> None:
            self.connection = args[-1]
            begun.append((args[2], args[3]))

        def start(self) -> None:
            self.connection.send(("done", ""))

        def join(self) -> None:
            pass

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)))
    monkeypatch.setattr(multiprocessing.get_context("spawn"), "Process", AtOnce)
    finished = list[int]()
    run = prepared("table5", data, tmp_path, [], seeds=7, frames=[8])
    work_apart(run, lambda *_: None, jobs=3, begin=print, finished=lambda: finished.append(len(begun)))
    assert begun == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (6, 12)]
    assert finished == [3, 3, 3, 6, 6, 6]


@pytest.mark.slow
def test_two_at_a_time_give_the_results_and_weights_of_one_after_the_other(
    data: Path, one_after_the_other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["reproduce", *shlex.split(f"{TABLE} --jobs 2 --data {data} --out {out}")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert correct(out) == correct(one_after_the_other)
    assert weights(out) == weights(one_after_the_other) and len(weights(out)) == 10
    numbered = [line.partition("  ")[0] for line in said if "/" in line.partition("  ")[0]]
    assert numbered == [f"{number}/{len(numbered)}" for number in range(1, len(numbered) + 1)]
    assert any(line.endswith("seed 0") for line in said) and any(line.endswith("seed 1") for line in said)
    assert {path.name for path in out.glob("*.log")} == {"seed0.log", "seed1.log"}


def test_an_error_of_a_process_comes_back_as_it_was(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = prepared("table2", data, out, [], seeds=2, frames=[8])
    for video in data.glob("*/*.mp4"):
        video.rename(video.with_suffix(".away"))
    try:
        with pytest.raises(FasterVideoError) as alone:
            run_experiment(run, lambda _: None)
        with pytest.raises(FasterVideoError) as apart:
            run_experiment(run, lambda _: None, jobs=2)
    finally:
        for video in data.glob("*/*.away"):
            video.rename(video.with_suffix(".mp4"))
    assert (apart.type, str(apart.value)) == (alone.type, str(alone.value))
    assert _children() == []


def test_a_process_that_is_killed_is_told_in_a_sentence(data: Path, tmp_path: Path) -> None:
    run = prepared("table2", data, tmp_path / "out", _Killing(), seeds=2, frames=[8])
    with pytest.raises(
        TrainingError, match=r"the process of seed \d ended by SIGKILL, perhaps for want of memory; the"
    ):
        run_experiment(run, lambda _: None, jobs=2)
    assert _children() == []


class _Killing(list[str]):
    """Kills a process of a seed as soon as one says something."""

    def append(self, line: str) -> None:
        super().append(line)
        if children := _children():
            os.kill(max(children), signal.SIGKILL)


def _children(parent: int | None = None) -> list[int]:
    """Processes of this one, or of another, that were spawned for seeds."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent or os.getpid())], capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def test_fewer_than_one_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--jobs is 0; it must be at least 1"):
        run_experiment(prepared("table2", data, tmp_path / "out", []), lambda _: None, jobs=0)


@pytest.mark.slow
def test_table8_starts_every_seed_from_the_same_bundle(data: Path, tmp_path: Path) -> None:
    tree, start = write_tree("UCF-101", tmp_path / "data", data), start_bundle(["wave", "jump"], tmp_path / "start")
    command = (
        f"table8 --data {tree.data} --start {start} --splits 1 3 --seeds 2 --jobs 2 {SHORT} --out {tmp_path / 'out'}"
    )
    assert main(["reproduce", *shlex.split(command)]) == 0
    tuned = [load_bundle(path).config.provenance for path in tmp_path.rglob("backbones/*/bundle")]
    assert sorted(found["seed"] for found in tuned) == [0, 0, 1, 1]
    assert {found["finetune_sha256"] for found in tuned} == {load_bundle(start).config.weights_sha256}
    assert {path.name for path in (tmp_path / "out").glob("*.log")} == {"seed0.log", "seed1.log"}


def started(data: Path, out: Path, table: str = TABLE) -> "subprocess.Popen[str]":
    program = HEARS_CTRL_C + "from faster_video.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "reproduce", *shlex.split(f"{table} --jobs 2 --data {data} --out {out}")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(out: Path, pattern: str, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None and not list(out.glob(pattern)):
        time.sleep(0.005)
    assert process.poll() is None, f"ended before there was {pattern}: {process.stderr and process.stderr.read()}"


def processes_of(out: Path) -> list[str]:
    """Those that work on this folder, as far as they hold its files open."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            links = [os.readlink(link) for link in (folder / "fd").iterdir()]  # noqa: PTH115 - no resolving
        except OSError:
            continue
        if any(link.startswith(str(out)) for link in links):
            found.append(folder.name)
    return found


@pytest.mark.slow
def test_stopped_it_saves_says_so_and_goes_on_to_the_same_results(
    data: Path, one_after_the_other: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = started(data, out)
    wait_for(out, "cells/*/log.csv", process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130 and f"interrupted; the same command goes on ({out})" in said
    assert "Traceback" not in said and processes_of(out) == []
    finished = {path: path.stat().st_mtime_ns for path in out.glob("*/*/bundle/*")}
    again = started(data, out)
    printed, said = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert "table4.md" in printed
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert correct(out) == correct(one_after_the_other) and weights(out) == weights(one_after_the_other)


@pytest.mark.parametrize("stop", [lambda pid: os.killpg(pid, signal.SIGINT), lambda pid: os.kill(pid, signal.SIGTERM)])
def test_ctrl_c_in_a_terminal_and_sigterm_stop_processes_that_have_only_begun(
    stop: Callable[[int], None], data: Path, tmp_path: Path
) -> None:
    """They still belong to the terminal's group, and hear ctrl-C twice: from there and from their parent."""
    process = started(data, tmp_path / "out")
    children = list[int]()
    while process.poll() is None and not children:
        time.sleep(0.005)
        children = _children(process.pid)
    stop(process.pid)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert said.splitlines()[-1].startswith("interrupted; ") and "Traceback" not in said
    assert children and not any(map(_is_alive, children))


@pytest.mark.slow
def test_nothing_goes_on_without_a_parent(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = started(data, out, f"{TABLE} --workers 1")
    seeds, decoders = list[int](), list[int]()
    while process.poll() is None and not decoders:
        seeds = _children(process.pid)
        decoders = [decoder for seed in seeds for decoder in _children(seed)]
    assert len(seeds) == 2 and decoders
    process.kill()
    process.communicate(timeout=300)
    until = time.monotonic() + 120
    while any(map(_is_alive, seeds + decoders)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_is_alive, seeds + decoders)) and processes_of(out) == []


def _is_alive(process: int) -> bool:
    """Not one that has ended and is only still listed."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() != b""
    except OSError:
        return False
