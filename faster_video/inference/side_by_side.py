"""The same work for many items, one thread per core, where the work for one of them is too small for all cores."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """`work` of every item, in the order of the items, by this many threads of which each computes alone.

    At most two items per thread are begun or done before their turn. An error is raised at its item's turn.
    """
    waiting: deque[Future[Result]] = deque()
    pool = _threads_of_one(threads)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) == 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _threads_of_one(threads: int) -> ThreadPoolExecutor:
    """Threads in which PyTorch and the kernels use no further ones."""
    all_begun = Barrier(threads + 1)

    def begin() -> None:
        torch.set_num_threads(1)
        all_begun.wait()

    usual = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="side-by-side")
    for _ in range(threads):
        pool.submit(begin)
    all_begun.wait()
    torch.set_num_threads(usual)  # of this thread and later ones, which the new ones have changed
    return pool
