"""Average pooling, the usual way to judge a video: nothing learned, no order in time (paper section 3.3).

Shapes: B videos, N clips per video, K classes.
"""

from torch import Tensor, nn

from faster_video.aggregators.fold import fold, fold_on


class Average(nn.Module):
    """Mean over clips of each clip's class probabilities, each from its own backbone's classifier."""

    averages_scores: bool = True

    def start(self, clip: Tensor) -> Tensor:
        """The first clip's probabilities [B, K]."""
        return clip

    def step(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """Sum of the probabilities of all clips so far; all [B, K]."""
        return hidden + clip

    def output(self, hidden: Tensor) -> Tensor:
        """Mean probabilities [B, K] from their sum [B, K]."""
        # Each clip's probabilities sum to one, so the sum over classes is the number of clips.
        return hidden / hidden.sum(dim=-1, keepdim=True)

    def go_on(self, clips: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """`output` after each of the next N clips, [B, N, K], and the hidden state then."""
        return fold_on(self, clips, hidden)

    def forward(self, clips: Tensor) -> Tensor:
        """Mean probabilities after every clip: [B, N, K] to [B, N, K]."""
        return fold(self, clips)
