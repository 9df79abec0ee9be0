"""Several seeds of an experiment at the same time, each in a process of its own with its share of the cores.

They go in rounds: in a last round of fewer seeds each has more cores, where otherwise some would lie idle. Seeds share
the folder and nothing else: every file carries its seed in its name. Only the parent writes reports.
"""

import copy
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from faster_video.children import MAX_WORKERS, ctrl_c_ignored, usable_cores
from faster_video.errors import FasterVideoError, TrainingError
from faster_video.training.interrupt import Interruption

if TYPE_CHECKING:
    from faster_video.reproduce.run import ExperimentRun
    from faster_video.reproduce.workshop import Workshop

BEGUN, SAID, FAILED, CRASHED, INTERRUPTED, DONE = "begun", "said", "failed", "crashed", "interrupted", "done"
NAME = "faster-video seed "
WorkSeed = Callable[["ExperimentRun", int, Callable[[str], object]], None]
"""Does all that is to be done for a seed; is told where to announce every piece of work."""


@dataclass(slots=True)
class _Told:
    """Sends what a process has to say to its parent."""

    connection: Connection
    kind: str

    def __call__(self, line: str) -> None:
        self.connection.send((self.kind, line))


@dataclass(slots=True)
class _Job:
    """A seed that is being worked on."""

    seed: int
    process: SpawnProcess
    connection: Connection


def work_apart(
    run: "ExperimentRun", work: WorkSeed, *, jobs: int, begin: Callable[[str], object], finished: Callable[[], object]
) -> None:
    """Call `work` for every seed, in rounds of `jobs`; `finished` is called after every seed but the last.

    Raises:
        FasterVideoError: as the process that raised it; the others have saved their state and stopped.
        TrainingError: a process was killed.
        RuntimeError: a process crashed, which is a mistake in this program.
        KeyboardInterrupt: after ctrl-C or SIGTERM, when all have saved and stopped.
    """
    running = list[_Job]()
    with Interruption() as interruption:
        try:
            for seeds in rounds(run.seeds, jobs):
                for seed in seeds:
                    # Until it is ready to save, ctrl-C waits for it; and one that nobody knows could not be stopped.
                    with interruption.held_back(), ctrl_c_ignored():
                        running.append(_started(run, work, seed, threads_of(len(seeds))))
                while running:
                    for job in _with_news(running):
                        if _is_over(job, run, begin):
                            running.remove(job)
                            if running or seeds[-1] < run.seeds - 1:
                                finished()
        except BaseException:
            _stop(running)
            raise


def rounds(seeds: int, jobs: int) -> list[range]:
    """The seeds 0, 1, … in rounds of `jobs`, the last one with those left over."""
    return [range(first, min(first + jobs, seeds)) for first in range(0, seeds, jobs)]


def threads_of(jobs: int) -> int:
    """Each process's share of the cores that this one may use, one at least."""
    return max(1, usable_cores() // jobs)


def _started(run: "ExperimentRun", work: WorkSeed, seed: int, threads: int) -> _Job:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    # Its `say` may be anything that a process cannot be given.
    apart = replace(
        run,
        say=_Told(theirs, SAID),
        workshops={
            name: _with_share(workshop, theirs, min(threads, MAX_WORKERS)) for name, workshop in run.workshops.items()
        },
    )
    process = multiprocessing.get_context("spawn").Process(
        target=_process, args=(apart, work, seed, threads, theirs), name=f"{NAME}{seed}"
    )
    process.start()
    theirs.close()
    return _Job(seed, process, ours)


def _with_share(workshop: "Workshop", connection: Connection, workers: int) -> "Workshop":
    """The same workshop with this many decoding processes, unless the user has named a number."""
    apart = copy.copy(workshop)
    apart.say = _Told(connection, SAID)
    if apart.machine.workers < 0:
        apart.machine = replace(apart.machine, workers=workers)
    return apart


def _with_news(running: list[_Job]) -> list[_Job]:
    """Wait for at least one that has said something or ended."""
    ready = wait([job.connection for job in running])
    return [job for job in running if job.connection in ready]


def _is_over(job: _Job, run: "ExperimentRun", begin: Callable[[str], object]) -> bool:
    """Take one message of a process; raises what it has raised."""
    try:
        kind, text = job.connection.recv()
    except EOFError:
        job.process.join()
        code = job.process.exitcode or 0
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        why = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
        raise TrainingError(
            f"the process of seed {job.seed} ended {how}{why}; the same command goes on, perhaps with fewer --jobs"
        ) from None
    if kind == BEGUN:
        begin(text)
    elif kind == SAID:
        run.say(text)
    elif kind == INTERRUPTED:
        raise KeyboardInterrupt
    elif kind == CRASHED:
        raise RuntimeError(f"seed {job.seed}: {text}")
    elif kind == FAILED:
        error, message = text
        raise error(message)
    else:
        job.process.join()
        return True
    return False


def _stop(running: list[_Job]) -> None:
    """Let every process finish its step, save and end; a second ctrl-C they hear too, and stop within the step."""
    while True:
        try:
            # Those too that had been started when a second signal came, but were in no list yet.
            processes = [one for one in multiprocessing.active_children() if one.name.startswith(NAME)]
            for process in processes:
                if process.pid is not None:
                    with suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGINT)
            for job in running:
                _wait_for_end(job)
            for process in processes:
                process.join()
            return
        except KeyboardInterrupt:
            continue


def _wait_for_end(job: _Job) -> None:
    with suppress(EOFError, OSError):
        while True:  # what it still says is read, so that it does not wait for a reader
            job.connection.recv()
    job.process.join()


def _process(run: "ExperimentRun", work: WorkSeed, seed: int, threads: int, connection: Connection) -> None:
    """What each process does; it is in a process group of its own, so that only the parent hears ctrl-C."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # what came before this comes now
        with _log(run, seed).open("a", encoding="utf-8", errors="replace") as sys.stderr:  # bars would be a tangle
            work(run, seed, _Told(connection, BEGUN))
        outcome: tuple[str, object] = (DONE, "")
    except KeyboardInterrupt:
        outcome = (INTERRUPTED, "")
    except FasterVideoError as error:
        outcome = (FAILED, (type(error), str(error)))
    except Exception:
        outcome = (CRASHED, traceback.format_exc())
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends by itself now
        sys.stderr = sys.__stderr__
    connection.send(outcome)


def _log(run: "ExperimentRun", seed: int) -> Path:
    """In the experiment's folder, which those of several splits lie in."""
    folders = [workshop.folder.path for workshop in run.workshops.values()]
    return Path(os.path.commonpath(folders)) / f"seed{seed}.log"


def _end_with_parent() -> None:
    """A killed parent cannot stop anybody: end, with all processes that decode."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)
