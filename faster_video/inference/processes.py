"""Files shared out among processes of one core each, where the networks are too small to keep the cores of one busy.

Python runs one thread at a time, and around small networks it runs for longer than they do.
"""

import signal
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from faster_video.children import ctrl_c_ignored
from faster_video.errors import EngineError, FasterVideoError, FasterVideoWarning
from faster_video.inference.answers import Classification, Failure

if TYPE_CHECKING:
    from faster_video.inference.classify import Classifier

AHEAD = 4
"""Files per process that are begun or done before their turn, at most."""


def classify_in_processes(
    make: "Callable[[], Classifier]", paths: Iterable[Path | Failure], processes: int
) -> Iterator[Classification | Failure]:
    """One result per path in the order of the paths, as of `Classifier.classify_many`; each process makes a classifier.

    Raises:
        EngineError: one of the processes has died.
    """
    waiting: deque[Future[Classification | Failure]] = deque()
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (make,))
    try:
        with ctrl_c_ignored():
            for _ in range(processes):
                pool.submit(_nothing)
        for path in paths:
            waiting.append(pool.submit(_classified, path))
            if len(waiting) == AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise EngineError(
            f"one of {processes} processes that classify has died, perhaps for want of memory; give --processes 1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_own: "list[Classifier | FasterVideoError]" = []
"""The classifier of a process started here, or why there is none."""


def _begin(make: "Callable[[], Classifier]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one stops it
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", FasterVideoWarning)  # said already where this one was started
    try:
        _own.append(make())
    except FasterVideoError as error:
        _own.append(error)  # raised where results are wanted


def _nothing() -> None:
    """For a process to be started for."""


def _classified(path: Path | Failure) -> Classification | Failure:
    if isinstance(_own[0], FasterVideoError):
        raise _own[0]
    (result,) = _own[0].results([path])
    return result
