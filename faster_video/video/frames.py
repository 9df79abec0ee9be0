"""Frames of a video in memory, and what is asked of them."""

# Shapes: T frames asked for, H W the height and width of the video as shown, or of a view of it.

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faster_video.errors import DecodeError
from faster_video.files import printable
from faster_video.video.probe import VideoInfo
from faster_video.video.view import Pixels, View


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of a video beside the second at which each is shown."""

    pictures: list[Pixels]
    """T times [H, W, 3] RGB, not contiguous; the same frame twice is the same memory."""
    seconds: NDArray[np.float64]
    """[T], from the start of the video."""
    size: tuple[int, int]
    """H and W."""

    @property
    def data(self) -> Pixels:
        """All of them, [T, H, W, 3]; copied."""
        return np.stack(self.pictures) if self.pictures else np.empty((0, *self.size, 3), np.uint8)


def end_seconds(frames: Frames, info: VideoInfo) -> float:
    """When the last frame is over; the file says how long the video is, not how long each frame is."""
    return min(float(frames.seconds[-1]) + float(1 / info.fps), info.seconds)


def shown_size(info: VideoInfo, view: View | None) -> tuple[int, int]:
    """Height and width of a video's frames, or of a view of them."""
    return (info.height, info.width) if view is None else (view.crop.height, view.crop.width)


def clip_of(
    pictures: dict[int, Pixels], clip: Sequence[int], size: tuple[int, int], seconds: NDArray[np.float64]
) -> Frames:
    """The clip's frames, taken from pictures of this size by their numbers; `seconds` is that of all frames."""
    return Frames([pictures[index] for index in clip], seconds[np.asarray(clip, np.int64)], size)


def require_inside(path: str | Path, num_frames: int, clips: Sequence[Sequence[int]]) -> None:
    """Refuse clips of frames that there are not. Raises `DecodeError`."""
    asked = [index for clip in clips for index in clip]
    if asked and min(asked) < 0:
        raise DecodeError(f"{printable(path)}: asked for frame {min(asked)}; the first one is 0")
    if asked and max(asked) >= num_frames:
        raise lacking(path, max(asked), num_frames)


def lacking(path: str | Path, index: int, num_frames: int, num_promised: int = 0) -> DecodeError:
    """The error of a frame that there is not; a damaged file may have promised more frames than there are."""
    of_those = f" of the {num_promised} that its packets promise" if num_promised > num_frames else ""
    return DecodeError(f"{printable(path)}: asked for frame {index}, but only {num_frames} could be decoded{of_those}")
