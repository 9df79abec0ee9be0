"""What is shown of a video's frames, and how large: a part cut out, resized, and cropped again."""

# Shapes: T frames, H W their height and width, h w those of the view, 3 colours: red, green, blue.

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, pixels: Pixels) -> Pixels:
        """This part of [..., H, W, 3], not copied."""
        return pixels[..., self.top : self.top + self.height, self.left : self.left + self.width, :]


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A part of a frame, resized with a filter that averages what it shrinks, and of that a window."""

    cut: Window
    """Of the frame as shown."""
    size: tuple[int, int]
    """Height and width to which `cut` is resized."""
    crop: Window
    """Of the resized picture."""
    mirrored: bool = False
    """Left and right exchanged, last of all."""

    @property
    def resizes(self) -> bool:
        """Whether any pixel changes."""
        return self.size != (self.cut.height, self.cut.width)

    def of(self, frames: Pixels) -> Pixels:
        """The view [T, h, w, 3] of frames [T, H, W, 3]; it may share their memory."""
        cut = self.cut.of(frames)
        return self.of_resized(_resize(cut, self.size) if self.resizes else cut)

    def of_resized(self, pictures: Pixels) -> Pixels:
        """The view of pictures [..., *size, 3] that are resized already, not copied."""
        shown = self.crop.of(pictures)
        return shown[..., ::-1, :] if self.mirrored else shown


def _resize(frames: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale [T, H, W, 3] to this height and width."""
    import torch  # takes a second or two, which processes that only look at files do without
    from torch.nn.functional import interpolate

    clip = torch.from_numpy(np.require(frames, requirements=["C", "W"])).permute(0, 3, 1, 2)  # [T, 3, H, W]
    # uint8 with the colours last is FFmpeg's own layout and, in torch, ten times as fast as float32.
    resized = interpolate(clip, size=list(size), mode="bilinear", align_corners=False, antialias=True)
    return resized.permute(0, 2, 3, 1).numpy()
