"""The engine of processors: clip networks through the kernels in C, 1.8 to 3.6 times as quick as PyTorch's own modules.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

import torch
from torch import Tensor, nn

from faster_video.backbones import ClipResNet
from faster_video.engine.layers import Recent
from faster_video.engine.library import load_library
from faster_video.engine.plain import CPU, require_plain
from faster_video.engine.plan import Network, Plan
from faster_video.engine.weights import Triple

CACHED_BYTES = 8 << 20
"""Of the largest map of clips that go through a network together: more falls out of the processor's cache."""


class NativeNetwork(nn.Module):
    """A clip network with the weights that `network` has now; its maps differ by about 1e-6 of the largest value.

    Raises:
        EngineError: the kernels cannot be compiled or loaded here, or do not know such a network.
    """

    def __init__(self, network: ClipResNet) -> None:
        super().__init__()
        self._library = load_library()
        lanes = self._library.lanes()
        self._network = Network.of(network, lanes)
        self._plans = Recent[tuple[Triple, int], Plan](
            lambda clip: Plan(self._network, *clip, lanes)  # size and colours
        )
        self.channels = network.channels
        self.classifier = network.classifier
        self.feature_size = network.feature_size
        self.require_clip = network.require_clip

    def forward(self, clips: Tensor) -> Tensor:
        """Feature maps of clips float32 [B, C, T, H, W] on the CPU: [B, D, t, h, w], channels last in memory.

        Raises:
            ConfigError: the clips are of another shape, type or device, or ask for a gradient.
        """
        self.require_clip(clips.shape)
        require_plain("native", clips, CPU)
        # Not in inference mode, whatever the caller's is: the memory of a plan outlives it.
        with torch.inference_mode(False), torch.no_grad():
            frames = clips.movedim(1, -1)  # [B, T, H, W, C]
            if not self._network.frames_are_apart:
                return torch.stack([self._maps(clip) for clip in frames]).movedim(-1, 1)
            res2_bytes = frames[0, ..., 0].numel() // 8 // 16 * self.channels // 8 * 4  # [T/8, H/4, W/4, D/8]
            at_once = max(1, CACHED_BYTES // max(1, res2_bytes))
            maps = torch.cat(
                [self._maps(some.flatten(0, 1)) for some in torch.split(frames, at_once)]
            )  # [B*t, h, w, D]
            return maps.view(len(frames), -1, *maps.shape[1:]).movedim(-1, 1)

    def _maps(self, frames: Tensor) -> Tensor:
        """Frames [T, H, W, C] to a map [t, h, w, D]."""
        count, height, width, colours = frames.shape
        plan = self._plans[(count, height, width), colours]
        return plan.run(self._library, torch.get_num_threads(), frames.contiguous()).clone()
