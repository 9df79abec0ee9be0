"""Worker processes that die, hang or fail: each costs the item it was at."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from faster_video.datasets.checking.workers import Lost, WorkerError, _serve, in_workers


def answer(item: object) -> object:
    """What the workers do in these tests."""
    if isinstance(item, int):
        return item * item
    if item == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "exit":
        os._exit(7)
    if item == "hang":
        time.sleep(600)
    if item == "sleep":
        time.sleep(0.25)
    if item == "fail":
        raise LookupError("no such thing")
    return item


def run(items: list[object], workers: int, limits: Sequence[float] = ()) -> list[object]:
    answers = in_workers(answer, items, workers=workers, limits=limits or [300.0] * len(items))
    with closing(answers):
        found = dict(answers)
    assert sorted(found) == list(range(len(items)))
    return [result.reason if isinstance(result, Lost) else result for _, result in sorted(found.items())]


def test_every_item_is_done_once() -> None:
    assert run(list(range(50)), 2) == [number * number for number in range(50)]
    assert run([], 2) == [] and run([3], 8) == [9]


def test_a_worker_that_dies_costs_the_item_it_was_at() -> None:
    assert run([1, "crash", 2, "killed", "exit", 3, "fail", 4, "crash"], 2) == [
        1,
        "the decoder crashed on it (SIGSEGV)",
        4,
        "the process that decoded it was killed, perhaps for want of memory",
        "the process that decoded it ended (exit code 7)",
        9,
        "checking it failed (LookupError: no such thing)",
        16,
        "the decoder crashed on it (SIGSEGV)",
    ]


def test_a_worker_that_hangs_is_given_up() -> None:
    assert run(["hang", 1, 2, 3], 2, [1, 300, 300, 300]) == ["not decoded after 1 s; given up", 1, 4, 9]


def test_a_slow_item_does_not_use_up_the_time_of_the_next() -> None:
    assert run(["sleep"] * 20, 1, [4] * 20) == ["sleep"] * 20


def serve_or_die(connection: Connection, function: Callable[[object], object]) -> None:
    """A worker that ends before it is ready if it is the n-th to begin and n is in DIES_AT; STARTS counts them."""
    with Path(os.environ["STARTS"]).open("a") as starts:
        starts.write("x")
    if str(Path(os.environ["STARTS"]).stat().st_size) in os.environ["DIES_AT"].split():
        os._exit(9)
    _serve(connection, function)


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STARTS", str(tmp_path / "starts"))
    monkeypatch.setattr("faster_video.datasets.checking.workers._serve", serve_or_die)
    return tmp_path / "starts"


def test_a_worker_that_takes_a_dead_ones_place_may_die_once(starts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIES_AT", "2")
    assert run(["exit", 2], 1) == ["the process that decoded it ended (exit code 7)", 4]
    assert starts.stat().st_size == 3


def test_two_that_die_in_a_dead_workers_place_end_it_all(starts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIES_AT", "2 3")
    with pytest.raises(WorkerError) as caught:
        run(["exit", 2], 1)
    assert str(caught.value) == (
        "a worker process died and two in its place ended as they began (exit code 9), perhaps for want of memory; "
        "give the same command again with fewer --workers: what was checked is kept"
    )


def test_stopping_early_leaves_no_process() -> None:
    before = set(multiprocessing.active_children())
    with closing(in_workers(answer, ["hang", 1, "hang"], workers=2, limits=[600.0] * 3)) as results:
        assert next(results) == (1, 1)
    assert set(multiprocessing.active_children()) <= before


def test_a_script_that_calls_it_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = "\n".join(
        [
            "from faster_video.datasets.checking.workers import *",
            "import os",
            "try: list(in_workers(os.path.exists, ['a'], workers=1, limits=[60]))",
            "except WorkerError as error: print(error)",
        ]
    )
    file = tmp_path / "script.py"
    file.write_text(script)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=300)
    assert "the worker processes cannot be started" in done.stdout and WorkerError.__name__ not in done.stdout
