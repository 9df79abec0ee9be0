"""What learns in each stage: a module from a batch to its loss (docs/protocol.md "Training").

Shapes: B videos of a batch, N clips per video, C colours, T H W frames of a clip, D channels, t h w feature map,
K classes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from faster_video.backbones import ClipResNet
from faster_video.clips import normalize
from faster_video.config import TransformConfig
from faster_video.model import Faster, State


class BackboneLearner(nn.Module):
    """Stage 1: one backbone with its own classifier, on single clips."""

    def __init__(self, backbone: ClipResNet, transform: TransformConfig) -> None:
        super().__init__()
        self.backbone = backbone
        self.transform = transform

    def forward(self, clips: Tensor, labels: Tensor) -> Tensor:
        """Softmax cross-entropy of uint8 clips [B, 1, C, T, H, W] and label numbers [B]."""
        inputs = normalize(clips[:, 0], self.transform)  # [B, C, T, H, W]
        inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
        return functional.cross_entropy(self.backbone.classifier(self.backbone(inputs)), labels)


class AggregatorLearner(nn.Module):
    """Stage 2: aggregator, projection and classifier, on what frozen backbones make of a video's clips."""

    def __init__(self, model: Faster) -> None:
        super().__init__()
        self.aggregator = model.aggregator
        self.projection = model.projection
        self.classifier = model.classifier
        # In a tuple, so that neither train() nor an optimiser nor a checkpoint reaches the frozen backbones.
        self._frozen = (model,)

    def forward(self, features: tuple[Tensor, ...], labels: Tensor) -> Tensor:
        """Softmax cross-entropy of the last prediction, from N feature maps (`Faster.features`) and labels [B]."""
        (model,) = self._frozen
        state: State | None = None
        for feature_map in features:
            answer, state = model.fold(feature_map, state)
        return functional.nll_loss(answer, labels)
