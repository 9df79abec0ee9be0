"""The engine that runs everywhere: PyTorch's own modules, batch norms folded in, in the memory format that is quickest.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from faster_video.backbones import ClipResNet


class EagerNetwork(nn.Module):
    """A clip network with the weights that `network` has now, on its device; its maps differ by about 1e-6."""

    def __init__(self, network: ClipResNet) -> None:
        super().__init__()
        self._network = _folded(deepcopy(network).eval())
        self._network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.channels = network.channels
        self.classifier = network.classifier
        self.feature_size = network.feature_size
        self.require_clip = network.require_clip

    def forward(self, clips: Tensor) -> Tensor:
        """Feature maps of clips [B, C, T, H, W]: [B, D, t, h, w]."""
        return self._network(clips.contiguous(memory_format=torch.channels_last_3d))  # type: ignore[no-any-return]


def _folded(part: nn.Module) -> nn.Module:
    """The same part of a network, every batch norm folded into the convolution before it."""
    before = ""
    for name, child in list(part.named_children()):
        convolution = getattr(part, before, None)
        if isinstance(child, nn.BatchNorm3d) and isinstance(convolution, nn.Conv3d):
            setattr(part, before, fuse_conv_bn_eval(convolution, child))
            setattr(part, name, nn.Identity())
        else:
            _folded(child)
        before = name
    return part
