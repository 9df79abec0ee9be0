"""What runs on the machines of a cluster: a process that keeps a classifier and turns sources into rows."""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from faster_video.cluster.foreman import MOST_DEATHS, telling
from faster_video.cluster.pool import Task
from faster_video.cluster.share import Share
from faster_video.errors import FasterVideoError, first_line
from faster_video.inference import Classifier
from faster_video.predictions.rows import Row, failed_row, row_of, table_of
from faster_video.predictions.run import classified
from faster_video.predictions.sources import Source
from faster_video.predictions.work import Work

if TYPE_CHECKING:
    import pyarrow


class PredictionWorker:
    """Made once per process, with the bundle; called with a few sources at a time."""

    def __init__(self, shared: list[Any], foreman: Any, share: Share) -> None:
        """Take the work that `shared` refers to; why that does not go is told when the first sources come."""
        import ray

        self._foreman = foreman
        work: Work = ray.get(shared[0])
        self._top = work.top
        torch.set_num_threads(share.cores)
        try:
            self._classifier: Classifier | FasterVideoError = work.classifier()
        except FasterVideoError as error:
            self._classifier = error

    def __call__(self, tasks: "pyarrow.Table") -> "pyarrow.Table":
        """The sources of a task (`task_of`) to rows (`rows.schema`), one for each.

        What was begun before, but never ended, was in the hands of a worker that died: such sources are done one by
        one, and given up where a worker with nothing else in hand has died of them `MOST_DEATHS` times.
        """
        import ray

        if isinstance(self._classifier, FasterVideoError):
            with telling(self._foreman):
                raise self._classifier
        rows: list[Row] = []
        (task,) = tasks.to_pylist()
        numbers: list[int] = task["numbers"]
        sources = sources_of(task)
        begun = ray.get(self._foreman.begin.remote(numbers))
        rows += self._together([source for source, times in zip(sources, begun, strict=True) if not times])
        for number, source, times in zip(numbers, sources, begun, strict=True):
            if times:
                rows.append(self._alone(source, _alone_key(number)))
        self._foreman.end.remote(numbers)
        return table_of(rows)

    def _together(self, sources: Sequence[Source]) -> list[Row]:
        """One after the other, the next ones decoded ahead; one by one where that ends in an error."""
        with suppress(Exception):  # said of the one source that it comes from
            return self._rows(sources)
        return [self._told(source) for source in sources]

    def _alone(self, source: Source, key: int) -> Row:
        """One source that a worker may have died of."""
        import ray

        (deaths,) = ray.get(self._foreman.begin.remote([key]))
        if deaths >= MOST_DEATHS:
            return failed_row(source.name, f"{MOST_DEATHS + 1} workers have died while they had it; it is given up")
        row = self._told(source)
        ray.get(self._foreman.end.remote([key]))
        return row

    def _told(self, source: Source) -> Row:
        """The source's row; what no decoder has foreseen is an error of that row, too."""
        try:
            return self._rows([source])[0]
        except Exception as error:
            return failed_row(source.name, f"{type(error).__name__}: {first_line(error)}")

    def _rows(self, sources: Sequence[Source]) -> list[Row]:
        assert isinstance(self._classifier, Classifier)
        return [row_of(source.name, result, self._top) for source, result in classified(self._classifier, sources)]


def task_of(numbers: Sequence[int], sources: Sequence[Source]) -> Task:
    """Sources with their numbers in the run, as they are sent to a worker."""
    return {
        "numbers": list(numbers),
        "names": [source.name for source in sources],
        "places": [os.fsencode(source.place) for source in sources],  # which may be no UTF-8
        "errors": [source.error for source in sources],
    }


def sources_of(task: Task) -> list[Source]:
    """What `task_of` was given."""
    rows = zip(task["names"], task["places"], task["errors"], strict=True)
    return [Source(name, os.fsdecode(place), error) for name, place, error in rows]


def _alone_key(number: int) -> int:
    """Under which the foreman counts a source that is done alone: below 0, where no source's number is."""
    return -1 - number
