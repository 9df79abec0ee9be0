"""A store's folder when an extraction begins or goes on: whether it may be used, and which shards in it may stay."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from faster_video.errors import StoreError
from faster_video.features.layout import SETTINGS, StoreConfig, is_store, read_config
from faster_video.features.shards import ShardRecord, remove_leftovers, sound_record
from faster_video.features.views import PixelView, ViewClips, ViewKey
from faster_video.files import printable, require_writable_place

_WORDS = {
    "list_sha256": "the list, or which of its videos are on disk, has changed",
    "expensive": "the expensive network's weights",
    "cheap": "the cheap network's weights",
}
"""Settings whose values say nothing to a person."""


def open_folder(folder: Path, layout: StoreConfig, *, resume: bool) -> StoreConfig:
    """Check the folder, or find what was begun in it; returns the settings that count. Raises OSError, StoreError.

    A process that was killed before it had written anything leaves nothing to resume, and that is no error.
    """
    if folder.is_dir():
        remove_leftovers(folder)
    if resume and is_store(folder):
        before = read_config(folder)
        different = list(_differences(before.settings, layout.settings))
        if different:
            raise StoreError(
                f"{printable(folder)}: holds a store made with other settings: {'; '.join(different)}; resume it with "
                "the same bundle, list and options, or choose another folder"
            )
        return before
    if is_store(folder):
        raise StoreError(f"{printable(folder)}: holds a store already; add --resume to go on with it")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{printable(folder)}: is there already and not an empty folder; choose a new one")
    require_writable_place(folder / SETTINGS)
    return layout


def _differences(theirs: dict[str, Any], ours: dict[str, Any], group: str = "") -> Iterator[str]:
    """What is not the same, each in words."""
    for name, value in ours.items():
        if theirs[name] == value:
            continue
        if name in _WORDS:
            yield _WORDS[name]
        elif isinstance(value, dict):
            yield from _differences(theirs[name], value, f"{name}.")
        else:
            yield f"{group}{name} is {_shown(theirs[name])} there and {_shown(value)} now"


def _shown(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return value if value != "" else "not given"


def reusable_records(
    folder: Path,
    layout: StoreConfig,
    views: ViewClips,
    missing: Collection[int],
    show: Callable[[str, int, int], None],
) -> dict[int, ShardRecord]:
    """The shards that need not be made again; every byte of them is read, and every video they lack is tried."""
    kept = {}
    for shard in range(layout.num_shards):
        record = sound_record(folder, shard)
        if record is not None and not _lacks_what_is_there(record, views, missing):
            kept[shard] = record
        show("checking", shard + 1, layout.num_shards)
    return kept


def _lacks_what_is_there(record: ShardRecord, views: ViewClips, missing: Collection[int]) -> bool:
    """Whether a video that was missing or could not be read when the shard was made can be read now."""
    if any(number not in missing for number in record.missing):
        return True
    one_each = {lost.number: ViewKey(lost.number, lost.view) for lost in record.unreadable}
    return any(number not in missing and isinstance(views[key], PixelView) for number, key in one_each.items())
