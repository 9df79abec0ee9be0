"""The engine that runs everywhere: PyTorch's own modules, batch norms folded in, in the memory format that is quickest.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from faster_video.backbones import ClipResNet
from faster_video.engine.precision import FLOAT32, TYPES


class EagerNetwork(nn.Module):
    """A clip network with the weights that `network` has now, on its device; its maps differ by about 1e-6.

    In bf16 (weights and maps between the layers; the last map is float32 again) by about a hundredth.
    """

    def __init__(self, network: ClipResNet, precision: str = FLOAT32) -> None:
        super().__init__()
        self._type = TYPES[precision]
        self._network = folded(network).to(self._type)
        self._network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.channels = network.channels
        self.classifier = network.classifier
        self.feature_size = network.feature_size
        self.require_clip = network.require_clip

    def forward(self, clips: Tensor) -> Tensor:
        """Feature maps of clips [B, C, T, H, W]: [B, D, t, h, w]."""
        if self._type == torch.float32:  # or what autocast makes of it
            return self._network(clips.contiguous(memory_format=torch.channels_last_3d))  # type: ignore[no-any-return]
        clips = clips.to(self._type, memory_format=torch.channels_last_3d)
        return self._network(clips).float()  # type: ignore[no-any-return]


def folded(network: ClipResNet) -> nn.Module:
    """A copy that does not learn, every batch norm folded into the convolution before it."""
    with torch.inference_mode(False), torch.no_grad():  # whatever the caller's mode, it can be exported
        return _folded(deepcopy(network).eval())


def _folded(part: nn.Module) -> nn.Module:
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
