"""One function over many items in worker processes, of which any may die or hang: that costs the item it was at.

`concurrent.futures` gives up all items when one process dies. Here every worker has one item at a time, so that it is
known which one it died of; another worker takes its place.
"""

import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Generic, TypeVar

from faster_video.children import ctrl_c_ignored
from faster_video.errors import FasterVideoError

T = TypeVar("T")
R = TypeVar("R")

READY = "ready"
"""What a worker says once before its first item."""


class WorkerError(FasterVideoError):
    """Worker processes cannot be started."""


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of a result: the process that had the item died, hung or failed."""

    reason: str


def in_workers(
    function: Callable[[T], R], items: Sequence[T], *, workers: int, limits: Sequence[float]
) -> Generator[tuple[int, R | Lost]]:
    """The number of each item with its result, as soon as it is known, from `workers` (at least 1) spawned processes.

    `limits` are seconds that each item may take. `function` must be importable. Close the iterator (`closing`) to
    stop early: the processes are killed then. They ignore ctrl-C; the process that started them deals with it.

    Raises:
        WorkerError: a process ended before it took its first item, as did the second in place of one that had died.
    """
    team = [_Worker[T, R](function) for _ in range(min(workers, len(items)))]
    waiting = iter(range(len(items)))
    try:
        for worker in team:  # all of them begin before the first is waited for
            worker.start()
        for worker in team:
            worker.take(next(waiting), items, limits)
        while busy := [worker for worker in team if worker.number is not None]:
            soonest = min(worker.deadline for worker in busy)
            answered = wait([worker.connection for worker in busy], max(0.0, soonest - monotonic()))
            for worker in busy:
                if worker.connection in answered or monotonic() >= worker.deadline:
                    yield worker.finish(has_answered=worker.connection in answered)
                    worker.take(next(waiting, None), items, limits)
    finally:
        for worker in team:
            worker.stop()


class _Worker(Generic[T, R]):
    """A process, or the one that has taken its place, and the item it is at."""

    connection: Connection

    def __init__(self, function: Callable[[T], R]) -> None:
        self._function = function
        self._process: BaseProcess | None = None
        self._is_ready = False
        self._limit = 0.0
        self.number: int | None = None
        """Of the item; None without one."""
        self.deadline = 0.0

    def start(self) -> None:
        """Begin a process."""
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads can hang
        self.connection, end = context.Pipe()
        self._process = context.Process(target=_serve, args=(end, self._function), daemon=True)
        self._is_ready = False
        try:
            with ctrl_c_ignored():
                self._process.start()
        finally:
            end.close()  # held by the process alone, so that its death ends the connection

    def take(self, number: int | None, items: Sequence[T], limits: Sequence[float]) -> None:
        """Begin with an item, in a new process if the last one died; None: there is no more."""
        self.number = number
        if number is None:
            return
        if self._process is None:
            self._start_again()
        elif not self._is_ready and not self._says_ready():
            raise WorkerError(
                "the worker processes cannot be started; in a script of your own, call this under "
                "`if __name__ == '__main__':`"
            )
        self._limit = limits[number]
        self.deadline = monotonic() + self._limit
        with suppress(OSError):  # it died while it had nothing to do; the connection will say so
            self.connection.send(items[number])

    def _start_again(self) -> None:
        """Another process in place of one that died; what kills it at once may be over when it is tried again."""
        for _ in range(2):
            self.start()
            if self._says_ready():
                return
            code = self._bury()
        raise WorkerError(
            f"a worker process died and two in its place ended as they began (exit code {code}), perhaps for want of "
            "memory; give the same command again with fewer --workers: what was checked is kept"
        )

    def _says_ready(self) -> bool:
        """Wait for the process; False if it ended instead."""
        try:
            self.connection.recv()
        except (EOFError, OSError):
            return False
        self._is_ready = True
        return True

    def finish(self, *, has_answered: bool) -> tuple[int, R | Lost]:
        """The item's number and result; without an answer in time the process is killed."""
        assert self.number is not None
        if not has_answered:
            self.stop()
            return self.number, Lost(f"not decoded after {self._limit:.0f} s; given up")
        try:
            return self.number, self.connection.recv()
        except (EOFError, OSError):
            return self.number, Lost(_cause_of_death(self._bury()))

    def _bury(self) -> int | None:
        """Forget a dead process; returns its exit code."""
        assert self._process is not None
        self._process.join()
        code = self._process.exitcode
        self.stop()
        return code

    def stop(self) -> None:
        """Kill the process, whatever it does."""
        if self._process is not None:
            if self._process.pid is not None:
                self._process.kill()
                self._process.join(1.0)  # one that waits for a disk that does not answer dies later
            self.connection.close()
            self._process = None


def _cause_of_death(exit_code: int | None) -> str:
    if exit_code == -signal.SIGKILL:
        return "the process that decoded it was killed, perhaps for want of memory"
    if exit_code is not None and exit_code < 0:
        return f"the decoder crashed on it ({signal.Signals(-exit_code).name})"
    return f"the process that decoded it ended (exit code {exit_code})"


def _serve(connection: Connection, function: Callable[[T], R]) -> None:
    """What a worker does: answer item after item until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):  # whoever asked is gone
        connection.send(READY)
        while True:
            item = connection.recv()
            try:
                answer: R | Lost = function(item)
            except Exception as error:
                answer = Lost(f"checking it failed ({type(error).__name__}: {error})")
            connection.send(answer)
