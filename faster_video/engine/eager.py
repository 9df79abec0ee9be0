"""The engine that runs everywhere: PyTorch's own modules, batch norms folded in, in the memory format that is quickest.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from faster_video.backbones import ClipResNet, PublishedBackbone
from faster_video.backbones.published import PublishedNetwork
from faster_video.device import lay_channels_last
from faster_video.engine.gpu import GpuNetwork
from faster_video.engine.precision import FLOAT32, TYPES


class EagerNetwork(nn.Module):
    """A clip network with the weights that `network` has now, on its device; its maps differ by about 1e-6.

    In bf16 (weights and maps between the layers; the last map is float32 again) by about a hundredth.
    """

    def __init__(self, network: ClipResNet, precision: str = FLOAT32) -> None:
        super().__init__()
        self._type = TYPES[precision]
        self._network = folded(network, precision)
        self._network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self._is_on_gpu = next(network.parameters()).is_cuda
        if self._is_on_gpu:
            self._network = GpuNetwork(cast("ClipResNet", self._network))
        self.channels = network.channels
        self.classifier = network.classifier
        self.feature_size = network.feature_size
        self.require_clip = network.require_clip

    def forward(self, clips: Tensor) -> Tensor:
        """Feature maps of clips [B, C, T, H, W]: [B, D, t, h, w]."""
        if not self._is_on_gpu:
            clips = clips.to(self._type, memory_format=torch.channels_last_3d)
        maps: Tensor = self._network(clips)
        return maps if self._type == torch.float32 else maps.float()  # or what autocast makes of float32


def folded(network: nn.Module, precision: str = FLOAT32) -> nn.Module:
    """A copy that does not learn, every batch norm folded into the convolution before it."""
    with torch.inference_mode(False), torch.no_grad():  # whatever the caller's mode, it can be exported
        return _folded(deepcopy(network).eval()).to(TYPES[precision])


def folded_published(backbone: PublishedBackbone) -> PublishedBackbone:
    """A copy that does not learn, channels last in memory, batch norms folded where that changes nothing.

    In somebody else's network a batch norm need not belong to the convolution before it: two answers are compared, in
    float32 on GPUs, too, whose TF32 would make them differ.
    """
    copy = deepcopy(backbone).eval()
    with torch.inference_mode(False), torch.no_grad():
        quick = _folded(cast("nn.Module", deepcopy(copy.network)))
        some = next(copy.parameters())
        clip = torch.rand(1, 3, copy.frames, copy.side, copy.side, generator=torch.Generator().manual_seed(0))
        clip = clip.to(some.device, some.dtype)
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            wanted, got = copy.network(clip), quick(clip)
        if torch.allclose(got, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max())):
            copy.network = cast("PublishedNetwork", quick)
    lay_channels_last(copy)
    return copy


FOLDED = ((nn.Conv3d, nn.BatchNorm3d), (nn.Conv2d, nn.BatchNorm2d))


def _folded(part: nn.Module) -> nn.Module:
    before = ""
    for name, child in list(part.named_children()):
        convolution = getattr(part, before, None)
        if any(isinstance(convolution, kind) and isinstance(child, norm) for kind, norm in FOLDED):
            setattr(part, before, fuse_conv_bn_eval(convolution, child))  # type: ignore[type-var,arg-type]
            setattr(part, name, nn.Identity())
        else:
            _folded(child)
        before = name
    return part
