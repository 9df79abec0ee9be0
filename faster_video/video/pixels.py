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
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray


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
        matrix = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
        if matrix is None:
            return cls()
        a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).tolist()
        rotation = round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360
        if abs(b) > abs(a):
            return cls(transposed=True, upside_down=b < 0, mirrored=c < 0, rotation=rotation)
        return cls(upside_down=d < 0, mirrored=a < 0, rotation=rotation)

    def shown_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width as shown of a stored picture of this height and width."""
        return (width, height) if self.transposed else (height, width)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A view of a stored picture [h, w, 3] as it is shown [H, W, 3]."""
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        return picture[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]


class RgbConverter:
    """Turns decoded frames into upright RGB of one size, that of the video's first frame."""

    def __init__(self, height: int, width: int, orientation: Orientation) -> None:
        self._height, self._width = height, width
        self._orientation = orientation
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """The picture as uint8 [H, W, 3], not contiguous; scaled where its size changed in the middle of the video."""
        rgb = self._reformatter.reformat(frame, width=self._width, height=self._height, format="rgb24", threads=1)
        return self._orientation.apply(np.asarray(rgb.to_ndarray(), np.uint8))
