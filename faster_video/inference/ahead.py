"""Work done ahead of its turn, in a thread beside the one that wants the results."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

import torch

from faster_video.config import require_at_least

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

    def want_no_more(self) -> None:
        """Let the thread end as soon as it notices."""
        self._unwanted.set()

    def items(self) -> Iterator[Item]:
        """All of them as they come; the thread ends with this iterator. Raises what the items raised."""
        try:
            while not isinstance(item := self._next(), _End):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            self.stop()

    def _next(self) -> Item | _End:
        while True:
            try:
                return self._queue.get(timeout=WAKE_SECONDS)
            except Empty:
                if not self._thread.is_alive() and self._queue.empty():  # it dies without a word only at exit
                    return _End()

    def stop(self) -> None:
        self.want_no_more()
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


def several_ahead(parts: Iterable[Iterable[Item]], most: int, at_once: int) -> Iterator[Item]:
    """The items of all parts in their order, each part's computed in its own thread, `at_once` (3 or more) at most.

    Of each part up to `most` items are computed before they are asked for. Errors and the end are as of `ahead`.

    Raises:
        ConfigError: `at_once` is below 3.
    """
    require_at_least("at_once", at_once, 3)
    threads = torch.get_num_threads()
    workers: list[_Worker[Item]] = []  # that may still run

    def started() -> Iterator[_Worker[Item]]:
        for part in parts:
            worker = _Worker(part, most)
            workers.append(worker)
            worker.start()
            yield worker

    begun = ahead(started(), at_once - 2)  # one more waits to be taken, and one is being read
    try:
        for worker in begun:
            torch.set_num_threads(threads)  # which the threads that were begun meanwhile have changed
            yield from worker.items()
            workers.remove(worker)
    finally:
        for worker in workers:
            worker.want_no_more()
        begun.close()  # type: ignore[attr-defined]
        for worker in workers:
            worker.stop()
        torch.set_num_threads(threads)


def ahead(items: Iterable[Item], most: int) -> Iterator[Item]:
    """The items in their order, up to `most` of them computed before they are asked for.

    An error of the items is raised at its turn. The thread ends with this iterator, whether exhausted or closed.
    """
    worker = _Worker(items, most)
    worker.start()
    yield from worker.items()
