"""Ctrl-C, as a real signal, in and after a block whose processes ignore it."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from io import StringIO
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import pytest

from faster_video.children import ctrl_c_ignored, num_workers

SECONDS = 60
"""Longest wait for a process to begin or end."""


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> Iterator[None]:
    """Python's own handler, nothing blocked: a shell without a terminal starts what is in the background otherwise."""
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def press_ctrl_c(process: int | None = None) -> None:
    os.kill(os.getpid() if process is None else process, signal.SIGINT)
    time.sleep(0.05)


def echo(connection: Connection) -> None:
    """What the processes do: say that they are there, then answer once."""
    sys.stderr = StringIO()  # one that ctrl-C ends would write a traceback
    connection.send("ready")
    connection.send(connection.recv())


def started() -> tuple[SpawnProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=echo, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def answers(process: SpawnProcess, connection: Connection) -> bool:
    """Whether it answers as it should and ends; False if it has ended before."""
    try:
        connection.send("a question")
        answer = connection.recv() if connection.poll(SECONDS) else None
    except (EOFError, OSError):
        answer = None
    process.join(SECONDS)
    return (answer, process.exitcode) == ("a question", 0)


def test_ctrl_c_in_the_block_is_raised_once_at_its_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        with ctrl_c_ignored():
            press_ctrl_c()
            press_ctrl_c()
            done.append("after it")
        done.append("after the block")
    assert done == ["after it"]
    assert_ctrl_c_is_as_before()


def assert_ctrl_c_is_as_before() -> None:
    """Nothing is left over, and ctrl-C does again what it did before."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set()) | signal.sigpending()
    time.sleep(0.05)
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_ctrl_c_that_another_thread_takes_waits_for_the_end_too() -> None:
    """Threads that are there before the block do not have it blocked, so that the signal comes at once."""
    ends, done = threading.Event(), []
    thread = threading.Thread(target=ends.wait)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            with ctrl_c_ignored():
                press_ctrl_c()
                assert signal.SIGINT not in signal.sigpending()
                done.append("after it")
            done.append("after the block")
    finally:
        ends.set()
        thread.join()
    assert done == ["after it"]
    assert_ctrl_c_is_as_before()


def test_a_quiet_block_changes_nothing() -> None:
    with ctrl_c_ignored():
        pass
    assert_ctrl_c_is_as_before()


def test_an_error_in_the_block_is_raised_and_with_ctrl_c_is_its_context() -> None:
    with pytest.raises(LookupError), ctrl_c_ignored():
        raise LookupError
    assert_ctrl_c_is_as_before()
    with pytest.raises(KeyboardInterrupt) as caught, ctrl_c_ignored():
        press_ctrl_c()
        raise LookupError
    assert isinstance(caught.value.__context__, LookupError)


@pytest.mark.parametrize("ignores", [False, True], ids=["handler", "ignored"])
def test_what_ctrl_c_did_before_the_block_it_does_at_its_end(ignores: bool) -> None:
    """Such as a training run's handler, which only takes note; or nothing, in the background of a shell."""
    taken: list[int] = []

    def take(number: int, _: object) -> None:
        taken.append(number)

    signal.signal(signal.SIGINT, signal.SIG_IGN if ignores else take)
    with ctrl_c_ignored():
        press_ctrl_c()
        assert taken == []
    assert taken == ([] if ignores else [signal.SIGINT])
    assert signal.getsignal(signal.SIGINT) is (signal.SIG_IGN if ignores else take)


@pytest.mark.parametrize("ignores", [True, False], ids=["in the block", "without it"])
def test_processes_started_in_the_block_ignore_ctrl_c_for_good_and_others_end(ignores: bool) -> None:
    with ctrl_c_ignored() if ignores else nullcontext():
        process, connection = started()
        assert process.pid is not None
        press_ctrl_c(process.pid)  # before it has begun
    for _ in range(3):
        if ignores:
            assert connection.poll(SECONDS)
        press_ctrl_c(process.pid)
    if ignores:
        assert connection.recv() == "ready"
    assert answers(process, connection) is ignores


def test_processes_started_in_another_thread_ignore_it_too_while_the_main_one_hears_it() -> None:
    begun: list[tuple[SpawnProcess, Connection]] = []
    inside, leave = threading.Event(), threading.Event()

    def start() -> None:
        with ctrl_c_ignored():
            begun.append(started())
            inside.set()
            leave.wait(SECONDS)

    thread = threading.Thread(target=start)
    thread.start()
    assert inside.wait(SECONDS)
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()
    leave.set()
    thread.join()
    ((process, connection),) = begun
    assert process.pid is not None and connection.poll(SECONDS) and connection.recv() == "ready"
    press_ctrl_c(process.pid)
    assert answers(process, connection)


def test_the_first_process_of_all_does_not_unblock_it() -> None:
    """Python's helper for processes, started with the first, is there already when ctrl-C is blocked."""
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # as before the first process
    with ctrl_c_ignored():
        process, connection = started()
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())
        assert process.pid is not None
        press_ctrl_c(process.pid)
    assert connection.poll(SECONDS) and connection.recv() == "ready"
    assert answers(process, connection)


def test_decoding_processes_share_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)))
    assert (num_workers(), num_workers(3), num_workers(13)) == (8, 4, 0)
