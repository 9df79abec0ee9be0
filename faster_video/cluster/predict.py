"""Sources through the workers of a cluster into a folder of predictions."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

from faster_video.cluster.pool import Pool, Task
from faster_video.cluster.share import Share
from faster_video.cluster.worker import PredictionWorker, task_of
from faster_video.cost import video_cost
from faster_video.predictions.folder import PredictionFolder
from faster_video.predictions.run import Progress
from faster_video.predictions.sources import Source
from faster_video.predictions.work import Work

TASK_GMACS, TASK_FILES = 100.0, 16
"""Of the files that go to a worker together, at most: a few seconds of a core's work, and what a lost worker costs."""


def predict_on_cluster(
    work: Work,
    sources: Sequence[Source],
    folder: PredictionFolder,
    share: Share,
    *,
    show: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Classify what the folder does not hold yet, with these workers of the cluster that Ray is connected to.

    Raises:
        ClusterError: the cluster is lost.
        FasterVideoError: as `Work.classifier` in a worker.
        StoreError: nothing can be written any more.
    """
    todo = [source for source in sources if source.name not in folder.done]
    if not todo:
        return
    calibrate = None if work.calibrate is None else work.calibrate.absolute()
    pool = Pool(PredictionWorker, replace(work, device=share.device, calibrate=calibrate), share)
    done = 0
    with closing(pool.results(_tasks(work, todo, share.workers))) as results:  # type: ignore[type-var]
        for rows in results:
            folder.add(rows)
            done += len(rows)
            show(Progress(done, len(todo), folder.failed))


def _tasks(work: Work, sources: Sequence[Source], workers: int) -> list[Task]:
    """The sources in small groups: few where a video is much work, and so that every worker gets some."""
    config = work.bundle.config
    gmacs = video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels)).gmacs
    fitting = min(TASK_FILES, int(TASK_GMACS / gmacs), -(-len(sources) // workers))
    size = max(1, fitting)
    return [
        task_of(range(first, min(first + size, len(sources))), sources[first : first + size])
        for first in range(0, len(sources), size)
    ]
