"""Ctrl-C that does not tear a training step in two."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """Inside this context ctrl-C becomes a KeyboardInterrupt between two steps, never within one.

    So does SIGTERM, with which clusters announce that they are about to kill, where one process trains alone. Several
    processes that train together must stop at the same step: with `together` the wish is only noted in `requested`.
    A second ctrl-C takes effect at once. Outside the main thread, or where something else handles or ignores the
    signal, nothing is changed.
    """

    def __init__(self, *, together: bool = False) -> None:
        self.requested = False
        self._together = together
        self._held = together
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            usual = {signal.SIGINT: signal.default_int_handler}
            if not self._together:
                usual[signal.SIGTERM] = signal.SIG_DFL  # type: ignore[assignment]
            for number, handler in usual.items():
                if signal.getsignal(number) is handler:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested or not self._held:
            raise KeyboardInterrupt
        self.requested = True

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let the block finish before ctrl-C takes effect."""
        self._held = True
        try:
            yield
        finally:
            self._held = self._together
        if self.requested and not self._together:
            raise KeyboardInterrupt
