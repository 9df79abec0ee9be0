"""FAST-GRU: a GRU that keeps the feature map's resolution and has bottleneck gates (paper section 3.2).

Shapes: B videos, N clips per video, D channels, R = D/4 compressed channels, t h w feature map.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from faster_video.aggregators.fold import fold_on
from faster_video.aggregators.pointwise import Pointwise

REDUCTION = 4
"""r of the paper: how many times fewer channels the gates work in; at least one channel is left."""


class BottleneckGate(nn.Module):
    """σ(W ∗ ReLU(U_x ∗ x_t + U_o ∗ o_{t-1})): clip and past are compressed together (equation 4).

    U_x ∗ x_t comes from outside: it needs no past, so that of all clips can be had at once.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        compressed = max(1, channels // REDUCTION)
        self.compress_clip = Pointwise(channels, compressed)
        self.compress_hidden = Pointwise(channels, compressed)
        self.restore = Pointwise(compressed, channels)

    def forward(self, compressed_clip: Tensor, hidden: Tensor) -> Tensor:
        """How far the gate is open, 0 … 1: U_x ∗ x_t [B, R, t, h, w] and o_{t-1} [B, D, t, h, w] to [B, D, t, h, w]."""
        compressed = torch.relu(compressed_clip + self.compress_hidden(hidden))  # [B, R, t, h, w]
        return torch.sigmoid(self.restore(compressed))


class ClipTerms(NamedTuple):
    """What the equations take of clip t: all that can be computed before the past is known."""

    read: Tensor
    """U_rx ∗ x_t, [B, R, t, h, w]."""
    update: Tensor
    """U_zx ∗ x_t, [B, R, t, h, w]."""
    candidate: Tensor
    """V_x ∗ x_t, [B, D, t, h, w]."""


class FastGru(nn.Module):
    """0.719 GMACs per step at D = 2048, 1×7×7 and 3.5 D² weights; no normalisation, biases (our choice)."""

    averages_scores: bool = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.read_gate = BottleneckGate(channels)
        self.update_gate = BottleneckGate(channels)
        # The paper prints one V for both; its GFLOPs count two.
        self.clip_to_candidate = Pointwise(channels, channels)
        self.hidden_to_candidate = Pointwise(channels, channels)

    def start(self, clip: Tensor) -> Tensor:
        """o_0 = x_0, [B, D, t, h, w]."""
        return clip

    def step(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """Fold one clip's features into the hidden state; all [B, D, t, h, w]."""
        return self.recur(self.look(clip), hidden)

    def look(self, clip: Tensor) -> ClipTerms:
        """What the equations take of a clip [B, D, t, h, w], whatever the past."""
        return ClipTerms(
            self.read_gate.compress_clip(clip), self.update_gate.compress_clip(clip), self.clip_to_candidate(clip)
        )

    def recur(self, clip: ClipTerms, hidden: Tensor) -> Tensor:
        """o_t from what is taken of the clip and o_{t-1} (equation 3); both [B, D, t, h, w]."""
        read: Tensor = self.read_gate(clip.read, hidden)  # 0 forgets the past
        update: Tensor = self.update_gate(clip.update, hidden)  # 1 takes the new clip
        candidate = torch.tanh(clip.candidate + self.hidden_to_candidate(read * hidden))
        return (1 - update) * hidden + update * candidate

    def output(self, hidden: Tensor) -> Tensor:
        """The hidden state is the output, [B, D, t, h, w]."""
        return hidden

    def go_on(self, clips: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """`output` after each of the next N clips, [B, N, D, t, h, w], and the hidden state then."""
        return fold_on(self, clips, hidden)

    def forward(self, clips: Tensor) -> Tensor:
        """o_0 … o_{N-1}: [B, N, D, t, h, w] to [B, N, D, t, h, w]; as `step` by `step`, all clips looked at at once."""
        first, later = clips[:, 0], clips[:, 1:].transpose(0, 1)  # [B, D, t, h, w], [N-1, B, D, t, h, w]
        hidden = self.start(first)
        outputs = [hidden]
        if len(later):
            terms = (term.view(*later.shape[:2], *term.shape[1:]) for term in self.look(later.flatten(0, 1)))
            for clip in map(ClipTerms._make, zip(*terms, strict=True)):
                hidden = self.recur(clip, hidden)
                outputs.append(hidden)
        # Stacked with the channels last in memory: gradients come back that way, and are twice as quick to go on with.
        return torch.stack([output.movedim(1, -1) for output in outputs], dim=1).movedim(-1, 2)
