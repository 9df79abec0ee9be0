"""What a step makes small: softmax cross-entropy, with label smoothing and mixup where a stage asks for them.

Shapes: B videos of a batch, N clips per video, K classes.
"""

from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from faster_video.config import StageConfig
from faster_video.training.samples import Inputs, Maps


class Objective:
    """The loss of one piece of a batch, and what is done to its inputs beforehand.

    Mixup (Zhang et al. 2018) blends every video with the one at its place in the reversed piece: λ of its own inputs
    and loss, 1 − λ of the other's, λ drawn from a beta distribution by the seed and `place`.
    """

    def __init__(self, config: StageConfig, *, seed: int, place: str) -> None:
        self.label_smoothing = config.label_smoothing
        self.own_share = 1.0
        """λ."""
        if config.mixup:
            self.own_share = Random(f"{seed}/mixup/{place}").betavariate(config.mixup, config.mixup)

    def blend(self, inputs: Inputs) -> Inputs:
        """The inputs that are learned from; untouched without mixup."""
        if self.own_share == 1.0:
            return inputs
        if isinstance(inputs, Tensor):
            return self._blend(inputs)
        if isinstance(inputs, Maps):
            return Maps(tuple(map(self._blend, inputs.clips)), inputs.flags)
        return tuple(map(self._blend, inputs))

    def _blend(self, inputs: Tensor) -> Tensor:
        return inputs.lerp(inputs.flip(0), 1 - self.own_share)

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of scores [B, K] against label numbers [B], summed over B; of [B, N, K] the mean over N."""
        if scores.ndim == 3:
            return torch.stack([self.loss(after_clip, labels) for after_clip in scores.unbind(dim=1)]).mean()
        own = self._cross_entropy(scores, labels)
        if self.own_share == 1.0:
            return own
        return self.own_share * own + (1 - self.own_share) * self._cross_entropy(scores, labels.flip(0))

    def _cross_entropy(self, scores: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(scores, labels, label_smoothing=self.label_smoothing, reduction="sum")
