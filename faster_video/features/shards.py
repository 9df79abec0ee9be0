"""One file of maps and the record beside it, written so that each is there whole or not at all.

Shapes: n rows of a network, D channels, t h w feature map.
"""

import errno
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import dacite
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from faster_video.features.layout import INDEX, SETTINGS, SHARDS, StoredShard, shard_path
from faster_video.files import replacing_file

_FILE = rf"{re.escape(SETTINGS)}|{re.escape(INDEX)}|\d{{5}}\.(safetensors|json)"
_LEFTOVER = re.compile(rf"\.(({_FILE})\.\w{{8}}|tmp\w{{6}})")
"""Of `replacing_file`, and of safetensors' `save_file`, which writes aside itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredView:
    """A view whose maps are in a shard; its rows follow those of the view before it."""

    number: int
    """The video's place in the list."""
    view: int
    seconds: list[list[float]]
    """Start and end of each of the N clips."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LostRecord:
    """A view that should be in a shard, but whose video could not be read."""

    number: int
    view: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardRecord:
    """What `shards/NNNNN.json` holds; it is written after the maps, so a shard without it is not done."""

    sha256: str
    bytes: int
    views: list[StoredView]
    unreadable: list[LostRecord]
    missing: list[int] = field(default_factory=list)
    """Places in the list of videos whose files were on no disk when the shard was made."""

    @property
    def stored(self) -> StoredShard:
        """What `store.json` keeps of it."""
        return StoredShard(sha256=self.sha256, bytes=self.bytes)


def write_shard(
    folder: Path,
    shard: int,
    maps: dict[str, Tensor],
    *,
    views: list[StoredView],
    unreadable: list[LostRecord],
    missing: list[int],
) -> ShardRecord:
    """Write the maps, `{network: float16 [n, t, h, w, D]}`, then their record. Raises OSError, disk full included."""
    path = shard_path(folder, shard)
    record_path(folder, shard).unlink(missing_ok=True)
    with replacing_file(path) as aside:
        try:
            save_file(maps, aside)
        except SafetensorError as error:  # it does not say in numbers what the system said
            if "No space left" in str(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise OSError(str(error)) from error
        record = ShardRecord(
            sha256=sha256_of(aside), bytes=aside.stat().st_size, views=views, unreadable=unreadable, missing=missing
        )
    with replacing_file(record_path(folder, shard)) as aside:
        aside.write_text(json.dumps(asdict(record), ensure_ascii=False) + "\n", "utf-8")
    return record


def sound_record(folder: Path, shard: int) -> ShardRecord | None:
    """The record of a shard whose maps are there, every bit; None where they must be made (again)."""
    path = shard_path(folder, shard)
    try:
        values = json.loads(record_path(folder, shard).read_text("utf-8"))
        record = dacite.from_dict(ShardRecord, values, dacite.Config(strict=True))
        sound = path.stat().st_size == record.bytes and sha256_of(path) == record.sha256
    except (OSError, ValueError, TypeError, AttributeError, dacite.DaciteError):
        return None
    return record if sound else None


def record_path(folder: Path, shard: int) -> Path:
    """The record beside a shard."""
    return shard_path(folder, shard).with_suffix(".json")


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed process was writing when it ended, by its name. Raises OSError."""
    for place in (folder, folder / SHARDS):
        for path in place.glob(".*"):
            if _LEFTOVER.fullmatch(path.name):
                path.unlink()


def sha256_of(path: Path) -> str:
    """Of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
