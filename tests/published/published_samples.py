"""A small network in somebody else's style, and clips for it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from faster_video.backbones.published import InputRules

RULES = InputRules(frames=4, stride=2, crop_size=32, short_side=40, mean=(0.5, 0.4, 0.3), std=(0.25, 0.5, 0.2))
CLASSES = 7


class Small(nn.Module):
    """[B, 3, 4, 32, 32] to [B, 6, 2, 4, 4]."""

    channels = 6
    rules = RULES
    map_size = (2, 4, 4)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 6, (2, 8, 8), (2, 8, 8))
        self.norm = nn.BatchNorm3d(6)
        self.linear = nn.Linear(6, CLASSES)

    @property
    def classifier(self) -> nn.Module:
        return Head(self.linear)

    def forward(self, clip: Tensor) -> Tensor:
        maps: Tensor = self.norm(self.conv(clip)).relu()
        return maps


class Head(nn.Module):
    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, maps: Tensor) -> Tensor:
        scores: Tensor = self.linear(maps.mean(dim=(2, 3, 4)))
        return scores


def small() -> Small:
    """As `published_samples:small` makes it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Small().eval()


class Wrong(Small):
    """Does not do as its attributes say."""

    def __init__(self, give: Callable[[Tensor], object], **attributes: object) -> None:
        super().__init__()
        self.give = give
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, clip: Tensor) -> Tensor:
        return self.give(super().forward(clip))  # type: ignore[return-value]


def another_map_size() -> nn.Module:
    return Wrong(lambda maps: maps, map_size=(1, 4, 4))


def another_channels() -> nn.Module:
    return Wrong(lambda maps: maps, channels=5)


def no_channels() -> nn.Module:
    return Wrong(lambda maps: maps, channels=0)


def several_maps() -> nn.Module:
    return Wrong(lambda maps: (maps, maps))


def pooled_maps() -> nn.Module:
    return Wrong(lambda maps: maps.mean(dim=(2, 3, 4)))


def half_maps() -> nn.Module:
    return Wrong(lambda maps: maps.half())


def failing_maps() -> nn.Module:
    return Wrong(lambda maps: maps.view(5))


class Headless(Small):
    classifier = None  # type: ignore[assignment]


def headless() -> nn.Module:
    return Headless().eval()


def not_a_network() -> int:
    return 3


def without_rules() -> nn.Module:
    return nn.Linear(2, 2)


def failing() -> nn.Module:
    raise RuntimeError("no weights here")
