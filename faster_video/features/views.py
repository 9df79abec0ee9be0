"""The views of a video that a store keeps, as pixels: the test view and M random training views.

Shapes: V views of a batch, N clips per view, C colours, T frames of a clip, S side of the crop.
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from faster_video.clips import as_clip, clip_frames, clip_starts, test_view
from faster_video.errors import DecodeError, StoreError
from faster_video.features.layout import TEST
from faster_video.files import printable
from faster_video.training.samples import SampleKey, TrainingClips
from faster_video.video import end_seconds

Seconds = list[tuple[float, float]]
"""Start and end of each of the N clips."""


class ViewKey(NamedTuple):
    """Which view of which video."""

    video: int
    """The video's place in the list."""
    view: int
    """0 … M-1, or TEST."""


@dataclass(frozen=True, slots=True)
class PixelView:
    """The clips of one view, uint8 [N, C, T, S, S]."""

    key: ViewKey
    clips: Tensor
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class LostView:
    """A view whose video could not be read, and why."""

    key: ViewKey
    reason: str


@dataclass(frozen=True, slots=True)
class ViewBatch:
    """The views of a batch that could be read, uint8 [V, N, C, T, S, S] (None if there is none), and the others."""

    clips: Tensor | None
    keys: list[ViewKey]
    seconds: list[Seconds]
    lost: list[LostView]


class ViewClips(Dataset[PixelView | LostView]):
    """Reads views; random view m of a video is that of `SampleKey(epoch=m, video, view=0)` in training."""

    def __init__(self, samples: TrainingClips) -> None:
        self.samples = samples

    def __getitem__(self, key: ViewKey) -> PixelView | LostView:
        """The view of this key."""
        try:
            if key.view == TEST:
                return PixelView(key, *self._read_test(key.video))
            return PixelView(key, *self.samples.read(SampleKey(key.view, key.video, 0)))
        except DecodeError as error:
            path = self.samples.videos[key.video].path
            return LostView(key, str(error).removeprefix(f"{printable(path)}: "))

    def _read_test(self, video: int) -> tuple[Tensor, Seconds]:
        """As `Classifier.classify` reads a video (docs/protocol.md "Testing")."""
        config, clips, seconds = self.samples.clips, [], []
        with self.samples.files.open(self.samples.videos[video].path) as reader:
            num_frames = reader.info.num_frames
            starts = clip_starts(num_frames, config.num_clips, config.span)
            wanted = [clip_frames(start, config.frames_per_clip, config.frame_stride, num_frames) for start in starts]
            view = test_view(reader.info.height, reader.info.width, self.samples.transform)
            for clip in reader.clips(wanted, view):
                clips.append(as_clip(clip.data))
                seconds.append((float(clip.seconds[0]), end_seconds(clip, reader.info)))
        return torch.stack(clips), seconds


def read_views(views: ViewClips, batches: Sequence[list[ViewKey]], *, workers: int) -> Iterator[ViewBatch]:
    """One batch of pixels per list of keys, decoded by `workers` processes (0: by this one)."""
    loader = DataLoader(
        views,
        batch_sampler=batches,
        num_workers=workers,
        prefetch_factor=1 if workers else None,  # batches are large, and /dev/shm holds them
        collate_fn=_together,
        worker_init_fn=_leave_ctrl_c_to_the_main_process,
        pin_memory=torch.cuda.is_available(),
    )
    yield from loader


@contextmanager
def naming_dead_workers() -> Iterator[None]:
    """Where a decoding process dies, PyTorch raises in the midst of whatever runs then; say what it means.

    Raises:
        StoreError: a decoding process was killed.
        KeyboardInterrupt: it was, but because all processes are told to stop.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        before = error.__context__
        while before is not None:
            if isinstance(before, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            before = before.__context__
        raise StoreError(
            f"a decoding process was killed, perhaps for want of memory ({error}); what is written is kept, go on with "
            "--resume and fewer --workers"
        ) from error


def _together(found: list[PixelView | LostView]) -> ViewBatch:
    read = [view for view in found if isinstance(view, PixelView)]
    return ViewBatch(
        clips=torch.stack([view.clips for view in read]) if read else None,
        keys=[view.key for view in read],
        seconds=[view.seconds for view in read],
        lost=[view for view in found if isinstance(view, LostView)],
    )


def _leave_ctrl_c_to_the_main_process(_worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
