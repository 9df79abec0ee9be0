"""Work done ahead of its turn, in a thread beside the one that wants the results."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

import torch

Item = TypeVar("Item")
WAKE_SECONDS = 0.1
"""How often a thread with nothing to do looks whether anybody still wants its results."""


@dataclass(frozen=True, slots=True)
class _End:
    """Nothing comes after this; `error` is what ended it, if something did."""

    error: BaseException | None = None


class _Worker(Generic[Item]):
    """Goes through `items` in a thread of its own, at most `most` of them ahead."""

    def __init__(self, items: Iterable[Item], most: int) -> None:
        self._items = items
        self._queue: Queue[Item | _End] = Queue(most)
        self._unwanted = Event()
        self._begun = Event()
        self._thread = Thread(target=self._work, name="ahead", daemon=True)

    def start(self) -> None:
        threads = torch.get_num_threads()
        self._thread.start()
        self._begun.wait()
        torch.set_num_threads(threads)  # of this thread and later ones, which the new one has changed

    def next(self) -> Item | _End:
        while True:
            try:
                return self._queue.get(timeout=WAKE_SECONDS)
            except Empty:
                if not self._thread.is_alive() and self._queue.empty():  # it dies without a word only at exit
                    return _End()

    def stop(self) -> None:
        self._unwanted.set()
        self._thread.join()

    def _work(self) -> None:
        torch.set_num_threads(1)  # its work is small, and the cores are the networks'
        self._begun.set()
        try:
            for item in self._items:
                if not self._put(item):
                    return
            self._put(_End())
        except BaseException as error:
            self._put(_End(error))  # raised again where the results are wanted
        finally:
            if isinstance(self._items, Generator):
                self._items.close()

    def _put(self, item: Item | _End) -> bool:
        """Whether somebody has room for it."""
        while not self._unwanted.is_set():
            try:
                self._queue.put(item, timeout=WAKE_SECONDS)
            except Full:
                continue
            return True
        return False


def ahead(items: Iterable[Item], most: int) -> Iterator[Item]:
    """The items in their order, up to `most` of them computed before they are asked for.

    An error of the items is raised at its turn. The thread ends with this iterator, whether exhausted or closed.
    """
    worker = _Worker(items, most)
    worker.start()
    try:
        while not isinstance(item := worker.next(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        worker.stop()
