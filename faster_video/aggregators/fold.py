"""What every aggregator can do, and the one loop that all of them share (paper section 3.1, equation 1).

Shapes: B videos, N clips per video, D channels, t h w feature map, K classes.
"""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn


class Aggregator(Protocol):
    """An `nn.Module` that folds clips, in time order, into one tensor: the hidden state."""

    averages_scores: bool
    """True: a clip is its class probabilities [B, K]. False: a clip is its feature map [B, D, t, h, w]."""

    def start(self, clip: Tensor) -> Tensor:
        """The hidden state after the first clip: o_0 = x_0."""
        ...

    def step(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """The hidden state after one more clip, o_t = f(o_{t-1}, x_t): clip [B, D, t, h, w] or [B, K]."""
        ...

    def output(self, hidden: Tensor) -> Tensor:
        """o_t from the hidden state: [B, D, t, h, w], or [B, D, 1, 1, 1], or mean probabilities [B, K]."""
        ...

    def go_on(self, clips: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """`output` after each of the next N clips [B, N, …], and the hidden state then; None begins a video."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """The learned weights, as in `nn.Module`."""
        ...

    def __call__(self, clips: Tensor) -> Tensor:
        """`output` after each of the N clips: [B, N, …] to [B, N, …]."""
        ...


def fold(aggregator: Aggregator, clips: Tensor) -> Tensor:
    """o_0 … o_{N-1} (equation 1): clips [B, N, D, t, h, w] or [B, N, K] to `output` after each, [B, N, …]."""
    return fold_on(aggregator, clips, None)[0]


def fold_on(aggregator: Aggregator, clips: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
    """`Aggregator.go_on`, step by step."""
    outputs = []
    for clip in clips.unbind(dim=1):
        hidden = aggregator.start(clip) if hidden is None else aggregator.step(clip, hidden)
        outputs.append(aggregator.output(hidden))
    assert hidden is not None  # there is a clip
    return torch.stack(outputs, dim=1), hidden
