"""Where the batches of a stage come from: pixels, frozen backbones on pixels, or their outputs kept in memory.

Shapes: B videos of a batch, N clips per video, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from faster_video.clips import normalize
from faster_video.engine import AUTO, on_engine
from faster_video.model import Faster
from faster_video.training.logs import progress_bar
from faster_video.training.samples import Batch, Inputs, SampleKey, TrainingClips, Unreadable, collate

EXTRACTION_BATCH = 8
"""Videos per pass of the frozen backbones when their outputs are stored."""


class PixelSource:
    """Decoded clips from worker processes; new random ones in every epoch."""

    def __init__(self, samples: TrainingClips, *, workers: int) -> None:
        self.samples = samples
        self.workers = workers

    def __call__(self, batches: Iterable[list[SampleKey]]) -> Iterable[Batch | list[Unreadable]]:
        """One batch of clips, uint8 [B, N, C, T, H, W], per list of keys."""
        return DataLoader(
            self.samples,
            batch_sampler=batches,
            num_workers=self.workers,
            collate_fn=collate,
            worker_init_fn=_leave_ctrl_c_to_the_main_process,
            pin_memory=torch.cuda.is_available(),
        )


class FrozenSource:
    """What the frozen backbones make of those clips: N feature maps per video (`Faster.features`), on an engine."""

    def __init__(self, model: Faster, pixels: PixelSource, device: torch.device) -> None:
        self.model, _ = on_engine(model.eval(), AUTO, device)  # of which only the networks are used
        self.pixels = pixels
        self.device = device

    def __call__(self, batches: Iterable[list[SampleKey]]) -> Iterator[Batch | list[Unreadable]]:
        """One batch of N maps [B, D, t, h, w] per list of keys."""
        for batch in self.pixels(batches):
            if isinstance(batch, list):
                yield batch
            else:
                yield replace(batch, inputs=self.features(batch.inputs))

    @torch.no_grad()
    def features(self, clips: Inputs) -> tuple[Tensor, ...]:
        """Clips uint8 [B, N, C, T, H, W] to N maps; all clips of a backbone go through it at once."""
        assert isinstance(clips, Tensor)
        flags = self.model.pattern.flags(clips.shape[1])
        maps: dict[int, Tensor] = {}
        for expensive in (True, False):
            chosen = [clip for clip, flag in enumerate(flags) if flag == expensive]
            if not chosen:
                continue
            inputs = normalize(clips[:, chosen].to(self.device), self.pixels.samples.transform)
            inputs = inputs.flatten(0, 1).contiguous(memory_format=torch.channels_last_3d)  # [B*n, C, T, H, W]
            features = self.model.features(inputs, expensive=expensive).unflatten(0, (-1, len(chosen)))  # type: ignore[no-untyped-call]
            maps |= dict(zip(chosen, features.unbind(dim=1), strict=True))
        return tuple(maps[clip] for clip in range(len(flags)))


class StoredSource:
    """Feature maps of a few random views of every video, computed once and kept in memory as float16."""

    def __init__(self, frozen: FrozenSource, *, views: int, views_per_video: int, shown: bool = True) -> None:
        self.views = views
        self.views_per_video = views_per_video
        self.unreadable: list[Unreadable] = []
        self._maps: dict[SampleKey, tuple[Tensor, ...]] = {}
        self._labels: dict[int, int] = {}
        self._fill(frozen, shown)

    def _fill(self, frozen: FrozenSource, shown: bool) -> None:
        videos = range(len(frozen.pixels.samples.videos))
        keys = [SampleKey(view, video, 0) for view in range(self.views) for video in videos]
        groups = [keys[start : start + EXTRACTION_BATCH] for start in range(0, len(keys), EXTRACTION_BATCH)]
        with progress_bar("stage2 features", len(keys), shown=shown) as show:
            for group, batch in zip(groups, frozen(groups), strict=True):
                if isinstance(batch, list):
                    self.unreadable += batch
                else:
                    self.unreadable += batch.unreadable
                    self._keep(batch)
                show(len(group))

    def _keep(self, batch: Batch) -> None:
        assert isinstance(batch.inputs, tuple)
        for place, (key, label) in enumerate(zip(batch.keys, batch.labels.tolist(), strict=True)):
            self._maps[key] = tuple(feature_map[place].half().cpu() for feature_map in batch.inputs)
            self._labels[key.video] = label

    def __call__(self, batches: Iterable[list[SampleKey]]) -> Iterator[Batch | list[Unreadable]]:
        """One batch of N maps [B, D, t, h, w] per list of keys; the stored views take turns."""
        unreadable, self.unreadable = self.unreadable, []
        for keys in batches:
            read = [key for key in map(self._stored, keys) if key in self._maps]
            if not read:
                yield unreadable
                unreadable = []
                continue
            maps = [torch.stack(clip).float() for clip in zip(*(self._maps[key] for key in read), strict=True)]
            labels = torch.tensor([self._labels[key.video] for key in read])
            yield Batch(tuple(maps), labels, read, unreadable)
            unreadable = []

    def _stored(self, key: SampleKey) -> SampleKey:
        """Which of the stored views stands for this one."""
        turn = key.epoch * self.views_per_video + key.view
        return SampleKey(turn % self.views, key.video, 0)


def _leave_ctrl_c_to_the_main_process(_worker: int) -> None:
    """Signals reach every process of a terminal; only the one that saves the state may act on them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # with which PyTorch ends it
