"""Processes that a command starts and stops."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ctrl_c_ignored() -> Iterator[None]:
    """Processes started in the block ignore ctrl-C for good; this one, which stops them, only until the block ends."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where Python lets nobody set signals
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
