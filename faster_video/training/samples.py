"""Random clips of labelled videos, batch after batch; the seed fixes every one of them.

Shapes: B videos of a batch, N clips per video, C colours, T H W frames of a clip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from faster_video.clips import as_clip, clip_frames, random_clip_starts, train_view
from faster_video.config import ClipConfig, TransformConfig
from faster_video.datasets import LabelledVideo
from faster_video.errors import DecodeError
from faster_video.video import FrameCache, ScanCache, end_seconds


@dataclass(eq=False)  # not frozen: Fabric moves what is in it to the device
class Maps:
    """The feature maps of a batch, and which of them are of the expensive network."""

    clips: tuple[Tensor, ...]
    """N maps [B, D, t, h, w]."""
    flags: tuple[bool, ...]
    """N."""


Inputs = Tensor | tuple[Tensor, ...] | Maps
"""Clips, or one feature map per clip; the first dimension of each is B."""


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

    inputs: Inputs
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
        frame_cache: Path | None = None,
    ) -> None:
        self.videos = videos
        self.label_numbers = {label: number for number, label in enumerate(labels)}
        self.clips = clips
        self.num_clips = num_clips
        self.transform = transform
        self.seed = seed
        self.scans = ScanCache()
        self.files = FrameCache(frame_cache, self.scans)

    def __getitem__(self, key: SampleKey) -> Sample | Unreadable:
        """The sample of this key; a video that cannot be decoded is returned as such, never replaced by another."""
        video = self.videos[key.video]
        try:
            clips, _ = self.read(key)
        except DecodeError as error:
            return Unreadable(video.path, str(error))
        return Sample(clips, self.label_numbers[video.label], key)

    def read(self, key: SampleKey) -> tuple[Tensor, list[tuple[float, float]]]:
        """The clips of this key, uint8 [N, C, T, H, W], and the seconds at which each begins and ends.

        Raises:
            DecodeError: the video cannot be read.
        """
        random = Random(f"{self.seed}/{key.epoch}/{key.video}/{key.view}")
        with self.files.open(self.videos[key.video].path) as reader:
            starts = random_clip_starts(reader.info.num_frames, self.num_clips, self.clips.span, random.randrange)
            frames = [
                clip_frames(start, self.clips.frames_per_clip, self.clips.frame_stride, reader.info.num_frames)
                for start in starts
            ]
            augmentation = Random(random.random())  # the same crop and flip for all clips of a video
            view = train_view(reader.info.height, reader.info.width, self.transform, augmentation)
            clips, seconds = [], []
            for clip in reader.clips(frames, view):
                clips.append(as_clip(clip.data))
                seconds.append((float(clip.seconds[0]), end_seconds(clip, reader.info)))
        return torch.stack(clips), seconds


def collate(samples: list[Sample | Unreadable]) -> Batch | list[Unreadable]:
    """One batch of the samples that could be read; only the unreadable ones if there is none."""
    read = [sample for sample in samples if isinstance(sample, Sample)]
    unreadable = [sample for sample in samples if isinstance(sample, Unreadable)]
    if not read:
        return unreadable
    clips = torch.stack([sample.clips for sample in read])
    labels = torch.tensor([sample.label for sample in read])
    return Batch(clips, labels, [sample.key for sample in read], unreadable)
