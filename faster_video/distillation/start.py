"""First weights with which a mixed run already answers about as the average of its clips' scores would.

Of an unlabelled set of some hundred videos, a thousand labels cannot be learned; what the networks know of them must
be in the weights before. Shapes: D channels of the expensive map, E of the cheap one, K classes.
"""

import math

import torch
from torch import Tensor, nn

from faster_video.aggregators import FastGru, Pointwise
from faster_video.backbones import PublishedBackbone
from faster_video.errors import ConfigError
from faster_video.model import Faster

UPDATE = 0.25
"""How far the update gate is open at first: of 8 clips the first then weighs 0.13 and the last 0.25."""


@torch.no_grad()
def start_as_average(model: Faster, seed: int = 0) -> None:
    """Give FAST-GRU, projection and classifier weights with which the state is a running mean of the scaled maps.

    The classifier is the expensive network's own head. The cheap map is projected so that this head makes of it what
    the cheap network's own head makes of the cheap map: W_e P = W_c by the pseudo-inverse, exact where K ≤ D. The
    candidate is the clip itself, as far as tanh leaves it alone, which it does with maps scaled to well below 1. What
    the average does not depend on, most of both gates, begins anew by the seed, whatever the model has learned before.

    Raises:
        ConfigError: the aggregator is not FAST-GRU, or a network's own head is not a linear layer after pooling.
    """
    if not isinstance(model.aggregator, FastGru):
        raise ConfigError("the aggregator is not fast_gru, the only one that can begin as an average; choose that")
    (expensive, expensive_scale), (cheap, cheap_scale) = (_head(model.expensive), _head(model.cheap))
    model.classifier.linear.weight.copy_(expensive.weight / expensive_scale)
    model.classifier.linear.bias.copy_(expensive.bias)
    if isinstance(model.projection, Pointwise):
        weight, bias = _projection(expensive, cheap)
        model.projection.weight.copy_((weight * expensive_scale / cheap_scale)[:, :, None, None, None])
        assert model.projection.bias is not None
        model.projection.bias.copy_(bias * expensive_scale)
    gru = model.aggregator
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for gate in (gru.read_gate, gru.update_gate):
            for layer in (gate.compress_clip, gate.compress_hidden, gate.restore):
                layer.reset_parameters()
    nn.init.zeros_(gru.update_gate.restore.weight)
    nn.init.constant_(gru.update_gate.restore.bias, math.log(UPDATE / (1 - UPDATE)))  # type: ignore[arg-type]
    nn.init.dirac_(gru.clip_to_candidate.weight)
    for part in (gru.clip_to_candidate.bias, gru.hidden_to_candidate.weight, gru.hidden_to_candidate.bias):
        nn.init.zeros_(part)  # type: ignore[arg-type]


def _head(backbone: object) -> tuple[nn.Linear, float]:
    """The linear layer of a network's own head, and the factor on its map."""
    if isinstance(backbone, PublishedBackbone):
        linear = getattr(backbone.network.classifier, "linear", None)
        if isinstance(linear, nn.Linear):
            return linear, backbone.scale
    raise ConfigError(
        "a network's own head is not one linear layer after pooling, so that no weights can be found with which the "
        "mixed run begins as an average; choose networks with such heads, such as efficientnet_lite2, slow_r50 or "
        "r2plus1d_18"
    )


def _projection(expensive: nn.Linear, cheap: nn.Linear) -> tuple[Tensor, Tensor]:
    """P [D, E] and p [D] with W_e (P y + p) + b_e = W_c y + b_c, as nearly as can be."""
    inverse = torch.linalg.pinv(expensive.weight.double())  # [D, K]
    weight = inverse @ cheap.weight.double()
    bias = inverse @ (cheap.bias - expensive.bias).double()
    return weight.float(), bias.float()
