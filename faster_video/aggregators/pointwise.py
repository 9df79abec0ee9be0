"""The 1×1×1 convolution that the equations write as ∗.

Shapes: B videos, D channels in, E channels out, t h w feature map.
"""

from torch import Tensor, nn
from torch.nn import functional


class Pointwise(nn.Conv3d):
    """A 1×1×1 convolution, computed as the matrix product that it is: every place's channels times one matrix.

    Weights, names and results are those of `nn.Conv3d`, whose own way is half as fast on small maps.
    """

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = True) -> None:
        super().__init__(channels_in, channels_out, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, D, t, h, w] to [B, E, t, h, w], the channels last in memory."""
        return functional.linear(x.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)
