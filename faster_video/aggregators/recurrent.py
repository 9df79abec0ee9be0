"""GRU and LSTM, the usual recurrent cells, on globally average-pooled feature maps (paper section 3).

Shapes: B videos, N clips per video, D channels, t h w feature map.
"""

import torch
from torch import Tensor, nn

from faster_video.aggregators.fold import fold, fold_on


def pooled(clip: Tensor) -> Tensor:
    """Global average pool: [B, D, t, h, w] to [B, D]."""
    return clip.mean(dim=(2, 3, 4))


def unpooled(vector: Tensor) -> Tensor:
    """A vector as the feature map of one place that the classifier takes: [B, D] to [B, D, 1, 1, 1]."""
    return vector[:, :, None, None, None]


class Gate(nn.Module):
    """σ(G_x x_t + G_o o_{t-1}) (equation 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.from_clip = nn.Linear(channels, channels)
        self.from_hidden = nn.Linear(channels, channels)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """How far the gate is open, 0 … 1; all [B, D]."""
        return torch.sigmoid(self.from_clip(x) + self.from_hidden(hidden))


class Gru(nn.Module):
    """The GRU as the paper writes it (equations 2 and 3), so that its gates mean the same as FAST-GRU's.

    `nn.GRUCell` differs twice: its update gate at 1 keeps the past, and its read gate acts after V_o.
    """

    averages_scores: bool = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.read_gate = Gate(channels)
        self.update_gate = Gate(channels)
        self.clip_to_candidate = nn.Linear(channels, channels)
        self.hidden_to_candidate = nn.Linear(channels, channels)

    def start(self, clip: Tensor) -> Tensor:
        """o_0 = pooled x_0: [B, D, t, h, w] to [B, D]."""
        return pooled(clip)

    def step(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """Fold one clip [B, D, t, h, w] into the hidden state [B, D]."""
        x = pooled(clip)  # [B, D]
        read: Tensor = self.read_gate(x, hidden)  # [B, D], 0 forgets the past
        update: Tensor = self.update_gate(x, hidden)  # [B, D], 1 takes the new clip
        candidate = torch.tanh(self.clip_to_candidate(x) + self.hidden_to_candidate(read * hidden))
        return (1 - update) * hidden + update * candidate

    def output(self, hidden: Tensor) -> Tensor:
        """[B, D] to [B, D, 1, 1, 1]."""
        return unpooled(hidden)

    def go_on(self, clips: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """`output` after each of the next N clips, [B, N, D, 1, 1, 1], and the hidden state then."""
        return fold_on(self, clips, hidden)

    def forward(self, clips: Tensor) -> Tensor:
        """o_0 … o_{N-1}: [B, N, D, t, h, w] to [B, N, D, 1, 1, 1]."""
        return fold(self, clips)


class Lstm(nn.Module):
    """The standard LSTM: input, forget and output gate, and a memory cell besides the output."""

    averages_scores: bool = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(channels, channels)

    def start(self, clip: Tensor) -> Tensor:
        """o_0 = pooled x_0, and the memory starts there too (our choice): [B, D, t, h, w] to [B, 2, D]."""
        x = pooled(clip)  # [B, D]
        return torch.stack((x, x), dim=1)

    def step(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """Fold one clip [B, D, t, h, w] into the hidden state [B, 2, D], the output above the memory."""
        output, memory = hidden.unbind(dim=1)  # [B, D] each
        return torch.stack(self.cell(pooled(clip), (output, memory)), dim=1)

    def output(self, hidden: Tensor) -> Tensor:
        """The output without the memory: [B, 2, D] to [B, D, 1, 1, 1]."""
        return unpooled(hidden[:, 0])

    def go_on(self, clips: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """`output` after each of the next N clips, [B, N, D, 1, 1, 1], and the hidden state then."""
        return fold_on(self, clips, hidden)

    def forward(self, clips: Tensor) -> Tensor:
        """o_0 … o_{N-1}: [B, N, D, t, h, w] to [B, N, D, 1, 1, 1]."""
        return fold(self, clips)
