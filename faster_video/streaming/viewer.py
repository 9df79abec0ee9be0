"""What the networks see of the frames of a stream, whose size may change.

Shapes: H W height and width of a frame, S side of the crop.
"""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame

from faster_video.clips import test_view
from faster_video.config import TransformConfig
from faster_video.errors import ConfigError
from faster_video.video.pixels import Orientation, PictureKind, RgbConverter
from faster_video.video.view import Pixels, View


@dataclass(frozen=True, slots=True)
class ViewedFrame:
    """A frame that a `FrameViewer` elsewhere has seen."""

    pixels: Pixels
    """RGB uint8 [S, S, 3]."""


class FrameViewer:
    """Resizes and crops frames one by one, PyAV's as the first of them is made."""

    def __init__(self, transform: TransformConfig) -> None:
        self.transform = transform
        self.first: tuple[PictureKind, Orientation] | None = None
        """What is known of the first of PyAV's frames."""
        self._converter: RgbConverter | None = None
        self._view: View | None = None

    def __call__(self, frame: Pixels | VideoFrame | ViewedFrame) -> Pixels:
        """RGB uint8 [S, S, 3] of a frame: RGB uint8 [H, W, 3], PyAV's, or one that was viewed elsewhere.

        Raises:
            ConfigError: an array of another kind, or viewed for another crop.
        """
        if isinstance(frame, VideoFrame):
            if self._converter is None or self._view is None:
                self.first = kind, orientation = self.first or (PictureKind.of(frame), Orientation.of(frame))
                self._converter = RgbConverter(kind, orientation)
                self._view = test_view(*orientation.shown_size(kind.height, kind.width), self.transform)
            return self._converter(frame, self._view)
        if isinstance(frame, ViewedFrame):
            side = self.transform.crop_size
            if frame.pixels.dtype != np.uint8 or frame.pixels.shape != (side, side, 3):
                raise ConfigError(
                    f"frame is {frame.pixels.dtype} {list(frame.pixels.shape)}; once viewed it must be uint8 "
                    f"[{side}, {side}, 3]"
                )
            return frame.pixels
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise ConfigError(f"frame is {frame.dtype} {list(frame.shape)}; it must be uint8 [height, width, 3]")
        height, width, _ = frame.shape
        # A copy: cameras write the next picture where this one is.
        picture: Pixels = test_view(height, width, self.transform).of(frame[None])[0].copy()
        return picture
