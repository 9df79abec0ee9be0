"""Video files as the clips that networks want, one after the other.

Shapes: B = 1 video, C colours, T frames of a clip, S side of the crop.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from faster_video.clips import as_clip, clip_frames, clip_starts, normalize, normalized_clip, test_view
from faster_video.config import ClipConfig, TransformConfig
from faster_video.errors import DecodeError
from faster_video.files import printable
from faster_video.inference.answers import Failure
from faster_video.inference.stopping import Wanted
from faster_video.video import VideoReader, end_seconds
from faster_video.video.view import Pixels

MOST_SPARE = 4
"""Clips kept to be written over; more are decoded at once only for a moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedClip:
    """A clip of a file."""

    path: Path
    number: int
    """Of the clip in its video; 0 begins another video."""
    pixels: Tensor
    """[B, C, T, S, S]: float32, normalised, or for a GPU uint8 in pinned memory (`ClipDecoder.on_device`)."""
    start_seconds: float
    """When the clip's first frame is shown."""
    end_seconds: float
    """When its last frame is over."""
    video_seconds: float
    """Length of the video."""
    seconds_decoding: float
    """What reading, resizing and normalising took; of clip 0 opening the file too."""
    wanted: Wanted = field(default_factory=Wanted)
    """Whether more clips of its file are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipPictures:
    """What the networks see of a clip of a file, as the file has it."""

    number: int
    """Of the clip in its video."""
    pictures: list[Pixels]
    """T of them, uint8 [S, S, 3]."""
    start_seconds: float
    """When the clip's first frame is shown."""
    end_seconds: float
    """When its last frame is over."""
    video_seconds: float
    """Length of the video."""


def read_clips(
    path: str | Path,
    clips: ClipConfig,
    transform: TransformConfig,
    numbers: Sequence[int] | None = None,
    *,
    most_seconds: float = float("inf"),
) -> Iterator[ClipPictures]:
    """All clips of a file that `clips` names, in time order, or those with these numbers.

    Raises:
        DecodeError: the file cannot be read as video, or its video lasts longer than `most_seconds`.
    """
    with VideoReader(path) as video:
        info = video.info
        if info.seconds > most_seconds:
            raise DecodeError(
                f"{printable(path)}: lasts {info.seconds:.1f} seconds; at most {most_seconds:g} are taken"
            )
        starts = clip_starts(info.num_frames, clips.num_clips, clips.span)
        of_clips = [clip_frames(start, clips.frames_per_clip, clips.frame_stride, info.num_frames) for start in starts]
        chosen = range(len(of_clips)) if numbers is None else numbers
        view = test_view(info.height, info.width, transform)
        for number, frames in zip(chosen, video.clips([of_clips[number] for number in chosen], view), strict=True):
            yield ClipPictures(
                number=number,
                pictures=frames.pictures,
                start_seconds=float(frames.seconds[0]),
                end_seconds=end_seconds(frames, info),
                video_seconds=info.seconds,
            )


@dataclass(frozen=True, slots=True)
class ClipDecoder:
    """Reads the clips that a bundle sees of a video (docs/protocol.md "Testing")."""

    clips: ClipConfig
    transform: TransformConfig
    device: torch.device
    spare: deque[Tensor] = field(default_factory=lambda: deque(maxlen=MOST_SPARE))
    """Clips [C, T, S, S] that were given back, to be written over."""

    def decode(self, paths: Iterable[Path | Failure]) -> Iterator[DecodedClip | Failure]:
        """All clips of every file in order; one that cannot be read ends in a `Failure`, perhaps after some clips."""
        for path in paths:
            if isinstance(path, Failure):
                yield path
                continue
            wanted = Wanted()
            try:
                yield from self.read(path, wanted=wanted)
            except DecodeError as error:
                yield Failure(path, str(error).removeprefix(f"{printable(path)}: "), wanted)

    def read(
        self, path: Path, numbers: Sequence[int] | None = None, *, wanted: Wanted | None = None
    ) -> Iterator[DecodedClip]:
        """All clips of one file, or those with these numbers, while more are wanted. Raises `DecodeError`."""
        began = perf_counter()
        more = Wanted() if wanted is None else wanted
        for clip in read_clips(path, self.clips, self.transform, numbers):
            yield self.decoded(path, clip, began, more)
            if not more.more:
                return
            began = perf_counter()

    def decoded(self, path: Path, clip: ClipPictures, began: float, wanted: Wanted) -> DecodedClip:
        """The clip ready for the networks; reading it began then, by `time.perf_counter`."""
        pixels = self.prepared(clip.pictures)
        return DecodedClip(
            path=path,
            number=clip.number,
            pixels=pixels,
            start_seconds=clip.start_seconds,
            end_seconds=clip.end_seconds,
            video_seconds=clip.video_seconds,
            seconds_decoding=perf_counter() - began,
            wanted=wanted,
        )

    def give_back(self, clip: DecodedClip) -> None:
        """Let the memory of a clip's pixels be used for another; they are not to be looked at any more."""
        if self.device.type == "cpu":
            self.spare.append(clip.pixels[0])

    def _taken(self) -> Tensor | None:
        """Memory to write a clip into, if there is some; another thread may want it too."""
        try:
            return self.spare.pop()
        except IndexError:
            return None

    def on_device(self, pixels: Tensor) -> Tensor:
        """A decoded clip's pixels as the networks want them: float32 [B, C, T, S, S], normalised, on the device."""
        return pixels if self.device.type == "cpu" else normalize(pixels.to(self.device), self.transform)

    def prepared(self, pictures: list[Pixels]) -> Tensor:
        """T pictures [S, S, 3] as `DecodedClip.pixels`."""
        if self.device.type == "cpu":
            return normalized_clip(pictures, self.transform, self._taken())[None]
        pixels = as_clip(np.stack(pictures))[None]  # a quarter of the bytes to send
        return pixels.pin_memory() if self.device.type == "cuda" else pixels
