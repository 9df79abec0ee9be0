"""Frozen backbones over the views of every video, into a store: what is asked, the disk it needs, how it goes on."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import get_args

from faster_video.bundle import Bundle
from faster_video.children import num_workers
from faster_video.config import require_at_least, require_at_most, require_choice
from faster_video.datasets import VideoList
from faster_video.datasets.video_list import require_not_all_missing
from faster_video.engine import AUTO
from faster_video.errors import ConfigError, StoreError
from faster_video.features.disk import Need, disk_need, require_room
from faster_video.features.index import require_store_package, write_index
from faster_video.features.layout import (
    INDEX,
    NETWORKS,
    MissingVideo,
    NetworkLayout,
    Precision,
    StoreConfig,
    UnreadableView,
    backbone_sha256,
    view_name,
    write_config,
)
from faster_video.features.make import FrozenNetworks, Shards, make_shards
from faster_video.features.resume import open_folder, reusable_records
from faster_video.features.shards import ShardRecord, sha256_of
from faster_video.features.views import ViewClips
from faster_video.files import printable
from faster_video.training.samples import TrainingClips
from faster_video.video.frame_cache import require_frame_cache

SHARD_BYTES, SHARD_VIDEOS = 256 * 2**20, 256
"""Most of one shard, but at least one video: what a killed process may have to do again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """Which backbones, over which videos, into which folder."""

    bundle: Bundle
    data: VideoList
    out: Path
    part: str = ""
    """Which part of its list `data` is, for the store's settings; empty where the list has no parts."""
    views: int = 2
    """Random training views of every video, M; 0 keeps the test view alone."""
    test_view: bool = True
    """Whether the test view is kept; not needed where only stage 2 reads the store."""
    networks: str = "pattern"
    """`pattern`: of each clip only the network that the bundle's pattern wants; `both`: both networks of every clip."""
    seed: int = 0
    """Fixes clips and crops of the random views: training with the same seed from pixels sees the same."""
    device: str = "auto"
    engine: str = AUTO
    precision: Precision = "32-true"
    workers: int = -1
    """Processes that decode; -1 is one per core, at most 8; 0 decodes in the main process."""
    frame_cache: Path | None = None
    """Folder where decoded frames are kept, so that later reads need no decoding; None keeps none."""
    shard_bytes: int = SHARD_BYTES
    shard_videos: int = SHARD_VIDEOS

    def __post_init__(self) -> None:
        require_choice("networks", self.networks, ("pattern", "both"))
        require_choice("precision", self.precision, get_args(Precision))
        require_at_least("views", self.views, 0 if self.test_view else 1)
        require_at_most("views", self.views, 4096)
        require_at_least("seed", self.seed, 0)
        require_at_least("workers", self.workers, -1)

    @property
    def num_views(self) -> int:
        """Of all videos together, missing ones too."""
        return len(self.data.videos) * (self.views + self.test_view)

    def layout(self) -> StoreConfig:
        """The settings of the store that this makes."""
        config, model = self.bundle.config, self.bundle.model
        side = config.transform.crop_size
        networks = {
            name: NetworkLayout(channels=getattr(model, name).channels, sha256=backbone_sha256(getattr(model, name)))
            for name in NETWORKS
        }
        layout = StoreConfig(
            list_path=printable(self.data.source),
            list_sha256=self.data.sha256,
            part=self.part,
            num_videos=len(self.data.videos),
            views=self.views,
            test_view=self.test_view,
            seed=self.seed,
            clips=config.clips,
            transform=config.transform,
            pattern=config.model.pattern,
            networks=self.networks,
            map_size=model.expensive.feature_size(config.clips.frames_per_clip, side, side),
            expensive=networks["expensive"],
            cheap=networks["cheap"],
            precision=self.precision,
            videos_per_shard=1,
        )
        fitting = self.shard_bytes // layout.video_bytes
        return replace(layout, videos_per_shard=max(1, min(fitting, self.shard_videos, layout.num_videos)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Extracted:
    """What was done."""

    config: StoreConfig
    shards_made: int
    shards_kept: int


ShardMaker = Callable[[Shards, Callable[[int, int], None]], Iterator[tuple[int, ShardRecord]]]
"""Makes and writes shards: each with its record once it is there; the function is told how many views are done, of how
many."""


def shards_here(wanted: Extraction) -> ShardMaker:
    """Makes shards in this process, with others that decode. Raises as `FrozenNetworks`."""
    networks = FrozenNetworks(wanted.bundle, wanted.device, wanted.precision, wanted.engine, wanted.num_views)
    workers = num_workers() if wanted.workers < 0 else wanted.workers

    return lambda shards, show: make_shards(shards, networks, workers, show)


def extract(
    wanted: Extraction,
    *,
    resume: bool = False,
    announce: Callable[[Need], None] = lambda need: None,
    show: Callable[[str, int, int], None] = lambda what, done, total: None,
    maker: Callable[[Extraction], ShardMaker] = shards_here,
) -> Extracted:
    """Write the store; `announce` is told the disk it needs before anything is computed, `show` what is being
    done ("checking" shards, or "views"), how much of it, of how much. `maker` makes the shards, here or elsewhere.

    With `resume`, goes on in a folder where the same was begun: shards that are whole and sound, by their SHA-256, are
    kept, all others made (again), and so are those that lack a video which can be read by now. Killed at any moment,
    at most the shard being computed is lost.

    Raises:
        DataError: all videos are missing.
        StoreError: pyarrow is missing; the folder is taken, or holds a store of other settings; too little disk is
            free, or it filled up; a decoding process died; a network's map is no finite float16.
        ConfigError: the bundle's networks take no clips; there is no such device or engine, or the engine does not know
            the precision; `frame_cache` cannot be written.
        EngineError: the engine does not work on this machine.
        KeyboardInterrupt: interrupted; whole shards are kept.
    """
    require_store_package()
    _require_networks(wanted.bundle)
    require_frame_cache(wanted.frame_cache)
    make = maker(wanted)
    layout = wanted.layout()
    with _naming(wanted.out):
        layout = open_folder(wanted.out, layout, resume=resume)
        samples, missing = _samples(wanted, layout), _missing(wanted.data)
        kept = reusable_records(wanted.out, layout, ViewClips(samples), missing, show) if resume else {}
        todo = [shard for shard in range(layout.num_shards) if shard not in kept]
        if todo:
            require_not_all_missing(wanted.data, tuple(wanted.data.videos[number] for number in sorted(missing)))
        need = disk_need(wanted.out, layout, kept, missing)
        announce(need)
        require_room(wanted.out, need)
        if todo or not _is_whole(wanted.out, layout, kept):
            write_config(wanted.out, replace(layout, complete=False))
            shards = Shards(folder=wanted.out, layout=layout, numbers=tuple(todo), samples=samples, missing=missing)
            made = dict(make(shards, partial(show, "views")))
            layout = _finish(wanted, layout, kept | made)
    return Extracted(config=layout, shards_made=len(todo), shards_kept=len(kept))


def _require_networks(bundle: Bundle) -> None:
    if bundle.config.model.takes_features:
        raise ConfigError(
            "this bundle was trained on features that another model made, so it can make none from videos; make them "
            "with that model (docs/features.md)"
        )


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Turn what the system says into a sentence about the store."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "; the shards written so far are kept, make room and go on with --resume" if full else ""
        raise StoreError(
            f"{printable(folder)}: cannot write the store there: {error.strerror or error}{advice}"
        ) from error


def _missing(data: VideoList) -> frozenset[int]:
    """Places in the list of the videos that are on no disk."""
    absent = {video.path for video in data.missing}
    return frozenset(number for number, video in enumerate(data.videos) if video.path in absent)


def _samples(wanted: Extraction, layout: StoreConfig) -> TrainingClips:
    return TrainingClips(
        wanted.data.videos,
        wanted.data.labels,
        clips=layout.clips,
        num_clips=layout.clips.num_clips,
        transform=layout.transform,
        seed=layout.seed,
        frame_cache=wanted.frame_cache,
    )


def _is_whole(folder: Path, layout: StoreConfig, kept: dict[int, ShardRecord]) -> bool:
    """Whether settings and index are those of exactly these shards."""
    shards = [kept[shard].stored for shard in sorted(kept)]
    index = folder / INDEX
    return layout.complete and layout.shards == shards and index.exists() and sha256_of(index) == layout.index_sha256


def _finish(wanted: Extraction, layout: StoreConfig, records: dict[int, ShardRecord]) -> StoreConfig:
    """Write the index, then the settings that call the store complete. Raises OSError."""
    videos = wanted.data.videos
    in_order = [records[shard] for shard in sorted(records)]
    names = [_name(video.path, wanted.data.base) for video in videos]
    write_index(wanted.out, layout, videos, names, in_order)
    unreadable = [
        UnreadableView(
            number=lost.number,
            video=names[lost.number],
            label=videos[lost.number].label,
            view=view_name(lost.view),
            reason=lost.reason,
        )
        for record in in_order
        for lost in record.unreadable
    ]
    missing = [
        MissingVideo(number=number, video=names[number], label=videos[number].label)
        for record in in_order
        for number in record.missing
    ]
    layout = replace(
        layout,
        complete=True,
        index_sha256=sha256_of(wanted.out / INDEX),
        shards=[record.stored for record in in_order],
        unreadable=unreadable,
        missing=missing,
    )
    write_config(wanted.out, layout)
    return layout


def _name(path: Path, base: Path) -> str:
    """A video's path as the store writes it: from the list's folder, in UTF-8."""
    relative = Path(os.path.relpath(path, base)).as_posix()
    return relative.encode("utf-8", "backslashreplace").decode()
