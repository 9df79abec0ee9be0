"""What learns in each stage: a module from a batch to the scores of its labels (docs/protocol.md "Training").

Shapes: B videos of a batch, N clips per video, C colours, T H W frames of a clip, D channels, t h w feature map,
K classes.
"""

import torch
from torch import Tensor, nn

from faster_video.backbones import ClipResNet
from faster_video.clips import normalize
from faster_video.config import TransformConfig
from faster_video.model import Faster
from faster_video.training.fast_network import fast_features, trains_fast
from faster_video.training.samples import Inputs, Maps


class BackboneLearner(nn.Module):
    """Stage 1: one backbone with its own classifier, on single clips."""

    def __init__(self, backbone: ClipResNet) -> None:
        super().__init__()
        self.backbone = backbone
        self.uses_kernels = trains_fast(backbone)
        """Whether the quicker of two ways to the same numbers is taken."""

    def forward(self, clips: Tensor) -> Tensor:
        """Scores before the softmax [B, K] of normalised clips [B, C, T, H, W]."""
        features = fast_features(self.backbone, clips) if self.uses_kernels else self.backbone(clips)
        scores: Tensor = self.backbone.classifier(features)
        return scores


def single_clips(clips: Inputs, transform: TransformConfig) -> Tensor:
    """What a backbone learns from: uint8 [B, 1, C, T, H, W] to normalised [B, C, T, H, W]."""
    assert isinstance(clips, Tensor)
    return normalize(clips[:, 0], transform).contiguous(memory_format=torch.channels_last_3d)


class AggregatorLearner(nn.Module):
    """Stage 2: aggregator, projection and classifier, on what frozen backbones make of a video's clips."""

    def __init__(self, model: Faster, *, every_clip: bool = False) -> None:
        super().__init__()
        self.every_clip = every_clip
        """Whether it answers after every clip or after the last one."""
        self.aggregator = model.aggregator
        self.projection = model.projection
        self.classifier = model.classifier
        # In a tuple, so that neither train() nor an optimiser nor a checkpoint reaches the frozen backbones.
        self._frozen = (model,)

    def forward(self, features: tuple[Tensor, ...] | Maps) -> Tensor:
        """Log-probabilities after the last of N feature maps (`Faster.features`), [B, K], or after each, [B, N, K]."""
        answers = _folded(self._frozen[0], features)  # [B, N, K]
        return answers if self.every_clip else answers[:, -1]


class HeadsLearner(nn.Module):
    """Stage 2 where scores are averaged: the classifiers of two frozen published networks, which no stage 1 has had."""

    def __init__(self, model: Faster, *, every_clip: bool = False) -> None:
        super().__init__()
        self.every_clip = every_clip
        """As in `AggregatorLearner`."""
        self.expensive = model.expensive.classifier
        self.cheap = model.cheap.classifier
        self._frozen = (model,)  # as in `AggregatorLearner`

    def forward(self, features: tuple[Tensor, ...] | Maps) -> Tensor:
        """Log-probabilities of all N clips' scores averaged, [B, K], or of those up to each clip, [B, N, K]."""
        answers = _folded(self._frozen[0], features)  # [B, N, K]
        return answers if self.every_clip else answers[:, -1]


def _folded(model: Faster, features: tuple[Tensor, ...] | Maps) -> Tensor:
    """Log-probabilities after every clip [B, N, K], of the networks that the maps say if they do."""
    if isinstance(features, Maps):
        return model.fold_all(features.clips, features.flags)
    return model.fold_all(features)
