"""`index.parquet`: one row per stored feature map, for any program that reads Parquet.

pyarrow is an extra (`pip install 'faster-video[store]'`) and loaded where it is needed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faster_video.datasets import LabelledVideo
from faster_video.errors import StoreError
from faster_video.features.layout import INDEX, NETWORKS, SHARDS, StoreConfig, shard_path, view_name
from faster_video.features.shards import ShardRecord
from faster_video.files import printable, replacing_file
from faster_video.parquet import require_pyarrow

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_GROUP = 1 << 18
"""Rows that are put together in memory before they are written."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where every view's maps begin; the second index of each array is the view's number + 1, the test view's 0."""

    shard: NDArray[np.int32]
    """[videos, 1 + M]: number of the shard; -1 where the view is not stored."""
    first_row: dict[str, NDArray[np.int64]]
    """For each network [videos, 1 + M]: row of the view's first map in the shard's tensor."""

    def of(self, numbers: list[int]) -> "Places":
        """Those of some videos alone, in this order."""
        return Places(self.shard[numbers], {network: rows[numbers] for network, rows in self.first_row.items()})


def require_store_package() -> None:
    """Refuse to go on without pyarrow. Raises `StoreError`: it is not installed."""
    require_pyarrow("feature stores", "store")


def write_index(
    folder: Path,
    config: StoreConfig,
    videos: Sequence[LabelledVideo],
    names: Sequence[str],
    records: Iterable[ShardRecord],
) -> None:
    """Write the index of all shards, whole or not at all; `names` are the videos' paths as they are to be read.

    Raises OSError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    with replacing_file(folder / INDEX) as aside, pq.ParquetWriter(aside, schema, compression="zstd") as writer:
        waiting: dict[str, list[Any]] = {name: [] for name in schema.names}
        for shard, record in enumerate(records):
            for row in _rows(config, videos, names, shard, record):
                for name, value in zip(schema.names, row, strict=True):
                    waiting[name].append(value)
            if len(waiting["row"]) >= ROWS_PER_GROUP:
                writer.write_table(pa.table(waiting, schema=schema))
                waiting = {name: [] for name in schema.names}
        writer.write_table(pa.table(waiting, schema=schema))


def _schema() -> "pyarrow.Schema":
    import pyarrow as pa

    word = pa.string()
    return pa.schema(
        [
            ("number", pa.int32()),
            ("video", word),
            ("label", word),
            ("view", word),
            ("clip", pa.int32()),
            ("network", word),
            ("start_seconds", pa.float64()),
            ("end_seconds", pa.float64()),
            ("backbone_sha256", word),
            ("shard", word),
            ("row", pa.int64()),
        ]
    )


def _rows(
    config: StoreConfig, videos: Sequence[LabelledVideo], names: Sequence[str], shard: int, record: ShardRecord
) -> Iterable[tuple[Any, ...]]:
    """One per map, in the order of the schema."""
    file = shard_path(Path(), shard).as_posix()
    stored = {network: config.stored_clips(network) for network in NETWORKS}
    for place, view in enumerate(record.views):
        video = (view.number, names[view.number], videos[view.number].label, view_name(view.view))
        for network, clips in stored.items():
            sha256 = config.network(network).sha256
            for offset, clip in enumerate(clips):
                yield *video, clip, network, *view.seconds[clip], sha256, file, place * len(clips) + offset


def read_index(folder: Path, config: StoreConfig) -> tuple[list[LabelledVideo], Places]:
    """The videos in the order of their list, and where their maps are.

    Raises:
        StoreError: the file is missing, damaged, or not this store's.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = folder / INDEX
    words = [
        "video",
        "label",
        "view",
        "network",
        "shard",
    ]  # each is there for every map: kept once, with numbers for it
    columns = ["number", "clip", "row", *words]
    first_clips = {clips[0] for clips in map(config.stored_clips, NETWORKS) if clips}
    try:
        # Of a view's maps, which follow each other, the first of each network tells where all are.
        first = pc.field("clip").isin(sorted(first_clips))
        table = pq.read_table(path, columns=columns, memory_map=True, read_dictionary=words, filters=first)
        return _videos(config, table), _places(config, table)
    except (OSError, pa.ArrowException, KeyError, IndexError, ValueError) as error:
        raise StoreError(
            f"{printable(path)}: is not this store's index ({error}); go on with faster-video extract --resume"
        ) from error


def _videos(config: StoreConfig, table: "pyarrow.Table") -> list[LabelledVideo]:
    """Of the index and, where no view of a video is stored, of `store.json`."""
    found = {view.number: LabelledVideo(Path(view.video), view.label) for view in config.unreadable}
    found |= {absent.number: LabelledVideo(Path(absent.video), absent.label) for absent in config.missing}
    numbers, first = np.unique(table["number"].to_numpy(), return_index=True)
    chosen = table.select(["video", "label"]).take(first)
    rows = zip(numbers.tolist(), chosen["video"].to_pylist(), chosen["label"].to_pylist(), strict=True)
    found |= {number: LabelledVideo(Path(video), label) for number, video, label in rows}
    return [found[number] for number in range(config.num_videos)]


def _places(config: StoreConfig, table: "pyarrow.Table") -> Places:
    shape = (config.num_videos, 1 + config.views)
    places = Places(np.full(shape, -1, np.int32), {name: np.full(shape, -1, np.int64) for name in NETWORKS})
    views = _numbers(table["view"], lambda view: 0 if view == "test" else int(view) + 1)
    shards = _numbers(table["shard"], lambda file: int(Path(file.removeprefix(f"{SHARDS}/")).stem))
    networks = _numbers(table["network"], NETWORKS.index)
    numbers, clips, rows = (table[name].to_numpy() for name in ("number", "clip", "row"))
    for which, network in enumerate(NETWORKS):
        stored = config.stored_clips(network)
        chosen = np.flatnonzero((networks == which) & (clips == stored[0])) if stored else np.empty(0, np.int64)
        at = (numbers[chosen], views[chosen])
        places.shard[at] = shards[chosen]
        places.first_row[network][at] = rows[chosen]
    return places


def _numbers(column: "pyarrow.ChunkedArray", number_of: Any) -> NDArray[np.int64]:
    """A dictionary column's words as numbers, each word asked for once."""
    combined = column.unify_dictionaries().combine_chunks()
    words = [number_of(word) for word in combined.dictionary.to_pylist()]
    numbers: NDArray[np.int64] = np.asarray(words, np.int64)[combined.indices.to_numpy()]
    return numbers
