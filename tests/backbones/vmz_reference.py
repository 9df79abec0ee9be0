"""VMZ's networks as their published code makes them of torchvision's parts; torchvision must be installed.

R(2+1)D-34 as in moabitcoin/ig65m-pytorch (ig65m/models.py): torchvision's network, with other channels between in three
places. The bottleneck forms as in facebookresearch/VMZ (utilities/model_conversion/conversion_models.py): every split
convolution has its own channels between. That file has 152 layers; the blocks of 50 are in c2/lib/models/r3d_model.py.
"""

from importlib import import_module
from typing import Any

from torch import nn


def vmz_reference(name: str, num_classes: int = 400) -> Any:
    """`r2plus1d_34`, `r2plus1d_50`, `r2plus1d_152` or `r3d_50`."""
    parts: Any = import_module("torchvision.models.video.resnet")
    network = _r2plus1d_34(parts) if name == "r2plus1d_34" else _bottlenecks(parts, name)
    network.fc = nn.Linear(network.fc.in_features, num_classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eps = 1e-3
    return network


def _r2plus1d_34(parts: Any) -> Any:
    network = parts.VideoResNet(parts.BasicBlock, [parts.Conv2Plus1D] * 4, [3, 4, 6, 3], parts.R2Plus1dStem)
    for layer, channels, between in ((2, 128, 288), (3, 256, 576), (4, 512, 1152)):
        getattr(network, f"layer{layer}")[0].conv2[0] = parts.Conv2Plus1D(channels, channels, between)
    return network


def _bottlenecks(parts: Any, name: str) -> Any:
    kind, _, depth = name.partition("_")
    blocks = {"50": [3, 4, 6, 3], "152": [3, 8, 36, 3]}[depth]

    class OwnBetween(parts.Conv2Plus1D):  # type: ignore[misc]
        def __init__(self, channels_in: int, channels_out: int, between: int, stride: int = 1) -> None:
            # What torchvision hands over as `between` comes from the block's channels, and is not used.
            own = channels_in * channels_out * 27 // (channels_in * 9 + 3 * channels_out)
            super().__init__(channels_in, channels_out, own, stride)

    maker, stem = (OwnBetween, parts.R2Plus1dStem) if kind == "r2plus1d" else (parts.Conv3DSimple, parts.BasicStem)
    return parts.VideoResNet(parts.Bottleneck, [maker] * 4, blocks, stem)
