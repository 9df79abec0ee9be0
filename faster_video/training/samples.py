"""Random clips of labelled videos, batch after batch; the seed fixes every one of them.

Shapes: B videos of a batch, N clips per video, C colours, T H W frames of a clip.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from faster_video.clips import clip_frames, random_clip_starts, train_clip
from faster_video.config import ClipConfig, StageConfig, TransformConfig
from faster_video.datasets import LabelledVideo
from faster_video.errors import DecodeError
from faster_video.video import VideoReader


class SampleKey(NamedTuple):
    """Which random view of which video; with the seed it fixes the frames and the crop."""

    epoch: int
    video: int
    view: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One video's clips, uint8 [N, C, T, H, W], the number of its label, and which view of which video it is."""

    clips: Tensor
    label: int
    key: SampleKey


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A video that could not be decoded, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What the learner takes, label numbers [B], and the videos that are missing from it.

    The inputs are clips, uint8 [B, N, C, T, H, W], or in stage 2 the N feature maps of the frozen backbones.
    """

    inputs: Tensor | tuple[Tensor, ...]
    labels: Tensor
    keys: list[SampleKey]
    """Of the videos that are in it."""
    unreadable: list[Unreadable]


class TrainingClips(Dataset[Sample | Unreadable]):
    """N random clips of a video in time order, cropped and flipped alike (docs/protocol.md "Training")."""

    def __init__(
        self,
        videos: Sequence[LabelledVideo],
        labels: Sequence[str],
        *,
        clips: ClipConfig,
        num_clips: int,
        transform: TransformConfig,
        seed: int,
    ) -> None:
        self.videos = videos
        self.label_numbers = {label: number for number, label in enumerate(labels)}
        self.clips = clips
        self.num_clips = num_clips
        self.transform = transform
        self.seed = seed

    def __getitem__(self, key: SampleKey) -> Sample | Unreadable:
        """The sample of this key; a video that cannot be decoded is returned as such, never replaced by another."""
        video = self.videos[key.video]
        random = Random(f"{self.seed}/{key.epoch}/{key.video}/{key.view}")
        try:
            clips = self._read(video.path, random)
        except DecodeError as error:
            return Unreadable(video.path, str(error))
        return Sample(clips, self.label_numbers[video.label], key)

    def _read(self, path: Path, random: Random) -> Tensor:
        with VideoReader(path) as reader:
            starts = random_clip_starts(reader.info.num_frames, self.num_clips, self.clips.span, random.randrange)
            frames = [
                clip_frames(start, self.clips.frames_per_clip, self.clips.frame_stride, reader.info.num_frames)
                for start in starts
            ]
            augmentation = random.random()  # the same crop and flip for all clips of a video
            clips = [train_clip(clip.data, self.transform, Random(augmentation)) for clip in reader.clips(frames)]
        return torch.stack(clips)  # [N, C, T, H, W]


class Batches(Sampler[list[SampleKey]]):
    """The keys of every batch of a stage, all epochs after another, from `first_step` on.

    In each epoch every video comes `views_per_video` times, in an order drawn from the seed and the epoch. What
    does not fill a whole batch is left out of that epoch, so that all batches weigh the same; a set smaller than a
    batch is one.
    """

    def __init__(self, num_videos: int, config: StageConfig, *, seed: int, first_step: int = 0) -> None:
        self.num_videos = num_videos
        self.config = config
        self.seed = seed
        self.first_step = first_step

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one epoch."""
        return max(1, self.num_videos * self.config.views_per_video // self.config.batch_size)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole stage."""
        return self.steps_per_epoch * self.config.epochs

    def __len__(self) -> int:
        return self.total_steps - self.first_step

    def __iter__(self) -> Iterator[list[SampleKey]]:
        """Lists of keys, one per step that is still to do."""
        for step in range(self.first_step, self.total_steps):
            epoch, batch = divmod(step, self.steps_per_epoch)
            if batch == 0 or step == self.first_step:
                keys = self._epoch(epoch)
            start = batch * self.config.batch_size
            yield keys[start : start + self.config.batch_size]

    def _epoch(self, epoch: int) -> list[SampleKey]:
        views = self.config.views_per_video
        keys = [SampleKey(epoch, video, view) for video in range(self.num_videos) for view in range(views)]
        Random(f"{self.seed}/{epoch}").shuffle(keys)
        return keys


def collate(samples: list[Sample | Unreadable]) -> Batch | list[Unreadable]:
    """One batch of the samples that could be read; only the unreadable ones if there is none."""
    read = [sample for sample in samples if isinstance(sample, Sample)]
    unreadable = [sample for sample in samples if isinstance(sample, Unreadable)]
    if not read:
        return unreadable
    clips = torch.stack([sample.clips for sample in read])
    labels = torch.tensor([sample.label for sample in read])
    return Batch(clips, labels, [sample.key for sample in read], unreadable)
