"""The one whom all workers tell what they begin, so that a file that kills its worker is not tried for ever."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from faster_video.errors import FasterVideoError

MOST_DEATHS = 2
"""Of workers that had this file alone, after which it is given up; one death before these may be another file's."""


@dataclass(slots=True)
class Foreman:
    """Counts, for each task by its number, how often it was begun and not ended. Runs as an actor of its own."""

    open_tasks: dict[int, int] = field(default_factory=dict)
    refusals: list[tuple[str, str]] = field(default_factory=list)

    def begin(self, tasks: Sequence[int]) -> list[int]:
        """Note that a worker begins these; how often each was begun before and not ended."""
        before = [self.open_tasks.get(task, 0) for task in tasks]
        for task, times in zip(tasks, before, strict=True):
            self.open_tasks[task] = times + 1
        return before

    def end(self, tasks: Sequence[int]) -> None:
        """Note that these are done."""
        for task in tasks:
            self.open_tasks.pop(task, None)

    def refuse(self, kind: str, message: str) -> None:
        """Note why a worker cannot do anything: an error of the package, by its class and message."""
        self.refusals.append((kind, message))

    def refused(self) -> list[tuple[str, str]]:
        """What workers have refused with, the first first."""
        return self.refusals


@contextmanager
def telling(foreman: Any) -> Iterator[None]:
    """In a worker: tell the foreman why the work cannot go on, since of what is raised Ray sends on only a report."""
    import ray

    try:
        yield
    except FasterVideoError as error:
        ray.get(foreman.refuse.remote(type(error).__name__, str(error)))
        raise
