"""The disk that an extraction needs, told and demanded before anything is computed."""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from faster_video.errors import StoreError
from faster_video.features.layout import StoreConfig
from faster_video.features.shards import ShardRecord
from faster_video.files import printable

SPARE_SHARE, SPARE_BYTES = 0.02, 64 * 2**20
"""Free disk demanded beyond the maps: for index and records, and to leave some."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What an extraction will write, and whether there is room."""

    videos: int
    """Those that are there already and those still to come."""
    missing: int
    """Videos of the list that are on no disk and so need nothing."""
    video_bytes: int
    done_bytes: int
    """Of the maps that are there already."""
    free_bytes: int

    @property
    def bytes(self) -> int:
        """Of the maps still to be written, if every video can be read."""
        return self.videos * self.video_bytes - self.done_bytes

    def __str__(self) -> str:
        already = f", {gigabytes(self.done_bytes)} of it there already" if self.done_bytes else ""
        return (
            f"{gigabytes(self.videos * self.video_bytes)} for {self.videos} videos of "
            f"{gigabytes(self.video_bytes)} each{already}; {gigabytes(self.free_bytes)} are free"
        )


def gigabytes(count: int) -> str:
    """Bytes for a person: three digits of GB, MB or kB."""
    for size, name in ((10**9, "GB"), (10**6, "MB")):
        if count >= size:
            return f"{count / size:,.2f} {name}"
    return f"{count / 1000:,.1f} kB"


def disk_need(folder: Path, layout: StoreConfig, kept: Mapping[int, ShardRecord], missing: Collection[int]) -> Need:
    """For all shards but those `kept`, whose missing videos are those of their records. Raises OSError."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    done = sum(len(layout.shard_videos(shard)) - len(record.missing) for shard, record in kept.items())
    todo = [number for shard in range(layout.num_shards) if shard not in kept for number in layout.shard_videos(shard)]
    to_come = sum(number not in missing for number in todo)
    return Need(
        videos=done + to_come,
        missing=layout.num_videos - done - to_come,
        video_bytes=layout.video_bytes,
        done_bytes=done * layout.video_bytes,
        free_bytes=shutil.disk_usage(place).free,
    )


def require_room(folder: Path, need: Need) -> None:
    """Refuse to begin what will not fit.

    Raises:
        StoreError: too little disk is free.
    """
    spare = int(SPARE_SHARE * need.bytes) + SPARE_BYTES
    if need.bytes and need.bytes + spare > need.free_bytes:
        raise StoreError(
            f"{printable(folder)}: the store needs {need}, of which {gigabytes(spare)} must stay to spare; make room, "
            "choose another disk, or take fewer --views"
        )
