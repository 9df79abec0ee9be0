"""Concat: past and clip stacked, then one projection; no gates (paper section 3.3, equation 5).

Shapes: B videos, N clips per video, D channels, t h w feature map.
"""

import torch
from torch import Tensor, nn

from faster_video.aggregators.fold import fold, fold_on
from faster_video.aggregators.pointwise import Pointwise
from faster_video.backbones.blocks import BN_EPS


class Concat(nn.Module):
    """o_t = ReLU(BN(W ∗ o_{t-1} + U ∗ x_t)): a 1×1×1 convolution of the two concatenated, written as two."""

    averages_scores: bool = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        # No biases: the normalisation that follows has its own.
        self.hidden_to_output = Pointwise(channels, channels, bias=False)
        self.clip_to_output = Pointwise(channels, channels, bias=False)
        self.normalise = nn.BatchNorm3d(channels, eps=BN_EPS)

    def start(self, clip: Tensor) -> Tensor:
        """o_0 = x_0, [B, D, t, h, w]."""
        return clip

    def step(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """Fold one clip's features into the hidden state; all [B, D, t, h, w]."""
        return torch.relu(self.normalise(self.hidden_to_output(hidden) + self.clip_to_output(clip)))

    def output(self, hidden: Tensor) -> Tensor:
        """The hidden state is the output, [B, D, t, h, w]."""
        return hidden

    def go_on(self, clips: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """`output` after each of the next N clips, [B, N, D, t, h, w], and the hidden state then."""
        return fold_on(self, clips, hidden)

    def forward(self, clips: Tensor) -> Tensor:
        """o_0 … o_{N-1}: [B, N, D, t, h, w] to [B, N, D, t, h, w]."""
        return fold(self, clips)
