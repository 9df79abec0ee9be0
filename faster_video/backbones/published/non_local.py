"""The non-local block: every place of a map looks at all others (arXiv 1711.07971).

Shapes: B clips, D channels, E half of them, t h w feature map, P places of it, Q places of the pooled map.
"""

from torch import Tensor, nn


class NonLocal(nn.Module):
    """Attention over the places of a map, added to it: the paper's embedded Gaussian form, scaled.

    Named as `pytorchvideo.layers.nonlocal_net` names it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.conv_theta = nn.Conv3d(channels, inner, 1)
        self.conv_phi = nn.Conv3d(channels, inner, 1)
        self.conv_g = nn.Conv3d(channels, inner, 1)
        self.conv_out = nn.Conv3d(inner, channels, 1)
        self.pool = nn.MaxPool3d((1, 2, 2))
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, D, t, h, w] to the same; h and w at least 2."""
        pooled = self.pool(x)  # [B, D, t, h/2, w/2]
        query = self.conv_theta(x).flatten(2)  # [B, E, P]
        key = self.conv_phi(pooled).flatten(2)  # [B, E, Q]
        value = self.conv_g(pooled).flatten(2)  # [B, E, Q]
        scale = query.shape[1] ** -0.5
        attention = (query.transpose(1, 2) @ key * scale).softmax(dim=2)  # [B, P, Q]
        seen = (value @ attention.transpose(1, 2)).unflatten(2, x.shape[2:])  # [B, E, t, h, w]
        return x + self.norm(self.conv_out(seen))  # type: ignore[no-any-return]
