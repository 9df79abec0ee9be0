"""A clip network's own forward pass in training on a processor, piece by piece through `fast_maps`.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

import warnings

import torch
from torch import Tensor, nn

from faster_video.backbones import ClipResNet
from faster_video.backbones.blocks import Bottleneck
from faster_video.engine.library import load_library
from faster_video.errors import EngineError, FasterVideoWarning
from faster_video.training.fast_maps import convolved


def trains_fast(network: nn.Module) -> bool:
    """Whether `fast_features` can stand for this network: one of ours, on a processor, with a C compiler.

    Says so where only the compiler is missing. Batch norm that several processes share runs as it is.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm3d)]
    is_ours = isinstance(network, ClipResNet) and all(type(norm) is nn.BatchNorm3d for norm in norms)
    if not is_ours or any(parameter.device.type != "cpu" for parameter in network.parameters()):
        return False
    try:
        return hasattr(load_library(), "norm_gradient")  # not there if the compiler knows no OpenMP
    except EngineError as error:
        warnings.warn(
            f"training goes through PyTorch's own modules, which takes longer: {error}", FasterVideoWarning, 2
        )
        return False


def fast_features(network: ClipResNet, clips: Tensor) -> Tensor:
    """What `network(clips)` is, and its gradients, up to rounding: [B, C, T, H, W] to [B, D, t, h, w].

    The network itself runs where it is not training, or in another precision than float32.
    """
    if not network.training or clips.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return network(clips)  # type: ignore[no-any-return]
    maps = network.pool(_sequence(network.stem, clips))
    for block in network.stages.modules():
        if isinstance(block, Bottleneck):
            maps = _block(block, maps)
    return maps  # type: ignore[no-any-return]


def _block(block: Bottleneck, maps: Tensor) -> Tensor:
    shortcut = _sequence(block.shortcut, maps) if isinstance(block.shortcut, nn.Sequential) else maps
    inside = _sequence(block.middle, _sequence(block.reduce, maps))
    convolution, norm = block.restore
    return convolved(convolution, norm, inside, relu=True, added=shortcut)  # type: ignore[arg-type]


def _sequence(part: nn.Sequential, maps: Tensor) -> Tensor:
    """Convolution, batch norm and, if it has one, ReLU; or several such one after the other."""
    first, *rest = part
    if isinstance(first, nn.Conv3d):
        norm, *relu = rest
        return convolved(first, norm, maps, relu=bool(relu))  # type: ignore[arg-type]
    for each in part:
        maps = _sequence(each, maps)  # type: ignore[arg-type]
    return maps
