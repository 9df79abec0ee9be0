"""The answer of most published networks: the mean of the last map, then one linear layer.

Shapes: B clips, D channels, t h w feature map, K classes.
"""

from torch import Tensor, nn


class PooledHead(nn.Module):
    """Global average pool, dropout, linear: made of a layer that stays the network's own, under its published name."""

    def __init__(self, linear: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = linear

    def forward(self, features: Tensor) -> Tensor:
        """Scores before the softmax: [B, D, t, h, w] to [B, K]."""
        return self.linear(self.dropout(features.mean(dim=(2, 3, 4))))  # type: ignore[no-any-return]
