"""A model as three graphs with fixed shapes, for programs that know nothing of this package.

Shapes: B = 1 video, C colours, T frames of a clip, S side of the crop, D channels, t h w feature map, K classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from faster_video.backbones import Backbone, input_shape
from faster_video.bundle import NETWORKS, Bundle
from faster_video.errors import ExportError
from faster_video.model import Faster

STEP = "step"
GRAPHS = (*NETWORKS, STEP)


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """A module, and what goes in and comes out of it, by name and in order."""

    name: str
    """`expensive`, `cheap` or `step`."""
    module: nn.Module
    inputs: dict[str, Tensor]
    """Zeros of the right shapes."""
    outputs: dict[str, Tensor]
    """What the module makes of them."""


class ClipGraph(nn.Module):
    """One network, and all that needs no other clip: what the recurrent step sees of a clip."""

    def __init__(self, network: Backbone, size: tuple[int, int, int], head: nn.Module) -> None:
        """`size` is that (t, h, w) of the expensive network's map."""
        super().__init__()
        self.network = network
        self.size = size
        self.head = head

    def forward(self, clip: Tensor) -> tuple[Tensor]:
        """[1, C, T, S, S] to the evidence: [1, D, t, h, w], or class probabilities [1, K] if scores are averaged."""
        features = self.network(clip)
        if features.shape[2:] != self.size:
            features = functional.adaptive_avg_pool3d(features, self.size)
        return (self.head(features),)


class LogProbabilities(nn.Module):
    """As `Faster` makes them of averaged probabilities."""

    def forward(self, probabilities: Tensor) -> Tensor:
        """[1, K] to [1, K]."""
        return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


class Divided(nn.Module):
    """What an answer is divided by, so that it is as sure as it should be."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, scores: Tensor) -> Tensor:
        """[1, K] to [1, K]."""
        return scores / self.temperature


class StepGraph(nn.Module):
    """The recurrent step and the classifier: one more clip, and the answer so far, calibrated."""

    def __init__(self, model: Faster, temperature: float) -> None:
        super().__init__()
        self.aggregator = model.aggregator
        averages = model.aggregator.averages_scores
        scores = LogProbabilities() if averages else model.classifier
        self.answer: nn.Module = nn.Sequential(scores, Divided(temperature), nn.Softmax(dim=-1))
        if temperature == 1:
            self.answer = nn.Identity() if averages else nn.Sequential(scores, nn.Softmax(dim=-1))

    def forward(self, evidence: Tensor, state: Tensor, is_first: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities [1, K] once this clip is known, and the state for the next one.

        `is_first` is bool [1]; where it holds, `state` does not matter.
        """
        hidden = torch.where(is_first, self.aggregator.start(evidence), self.aggregator.step(evidence, state))
        return self.answer(self.aggregator.output(hidden)), hidden


def graphs_of(bundle: Bundle) -> list[Graph]:
    """The expensive network, the cheap one, and the step that both of them feed.

    Raises:
        ExportError: the bundle sees feature maps made elsewhere, so that it has no networks.
        ConfigError: its networks do not take its clips.
    """
    config, model = bundle.config, bundle.model.eval()
    if config.model.takes_features:
        raise ExportError(
            "this bundle was trained on features that another model made, so it has no networks to export; export one "
            "that was trained on videos"
        )
    shape = input_shape(config.model.expensive, config.clips.frames_per_clip, config.transform.crop_size)
    clip = torch.zeros(1, *shape)
    model.expensive.require_clip(clip.shape)
    size = model.expensive.feature_size(*clip.shape[2:])
    of_clips = [
        _graph(name, ClipGraph(getattr(model, name), size, _head(model, name)), {"clip": clip}, ["evidence"])
        for name in NETWORKS
    ]
    evidence = torch.zeros_like(of_clips[0].outputs["evidence"], memory_format=torch.contiguous_format)
    with torch.no_grad():
        state = torch.zeros_like(model.aggregator.start(evidence), memory_format=torch.contiguous_format)
    inputs = {"evidence": evidence, "state": state, "is_first": torch.tensor([True])}
    step = StepGraph(model, config.calibration.temperature)
    return [*of_clips, _graph(STEP, step, inputs, ["probabilities", "next_state"])]


def _head(model: Faster, name: str) -> nn.Module:
    """From a network's map to the evidence, as `Faster.fold` sees it."""
    if model.aggregator.averages_scores:
        return nn.Sequential(getattr(model, name).classifier, nn.Softmax(dim=-1))
    return nn.Identity() if name == "expensive" else model.projection


def _graph(name: str, module: nn.Module, inputs: dict[str, Tensor], outputs: list[str]) -> Graph:
    module.eval()
    with torch.no_grad():
        made = module(*inputs.values())
    return Graph(name=name, module=module, inputs=inputs, outputs=dict(zip(outputs, made, strict=True)))
