"""A clip network's own forward pass in training on a processor, piece by piece through `fast_maps`.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

import warnings

import torch
from torch import Tensor, nn

from faster_video.backbones import ClipResNet
from faster_video.backbones.blocks import Bottleneck
from faster_video.errors import EngineError, FasterVideoWarning
from faster_video.inference.engine.library import load_library
from faster_video.training.fast_maps import convolve, normalized


def trains_fast(network: ClipResNet) -> bool:
    """Whether the kernels can be had for this network: on a processor, with a C compiler. Says so where there is none."""
    if any(parameter.device.type != "cpu" for parameter in network.parameters()):
        return False
    try:
        return hasattr(load_library(), "norm_gradient")  # not where the compiler knows no OpenMP
    except EngineError as error:
        warnings.warn(f"training goes through PyTorch's own modules: {error}", FasterVideoWarning, stacklevel=2)
        return False


def fast_features(network: ClipResNet, clips: Tensor) -> Tensor:
    """What `network(clips)` is: [B, C, T, H, W] to [B, D, t, h, w], with its gradients, up to rounding.

    Its own pass where it is not training, or in another precision than float32.
    """
    if not network.training or clips.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return network(clips)  # type: ignore[no-any-return]
    maps = network.pool(_sequence(network.stem, clips))
    for stage in network.stages:
        for block in stage:  # type: ignore[attr-defined]
            maps = _block(block, maps)
    return maps  # type: ignore[no-any-return]


def _block(block: Bottleneck, maps: Tensor) -> Tensor:
    inside = _sequence(block.middle, _sequence(block.reduce, maps))
    shortcut = _sequence(block.shortcut, maps) if isinstance(block.shortcut, nn.Sequential) else maps
    return normalized(block.restore[1], convolve(block.restore[0], inside), relu=True, added=shortcut)  # type: ignore[arg-type]


def _sequence(part: nn.Sequential, maps: Tensor) -> Tensor:
    """Convolution, batch norm and, if it has one, ReLU; or several such one after the other."""
    first, *rest = part
    if not isinstance(first, nn.Conv3d):
        for each in part:
            maps = _sequence(each, maps)  # type: ignore[arg-type]
        return maps
    norm, *relu = rest
    return normalized(norm, convolve(first, maps), relu=bool(relu))  # type: ignore[arg-type]
