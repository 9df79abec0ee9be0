"""A store that `extract` wrote, read as memory-mapped tensors.

Shapes: B views, N clips per view, n of them from one network, D channels, t h w feature map.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from faster_video.bundle import BundleConfig
from faster_video.config import Recipe
from faster_video.errors import ConfigError, StoreError
from faster_video.features.index import read_index, require_store_package
from faster_video.features.layout import (
    INDEX,
    NETWORKS,
    SETTINGS,
    TEST,
    backbone_sha256,
    even_clips,
    read_config,
    shard_path,
)
from faster_video.features.shards import sha256_of
from faster_video.features.stored import NO_FILE, LostFeatures, StoredKey
from faster_video.features.verified import VerifiedShards, shard_line
from faster_video.files import printable
from faster_video.model import Faster
from faster_video.pattern import Pattern

MOST_MAPPED = 10_000
"""Shards that are memory-mapped at once; Linux allows a process 65,530 mappings (vm.max_map_count)."""
RESUME = "repair it with the faster-video extract command that made it and --resume"


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The clips of N that come from one network, and where their maps are among a view's rows."""

    network: str
    clips: list[int]
    offsets: list[int]


class FeatureStore:
    """A whole store. Each shard's SHA-256 is checked when it is first used and remembered as long as the file's size
    and modification time stay (`VerifiedShards`), unless `verify` is off.

    Read only, so that several processes can use one store at once; nothing of it is held in memory but the index.
    """

    def __init__(self, folder: str | Path, *, verify: bool = True, with_missing: bool = True) -> None:
        """Open a store; without its missing videos, the others move up in `videos`.

        Raises:
            StoreError: there is none, it is not complete, a shard is missing or cut off, the index is damaged, or
                pyarrow is not installed.
        """
        require_store_package()
        self.folder = Path(folder)
        self.name = printable(folder)
        self.config = read_config(self.folder)
        self._verify = verify
        self._require_whole()
        videos, places = read_index(self.folder, self.config)
        missing = frozenset(video.number for video in self.config.missing)
        kept = [number for number in range(len(videos)) if with_missing or number not in missing]
        self.videos = tuple(videos[number] for number in kept)
        self.views = self.config.views
        self.missing = missing if with_missing else frozenset()
        views = {"test": TEST} | {str(view): view for view in range(self.views)}
        place_of = {number: place for place, number in enumerate(kept)}
        self.lost: Sequence[LostFeatures] = [
            LostFeatures(StoredKey(place_of[lost.number], views[lost.view]), lost.reason)
            for lost in self.config.unreadable
        ]
        self._places = places.of(kept)
        self._verified = VerifiedShards(self.folder)
        self._shards: dict[int, dict[str, Tensor]] = {}
        self._choices: dict[tuple[bool, ...], list[_Chosen]] = {}
        self._num_rows = {network: len(self.config.stored_clips(network)) for network in NETWORKS}

    def _require_whole(self) -> None:
        if not self.config.complete:
            raise StoreError(f"{self.name}: is not complete; go on with the same extract command and --resume")
        for shard, stored in enumerate(self.config.shards):
            path = shard_path(self.folder, shard)
            if not path.is_file() or path.stat().st_size != stored.bytes:
                found = "is not as long as it should be" if path.is_file() else "is missing"
                raise StoreError(f"{printable(path)}: {found}; {RESUME}")
        index = self.folder / INDEX
        try:
            sound = sha256_of(index) == self.config.index_sha256
        except OSError as error:
            raise StoreError(f"{printable(index)}: cannot be read: {error.strerror}; {RESUME}") from error
        if not sound:
            raise StoreError(f"{printable(index)}: is damaged (its SHA-256 is not the one in store.json); {RESUME}")

    def __len__(self) -> int:
        return len(self.videos)

    def has(self, key: StoredKey) -> bool:
        """Whether this view's maps are there: its video could be read."""
        inside = 0 <= key.video < len(self.videos) and TEST <= key.view < self.views
        return inside and bool(self._places.shard[key.video, key.view + 1] >= 0)

    def features(self, video: int, view: int = TEST) -> list[Tensor]:
        """The maps of one view as memory-mapped float16 [D, t, h, w], one per clip, as the store's pattern has them.

        With both networks stored, of each clip the map of the network that the pattern wants.

        Raises:
            StoreError: this view's video could not be read, or the shard is damaged.
        """
        key = StoredKey(video, view)
        if not self.has(key):
            absent = NO_FILE if video in self.missing else "no such view"
            reason = next((lost.reason for lost in self.lost if lost.key == key), absent)
            raise StoreError(f"{printable(self.videos[video].path)}: has no features in {self.name}: {reason}")
        flags = Pattern.parse(self.config.pattern).flags(self.config.clips.num_clips)
        maps: dict[int, Tensor] = {}
        for chosen in self._choose(tuple(flags)):
            rows = self._rows(key, chosen.network).movedim(-1, 1)  # [n, D, t, h, w]
            maps |= {clip: rows[offset] for clip, offset in zip(chosen.clips, chosen.offsets, strict=True)}
        return [maps[clip] for clip in range(len(flags))]

    def batch(self, keys: Sequence[StoredKey], flags: Sequence[bool]) -> tuple[Tensor, ...]:
        """N maps float32 [B, D, t, h, w] of these views, channels last in memory; `len(flags)` is N.

        Fewer clips than are stored are chosen evenly, the first and the last among them.

        Raises:
            ConfigError: more clips are wanted than stored, or a clip from a network whose map is not.
            StoreError: a shard is damaged.
        """
        maps: dict[int, Tensor] = {}
        for chosen in self._choose(tuple(flags)):
            channels, offsets = self.config.network(chosen.network).channels, _as_slice(chosen.offsets)
            joined = torch.empty(len(chosen.clips), len(keys), *self.config.map_size, channels)  # [n, B, t, h, w, D]
            for number, key in enumerate(keys):
                joined[:, number] = self._rows(key, chosen.network)[offsets]  # the one copy, float16 to float32
            maps |= dict(zip(chosen.clips, joined.movedim(-1, 2).unbind(), strict=True))
        return tuple(maps[clip] for clip in range(len(flags)))

    def _choose(self, flags: tuple[bool, ...]) -> list[_Chosen]:
        """Which maps of a view are wanted, network by network."""
        if flags not in self._choices:
            stored = self.config.clips.num_clips
            if len(flags) > stored:
                raise ConfigError(
                    f"num_clips is {len(flags)}, but {self.name} holds {stored} clips of each view; choose at most that"
                )
            picked = even_clips(stored, len(flags))
            self._choices[flags] = [
                self._of_network(network, [clip for clip, flag in enumerate(flags) if flag == expensive], picked)
                for network, expensive in zip(NETWORKS, (True, False), strict=True)
                if expensive in flags
            ]
        return self._choices[flags]

    def _of_network(self, network: str, clips: list[int], picked: list[int]) -> _Chosen:
        rows = {clip: row for row, clip in enumerate(self.config.stored_clips(network))}
        missing = [picked[clip] for clip in clips if picked[clip] not in rows]
        if missing:
            raise ConfigError(
                f"the pattern wants clip {missing[0]} of {self.config.clips.num_clips} from the {network} network, but "
                f"{self.name} holds only what pattern {self.config.pattern} wants; extract with --networks both"
            )
        return _Chosen(network, clips, [rows[picked[clip]] for clip in clips])

    def _rows(self, key: StoredKey, network: str) -> Tensor:
        """All maps of one view from one network, memory-mapped: float16 [n, t, h, w, D]."""
        column = key.view + 1
        first = int(self._places.first_row[network][key.video, column])
        maps = self._shard(int(self._places.shard[key.video, column]))[network]
        return maps[first : first + self._num_rows[network]]

    def _shard(self, shard: int) -> dict[str, Tensor]:
        """Maps of a shard by network; the one that was not used for longest goes where there are too many."""
        maps = self._shards.pop(shard, None)
        if maps is None:
            path = shard_path(self.folder, shard)
            try:
                if self._verify:
                    self._check(shard, again=False)
                with safe_open(path, framework="pt") as file:
                    maps = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            except (OSError, SafetensorError) as error:
                raise StoreError(f"{printable(path)}: cannot be read: {error}; {RESUME}") from error
            if len(self._shards) >= MOST_MAPPED:
                del self._shards[next(iter(self._shards))]
        self._shards[shard] = maps  # now the last
        return maps

    def _check(self, shard: int, *, again: bool) -> None:
        """Compare a shard's SHA-256; `again` even where that was done before. Raises OSError, StoreError."""
        path, sha256 = shard_path(self.folder, shard), self.config.shards[shard].sha256
        line = shard_line(path, shard, sha256)  # as the file is before it is read
        if not again and line in self._verified:
            return
        if sha256_of(path) != sha256:
            raise StoreError(f"{printable(path)}: is damaged (its SHA-256 is not the one in store.json); {RESUME}")
        self._verified.add(line)

    def verify(self) -> None:
        """Check every shard's SHA-256 now, whatever is remembered.

        Raises:
            StoreError: one is damaged; the message names it.
        """
        for shard in range(self.config.num_shards):
            try:
                self._check(shard, again=True)
            except OSError as error:
                raise StoreError(
                    f"{printable(shard_path(self.folder, shard))}: cannot be read: {error}; {RESUME}"
                ) from error

    @property
    def identity(self) -> str:
        """SHA-256 of `store.json`, which holds those of all shards."""
        return sha256_of(self.folder / SETTINGS)

    def require_fit(self, model: Faster, config: BundleConfig | Recipe) -> None:
        """Refuse a model that these features are not made for.

        Raises:
            ConfigError: its backbones are others than those that made the store, or it sees clips in another way.
        """
        flags = model.pattern.flags(config.clips.num_clips)
        for network, expensive in zip(NETWORKS, (True, False), strict=True):
            if expensive in flags and backbone_sha256(getattr(model, network)) != self.config.network(network).sha256:
                raise ConfigError(
                    f"{self.name}: was made by another {network} backbone than this model's; extract the features "
                    "again with this bundle, or take the backbones from the bundle that made them"
                )
        pairs = (
            ("clips.frames_per_clip", config.clips.frames_per_clip, self.config.clips.frames_per_clip),
            ("clips.frame_stride", config.clips.frame_stride, self.config.clips.frame_stride),
            ("transform", config.transform, self.config.transform),
        )
        for name, ours, theirs in pairs:
            if ours != theirs:
                raise ConfigError(f"{name} is {ours}, but {self.name} was made with {theirs}; give the same")
        self._choose(tuple(flags))


def _as_slice(offsets: list[int]) -> slice | list[int]:
    """Rows that follow each other as a slice, which is read without a copy in between."""
    first = offsets[0]
    together = offsets == list(range(first, first + len(offsets)))
    return slice(first, first + len(offsets)) if together else offsets
