"""From the pixels of views to the maps of shards: the frozen networks, and what collects their maps.

Shapes: V views of a batch, N clips per view, n of them for one network, C colours, T frames of a clip, S side of the
crop, D channels, t h w feature map.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from faster_video.bundle import Bundle
from faster_video.clips import normalize
from faster_video.config import require_choice
from faster_video.engine import AUTO, ENGINES
from faster_video.errors import ConfigError, StoreError
from faster_video.features.layout import NETWORKS, SHARDS, TEST, Precision, StoreConfig
from faster_video.features.shards import LostRecord, ShardRecord, StoredView, write_shard
from faster_video.features.views import ViewBatch, ViewClips, ViewKey, naming_dead_workers, read_views
from faster_video.files import printable
from faster_video.inference import Classifier
from faster_video.training.interrupt import Interruption
from faster_video.training.samples import TrainingClips

BATCH_VIEWS, BATCH_CLIPS, BATCH_BYTES = 8, 64, 2**27
"""Views that are decoded together: 8, or as many as make 64 clips if that is more, within 128 MiB of pixels and never
fewer than one (3 at `faster16`). Every decoding process keeps a batch in shared memory."""
MOST_CPU_GMACS = 2.0
"""Of the clips that go through a network at once on a processor: about where a clip takes least time, with one thread
(benchmarks/clips_at_once.py)."""
MOST_PIXELS = 1 << 24
"""Of the clips that go through a network at once on other devices (T·S·S of each): 20 of 16 frames at 224 pixels."""
_AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


class FrozenNetworks:
    """Both networks of a bundle on a device, and nothing of them learning."""

    def __init__(
        self, bundle: Bundle, device: str, precision: Precision, engine: str = AUTO, views: int | None = None
    ) -> None:
        """Half precision is PyTorch's to compute in, so that it needs the engine `eager`; `views` are to come.

        Raises:
            ConfigError: there is no such device or engine, or the engine does not know this precision.
            EngineError: the engine does not work on this machine.
        """
        require_choice("engine", engine, (AUTO, *ENGINES))
        if precision in _AUTOCAST and engine not in (AUTO, "eager"):
            raise ConfigError(f"engine is {engine!r}, which computes in 32-true, not {precision}; choose eager or auto")
        self._classifier = Classifier(bundle, device, "eager" if precision in _AUTOCAST else engine, videos=views)
        self._transform = bundle.config.transform
        self._dtype = _AUTOCAST.get(precision)
        self._gmacs = {part.name.removesuffix(" backbone"): part.gmacs for part in self._classifier.cost.parts}

    def _computing(self) -> AbstractContextManager[object]:
        return torch.autocast(self._classifier.device.type, self._dtype) if self._dtype else nullcontext()

    @torch.no_grad()
    def maps(self, clips: Tensor, network: str) -> Tensor:
        """Clips uint8 [V, n, C, T, S, S] to maps float16 [V, n, t, h, w, D] on the CPU; every value may be infinite."""
        flat = clips.flatten(0, 1)  # [V*n, C, T, S, S]
        at_once = self._clips_at_once(flat[0], network)
        found = [self._features(some, network).half().movedim(1, -1).cpu() for some in torch.split(flat, at_once)]
        return torch.cat(found).unflatten(0, clips.shape[:2])  # type: ignore[no-untyped-call,no-any-return]

    def _features(self, clips: Tensor, network: str) -> Tensor:
        """Clips uint8 [., C, T, S, S] to feature maps [., D, t, h, w] on the device."""
        inputs = normalize(clips.to(self._classifier.device), self._transform)
        inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
        with self._computing():
            return self._classifier.model.features(inputs, expensive=network == "expensive")

    def _clips_at_once(self, clip: Tensor, network: str) -> int:
        """How many clips [C, T, S, S] go through a network together."""
        if self._classifier.device.type != "cpu":
            return max(1, MOST_PIXELS // clip[0].numel())
        return max(1, int(MOST_CPU_GMACS / self._gmacs[network]))


class _Filling:
    """The maps of one shard as they come."""

    def __init__(self, samples: TrainingClips, layout: StoreConfig, num_views: int) -> None:
        self._samples = samples
        self._stored = {network: layout.stored_clips(network) for network in NETWORKS}
        self._maps = {
            network: torch.empty(
                num_views, len(clips), *layout.map_size, layout.network(network).channels, dtype=torch.float16
            )
            for network, clips in self._stored.items()
            if clips
        }
        self.views: list[StoredView] = []
        self.unreadable: list[LostRecord] = []

    def add(self, batch: ViewBatch, networks: FrozenNetworks) -> None:
        """Compute and keep the maps of a batch."""
        self.unreadable += [
            LostRecord(number=lost.key.video, view=lost.key.view, reason=printable(lost.reason)) for lost in batch.lost
        ]
        if batch.clips is None:
            return
        first = len(self.views)
        for network, maps in self._maps.items():
            found = networks.maps(batch.clips[:, self._stored[network]], network)  # [V, n, t, h, w, D]
            self._require_finite(found, batch.keys, network)
            maps[first : first + len(found)] = found
        self.views += [
            StoredView(number=key.video, view=key.view, seconds=[list(clip) for clip in seconds])
            for key, seconds in zip(batch.keys, batch.seconds, strict=True)
        ]

    def _require_finite(self, maps: Tensor, keys: list[ViewKey], network: str) -> None:
        finite = maps.isfinite().flatten(1).all(dim=1)  # [V]
        if not finite.all():
            video = self._samples.videos[keys[int(finite.int().argmin())].video].path
            raise StoreError(
                f"{printable(video)}: the {network} network's map of it has values beyond float16 (65,504) or none at "
                "all (NaN), so that it cannot be stored; the bundle's weights are no good, or this video breaks them"
            )

    @property
    def maps(self) -> dict[str, Tensor]:
        """What goes into the shard: `{network: float16 [n, t, h, w, D]}`."""
        return {network: maps[: len(self.views)].flatten(0, 1) for network, maps in self._maps.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shards:
    """Which shards of a store are to be made, and of what."""

    folder: Path
    layout: StoreConfig
    numbers: tuple[int, ...]
    samples: TrainingClips
    missing: frozenset[int]
    """Places in the list of videos that are left out."""


def make_shards(
    shards: Shards, networks: FrozenNetworks, workers: int, show: Callable[[int, int], None]
) -> Iterator[tuple[int, ShardRecord]]:
    """Compute and write these shards, one after the other: each with its record once it is written.

    `show` is told how many views are done, of how many.

    Raises:
        StoreError: a decoding process died, or a map is no finite float16.
        OSError: the disk is full or not writable.
        KeyboardInterrupt: ctrl-C or, from a cluster, SIGTERM; whole shards are kept.
    """
    layout, missing = shards.layout, shards.missing
    batches = {shard: _batches(layout, shard, missing) for shard in shards.numbers}
    in_order = [keys for shard in shards.numbers for keys in batches[shard]]
    total = sum(map(len, in_order))
    pixels = read_views(ViewClips(shards.samples), in_order, workers=workers)
    (shards.folder / SHARDS).mkdir(parents=True, exist_ok=True)
    done = 0
    with naming_dead_workers(), Interruption() as interruption:
        for shard in shards.numbers:
            filling = _Filling(shards.samples, layout, sum(map(len, batches[shard])))
            for keys in batches[shard]:
                with interruption.held_back():  # a process that hands over its pixels must not be left hanging
                    batch = next(pixels)
                filling.add(batch, networks)
                done += len(keys)
                show(done, total)
            absent = [number for number in layout.shard_videos(shard) if number in missing]
            record = write_shard(
                shards.folder,
                shard,
                filling.maps,
                views=filling.views,
                unreadable=filling.unreadable,
                missing=absent,
            )
            yield shard, record


def _batches(layout: StoreConfig, shard: int, missing: Collection[int]) -> list[list[ViewKey]]:
    """A shard's views in its order, in groups that are computed together; no group reaches into another shard."""
    views = [*([TEST] if layout.test_view else []), *range(layout.views)]
    keys = [ViewKey(video, view) for video in layout.shard_videos(shard) if video not in missing for view in views]
    size = max(1, min(max(BATCH_VIEWS, BATCH_CLIPS // layout.clips.num_clips), BATCH_BYTES // _pixel_bytes(layout)))
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def _pixel_bytes(layout: StoreConfig) -> int:
    """Bytes of one view's clips: N·C·T·S·S."""
    clips = layout.clips
    return clips.num_clips * 3 * clips.frames_per_clip * layout.transform.crop_size**2
