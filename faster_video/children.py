"""Processes that a command starts and stops."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

MAX_WORKERS = 8
"""Decoding processes that a command starts unless it is told a number."""


def usable_cores() -> int:
    """Cores that this process may run on: `taskset` or a batch system may grant fewer than the machine has.

    A container's share of the processor's time (`docker --cpus`) is not seen here.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def num_workers(sharers: int = 1) -> int:
    """Decoding processes for each of `sharers` processes: the cores shared out, at most 8; 0 decodes in the process."""
    return min(usable_cores() // sharers, MAX_WORKERS)


@contextmanager
def ctrl_c_ignored() -> Iterator[None]:
    """Processes started in the block ignore ctrl-C for good; for this one, which stops them, it waits until the end.

    What is pressed in the meantime is raised when the block ends: as `KeyboardInterrupt`, or whatever it does here.
    """
    # Python starts it with the first process, and then no longer blocks ctrl-C, even where it was blocked before.
    resource_tracker.ensure_running()
    is_main = threading.current_thread() is threading.main_thread()  # Python lets no other set handlers
    pressed: list[int] = []
    # Other threads may still take the signal; its handler runs in the main one all the same.
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number)) if is_main else None
    # Processes inherit what is blocked when they are started, but no handler.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)  # one that has waited comes now, and is noted too
        if before is not None:
            signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)
