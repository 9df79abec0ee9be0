"""Tasks through a pool of workers on Ray Data: results as they come, lost workers replaced, errors told plainly."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import faster_video.errors
from faster_video.cluster.foreman import Foreman
from faster_video.cluster.share import Share
from faster_video.errors import ClusterError, FasterVideoError, first_line

if TYPE_CHECKING:
    import pyarrow

Task = dict[str, Any]
"""What goes to a worker at a time, by column."""
TASKS_AHEAD = 2
"""That wait at a worker, beside the one it does."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Workers of one kind: a class whose objects are made of what `shared` holds and turn a task into a table."""

    worker: type
    """Made with (shared object's reference, foreman, share); called with a table of one task, it returns a table."""
    shared: Any
    """Sent to every machine once."""
    share: Share

    def results(self, tasks: Sequence[Task]) -> Iterator["pyarrow.Table"]:
        """A table for each task, in the order in which they are done.

        A task whose worker or machine is lost is given to another one. What ends this iterator early ends the workers.

        Raises:
            FasterVideoError: as in the worker that raised it first.
            ClusterError: the cluster is lost, or a worker has failed in a way that none of its files explains.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        beside_us = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        foreman = (
            ray.remote(Foreman)
            .options(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=beside_us)
            .remote()
        )  # on the machine without which nothing goes on: restarted elsewhere, it would have forgotten who died
        shared = ray.put(self.shared)  # held here, so that restarted workers find it
        try:
            with closing(self._results(tasks, [shared], foreman)) as found:  # type: ignore[type-var]
                yield from found
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise self._explained(foreman, error) from error

    def _results(self, tasks: Sequence[Task], shared: list[Any], foreman: Any) -> Iterator[Any]:
        import ray.data

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what one version of Ray deprecates another one needs
            # Workers restart and tasks are given out again without limit: both are Ray Data's defaults.
            # A block for each task; `from_items` makes them here, where others have Ray's own tasks look at them first.
            done = ray.data.from_items(list(tasks), override_num_blocks=len(tasks)).map_batches(
                self.worker,
                fn_constructor_args=(shared, foreman, self.share),
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(
                    size=min(self.share.workers, len(tasks)), max_tasks_in_flight_per_actor=1 + TASKS_AHEAD
                ),
                num_cpus=self.share.cores,
                num_gpus=self.share.gpus or None,
            )
            yield from done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)

    def _explained(self, foreman: Any, error: Exception) -> FasterVideoError:
        """What a worker has told, or what Ray says."""
        import ray

        try:
            told = ray.get(foreman.refused.remote(), timeout=10)
        except (ray.exceptions.RayError, ConnectionError):
            told = []
        for kind, message in told:
            found: type[FasterVideoError] = getattr(faster_video.errors, kind, ClusterError)
            return found(message)
        return ClusterError(
            f"the work on the cluster has failed: {first_line(error)}; what is written is kept, and the same command "
            "goes on"
        )
