"""A gate that decides, clip by clip, which network sees a clip: by what is known already, and by the cheap map.

Ours: the paper's patterns are fixed. The cheap network sees every clip but the first; where the gate opens, the
expensive one sees it too, and its map takes the place of the cheap one.

Shapes: B videos, D channels, D_cheap of the cheap network, t h w feature map, K classes.
"""

import torch
from torch import Tensor, nn

WIDTH = 32
"""Of its only hidden layer."""


class Gate(nn.Module):
    """Two linear layers on what the past and the clip are on average over their places, and on how sure the answer is.

    With D = D_cheap = 2048 it costs 0.13 million multiply-adds a clip.
    """

    def __init__(self, channels: int, cheap_channels: int) -> None:
        super().__init__()
        self.past = nn.Linear(channels, WIDTH)
        self.clip = nn.Linear(cheap_channels, WIDTH)
        self.sure = nn.Linear(1, WIDTH)
        self.decide = nn.Linear(WIDTH, 1)

    def forward(self, past: Tensor, cheap: Tensor, log_probabilities: Tensor) -> Tensor:
        """Log-odds [B] that the clip is worth the expensive network.

        `past` [B, D, t, h, w] is the aggregator's output so far, `cheap` [B, D_cheap, t, h, w] the clip's cheap map and
        `log_probabilities` [B, K] the answer so far.
        """
        surest = log_probabilities.exp().amax(dim=-1, keepdim=True)  # [B, 1]
        hidden = self.past(past.mean(dim=(2, 3, 4))) + self.clip(cheap.mean(dim=(2, 3, 4))) + self.sure(surest)
        decision: Tensor = self.decide(torch.relu(hidden))  # [B, 1]
        return decision[:, 0]
