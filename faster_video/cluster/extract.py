"""Shards of a feature store made by the workers of a cluster, which all see its folder and the videos."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import dacite
import torch

from faster_video.bundle import Bundle
from faster_video.cluster.foreman import MOST_DEATHS, telling
from faster_video.cluster.pool import Pool
from faster_video.cluster.share import Share
from faster_video.errors import FasterVideoError, StoreError
from faster_video.features.extract import SHARD_VIDEOS, Extraction, ShardMaker
from faster_video.features.layout import Precision
from faster_video.features.make import FrozenNetworks, Shards, make_shards
from faster_video.features.shards import ShardRecord
from faster_video.files import printable

if TYPE_CHECKING:
    import pyarrow

SHARDS_EACH = 4
"""That a worker makes at least, where there are videos enough: none is left alone with a last large one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardWork:
    """What every worker must know; all paths in it are absolute."""

    bundle: Bundle
    device: str
    engine: str
    precision: Precision
    num_views: int
    shards: Shards
    """All that are to be made."""


class ShardWorker:
    """Made once per process, with both networks; called with a shard's number."""

    def __init__(self, shared: list[Any], foreman: Any, share: Share) -> None:
        """Take the `ShardWork` that `shared` refers to; why that does not go is told when the first shard comes."""
        import ray

        self._foreman = foreman
        self._work: ShardWork = ray.get(shared[0])
        torch.set_num_threads(share.cores)
        work = self._work
        try:
            self._networks: FrozenNetworks | FasterVideoError = FrozenNetworks(
                work.bundle, work.device, work.precision, work.engine, work.num_views
            )
        except FasterVideoError as error:
            self._networks = error

    def __call__(self, tasks: "pyarrow.Table") -> "pyarrow.Table":
        """A table of one number `shard` to one with its `record` as JSON beside it; the maps are written."""
        import pyarrow as pa
        import ray

        (shard,) = tasks["shard"].to_pylist()
        with telling(self._foreman):
            (deaths,) = ray.get(self._foreman.begin.remote([shard]))
            if deaths > MOST_DEATHS:
                raise StoreError(
                    f"{deaths} workers have died while they made shard {shard} of the store, perhaps of one of its "
                    "videos; faster-video data check finds out which"
                )
            record = self._made(shard)
        self._foreman.end.remote([shard])
        return pa.table({"shard": [shard], "record": [json.dumps(asdict(record))]})

    def _made(self, shard: int) -> ShardRecord:
        """Compute and write it. Raises `StoreError`, disk full included, and why there are no networks."""
        if isinstance(self._networks, FasterVideoError):
            raise self._networks
        shards = replace(self._work.shards, numbers=(shard,))
        try:
            ((_, record),) = make_shards(shards, self._networks, 0, lambda done, total: None)
        except OSError as error:
            raise StoreError(
                f"{printable(shards.folder)}: a worker cannot write the store there: {error.strerror or error}; all "
                "machines must see this folder; what is written is kept, go on with --resume"
            ) from error
        return record


def shards_on_cluster(share: Share) -> Callable[[Extraction], ShardMaker]:
    """What `extract` takes as its `maker`: shards are made by workers of the cluster that Ray is connected to."""

    def maker(wanted: Extraction) -> ShardMaker:
        def make(shards: Shards, show: Callable[[int, int], None]) -> Iterator[tuple[int, ShardRecord]]:
            work = ShardWork(
                bundle=wanted.bundle,
                device=share.device,
                engine=wanted.engine,
                precision=wanted.precision,
                num_views=wanted.num_views,
                shards=replace(shards, folder=shards.folder.absolute()),
            )
            return _made(Pool(ShardWorker, work, share), shards, show)

        return make

    return maker


def _made(pool: Pool, shards: Shards, show: Callable[[int, int], None]) -> Iterator[tuple[int, ShardRecord]]:
    """The shards as they are done, with their records; `show` counts views."""
    layout = shards.layout
    views = layout.views + layout.test_view
    sizes = {
        shard: views * sum(number not in shards.missing for number in layout.shard_videos(shard))
        for shard in shards.numbers
    }
    done = 0
    with closing(pool.results([{"shard": shard} for shard in shards.numbers])) as results:  # type: ignore[type-var]
        for made in results:
            for shard, record in zip(made["shard"].to_pylist(), made["record"].to_pylist(), strict=True):
                done += sizes[shard]
                show(done, sum(sizes.values()))
                yield shard, dacite.from_dict(ShardRecord, json.loads(record), dacite.Config(strict=True))


def shared_out(wanted: Extraction, share: Share) -> Extraction:
    """The same in shards small enough for all workers, of videos whose paths mean the same on every machine."""
    videos = tuple(replace(video, path=video.path.absolute()) for video in wanted.data.videos)
    root = wanted.data.base.absolute()
    most = -(-len(videos) // (SHARDS_EACH * share.workers))
    return replace(
        wanted,
        data=replace(wanted.data, videos=videos, root=root),
        frame_cache=None if wanted.frame_cache is None else wanted.frame_cache.absolute(),
        shard_videos=max(1, min(SHARD_VIDEOS, most)),
    )
