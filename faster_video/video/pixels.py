"""Decoded pictures become upright RGB.

Ten-bit, grey and palette pixels are converted by FFmpeg with the colour matrix and range the file names
(BT.601, limited range where it names none). Alpha is dropped: a see-through pixel shows its stored colour.
High dynamic range is not tone-mapped, and the pixel aspect ratio is not applied.
"""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

from faster_video.video.view import Pixels, View

PLANES = ("yuv420p", "yuvj420p")
"""FFmpeg's names of the pixels of nearly all videos: a plane of brightness, two of colour at half the size."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the stored picture is laid out to be shown: rows and columns exchanged first, then mirrored."""

    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False
    rotation: int = 0
    """Degrees clockwise from stored to shown: 0, 90, 180 or 270. A mirror image counts by its top edge."""

    @classmethod
    def of(cls, frame: VideoFrame) -> "Orientation":
        """Read the display matrix that comes with a frame; angles are rounded to right ones.

        A matrix (a b u; c d v; x y w) sends the stored pixel at column x, row y to column a x + c y,
        row b x + d y, rows counted downwards.
        """
        try:
            matrix = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
        except ValueError:  # beside it is something that PyAV has no name for, such as a camera's EXIF
            return cls.turned(-frame.rotation)
        if matrix is None:
            return cls()
        a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).tolist()
        rotation = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
        if abs(b) > abs(a):
            return cls(transposed=True, upside_down=b < 0, mirrored=c < 0, rotation=rotation)
        return cls(upside_down=d < 0, mirrored=a < 0, rotation=rotation)

    @classmethod
    def turned(cls, degrees: int) -> "Orientation":
        """Turned clockwise by an angle, which is rounded to a right one, and not mirrored."""
        turns = round(degrees / 90) % 4
        return cls(
            transposed=turns % 2 == 1, upside_down=turns in (2, 3), mirrored=turns in (1, 2), rotation=90 * turns
        )

    def shown_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width as shown of a stored picture of this height and width."""
        return (width, height) if self.transposed else (height, width)

    def apply(self, picture: Pixels) -> Pixels:
        """A view of a stored picture [h, w, 3] as it is shown [H, W, 3]."""
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        return picture[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]


@dataclass(frozen=True, slots=True)
class PictureKind:
    """What all decoded frames of a video have in common."""

    height: int
    """As stored, before rotation."""
    width: int
    """As stored, before rotation."""
    pixels: str
    """FFmpeg's name of the pixel format."""
    colorspace: int
    color_range: int

    @classmethod
    def of(cls, frame: VideoFrame) -> "PictureKind":
        """The kind of a decoded frame."""
        return cls(frame.height, frame.width, frame.format.name, int(frame.colorspace), int(frame.color_range))

    @property
    def has_planes(self) -> bool:
        """Whether brightness and colours are resized as they are stored, before they become RGB."""
        return self.pixels in PLANES and self.height % 2 == 0 and self.width % 2 == 0


class RgbConverter:
    """Turns decoded frames into upright RGB of one size, that of the video's first frame, or into a view of it."""

    def __init__(self, first: PictureKind, orientation: Orientation) -> None:
        self._first = first
        self._orientation = orientation
        # Each remembers what it did last, and starts afresh for anything else.
        self._to_first, self._to_view, self._to_rgb = VideoReformatter(), VideoReformatter(), VideoReformatter()

    def __call__(self, frame: VideoFrame, view: View | None = None) -> Pixels:
        """The picture as uint8 [H, W, 3], or the view of it [h, w, 3]; not contiguous.

        Scaled where its size changed in the middle of the video.
        """
        frame = self._like_first(frame)
        if view is None:
            return self._upright(frame)
        shown = self._orientation.shown_size(frame.height, frame.width)
        if self._first.has_planes and view.resizes and shown == (view.cut.height, view.cut.width):
            height, width = self._orientation.shown_size(*view.size)  # exchanged back: as stored
            # Without the place of its colour samples, which not all files name: pictures kept as arrays have lost it.
            bare = self._new_frame()
            for plane, copy in zip(_planes(frame), _planes(bare), strict=True):
                copy[:] = plane
            small = self._to_view.reformat(bare, width=width, height=height, interpolation="BILINEAR", threads=1)
            return view.of_resized(self._upright(small))
        picture: Pixels = view.of(self._upright(frame)[None])[0]
        return picture

    def stored(self, frame: VideoFrame) -> Pixels:
        """What `restored` makes the frame of again: its planes, else RGB. Raises `ValueError` where they differ."""
        if not self._first.has_planes:
            return np.asarray(self._rgb(frame).to_ndarray(), np.uint8)
        if PictureKind.of(frame) != self._first:
            raise ValueError("its pictures change their size or the meaning of their colours")
        return np.concatenate([plane.ravel() for plane in _planes(frame)])

    def restored(self, stored: Pixels) -> VideoFrame:
        """The frame again; converted, it gives the same picture."""
        if not self._first.has_planes:
            return VideoFrame.from_ndarray(stored, format="rgb24")
        frame = self._new_frame()
        start = 0
        for plane in _planes(frame):
            plane[:] = stored[start : start + plane.size].reshape(plane.shape)
            start += plane.size
        return frame

    def _new_frame(self) -> VideoFrame:
        """A frame like the first, with nothing in it."""
        frame = VideoFrame(self._first.width, self._first.height, self._first.pixels)
        frame.colorspace, frame.color_range = self._first.colorspace, self._first.color_range
        return frame

    def _like_first(self, frame: VideoFrame) -> VideoFrame:
        """The frame with planes as the first one's, where it has such."""
        height, width, pixels = self._first.height, self._first.width, self._first.pixels
        if not self._first.has_planes or (frame.height, frame.width, frame.format.name) == (height, width, pixels):
            return frame
        return self._to_first.reformat(frame, width=width, height=height, format=pixels, threads=1)

    def _rgb(self, frame: VideoFrame) -> VideoFrame:
        first = self._first
        height, width = (frame.height, frame.width) if first.has_planes else (first.height, first.width)
        return self._to_rgb.reformat(frame, width=width, height=height, format="rgb24", threads=1)

    def _upright(self, frame: VideoFrame) -> Pixels:
        return self._orientation.apply(np.asarray(self._rgb(frame).to_ndarray(), np.uint8))


def _planes(frame: VideoFrame) -> list[Pixels]:
    """The planes of a frame in its own memory: brightness, then both colours."""
    return [_rows(plane)[: plane.height, : plane.width] for plane in frame.planes]


def _rows(plane: VideoPlane) -> Pixels:
    """Every row of a plane, top first, with what is behind its end; some decoders (AMV's) store the last one first."""
    rows = np.frombuffer(cast("bytes", plane), np.uint8).reshape(-1, abs(plane.line_size))
    return rows[::-1] if plane.line_size < 0 else rows
