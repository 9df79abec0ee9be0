"""FAST-GRU: a GRU that keeps the feature map's resolution and has bottleneck gates (paper section 3.2).

Shapes: B videos, N clips per video, D channels, R = D/4 compressed channels, t h w feature map.
"""

import torch
from torch import Tensor, nn

from faster_video.aggregators.fold import fold

REDUCTION = 4
"""r of the paper: how many times fewer channels the gates work in; at least one channel is left."""


class BottleneckGate(nn.Module):
    """σ(W ∗ ReLU(U_x ∗ x_t + U_o ∗ o_{t-1})): clip and past are compressed together (equation 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        compressed = max(1, channels // REDUCTION)
        self.compress_clip = nn.Conv3d(channels, compressed, 1)
        self.compress_hidden = nn.Conv3d(channels, compressed, 1)
        self.restore = nn.Conv3d(compressed, channels, 1)

    def forward(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """How far the gate is open, 0 … 1; all [B, D, t, h, w]."""
        compressed = torch.relu(self.compress_clip(clip) + self.compress_hidden(hidden))  # [B, R, t, h, w]
        return torch.sigmoid(self.restore(compressed))


class FastGru(nn.Module):
    """0.719 GMACs per step at D = 2048, 1×7×7 and 3.5 D² weights; no normalisation, biases (our choice)."""

    averages_scores: bool = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.read_gate = BottleneckGate(channels)
        self.update_gate = BottleneckGate(channels)
        # The paper prints one V for both; its GFLOPs count two.
        self.clip_to_candidate = nn.Conv3d(channels, channels, 1)
        self.hidden_to_candidate = nn.Conv3d(channels, channels, 1)

    def start(self, clip: Tensor) -> Tensor:
        """o_0 = x_0, [B, D, t, h, w]."""
        return clip

    def step(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """Fold one clip's features into the hidden state (equation 3); all [B, D, t, h, w]."""
        read: Tensor = self.read_gate(clip, hidden)  # 0 forgets the past
        update: Tensor = self.update_gate(clip, hidden)  # 1 takes the new clip
        candidate = torch.tanh(self.clip_to_candidate(clip) + self.hidden_to_candidate(read * hidden))
        return (1 - update) * hidden + update * candidate

    def output(self, hidden: Tensor) -> Tensor:
        """The hidden state is the output, [B, D, t, h, w]."""
        return hidden

    def forward(self, clips: Tensor) -> Tensor:
        """o_0 … o_{N-1}: [B, N, D, t, h, w] to [B, N, D, t, h, w]."""
        return fold(self, clips)
