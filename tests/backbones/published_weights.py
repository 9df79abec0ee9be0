"""Weights and clips that are the same on every machine, and what is noted down of networks that have them.

A script records what a foreign package's network makes of them; the tests ask ours for the same.
"""

import math
import zlib
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from faster_video.backbones.published.spec import InputRules

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
SAMPLES = 16


def numbers(name: str, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    """Even between two bounds, chosen by the name; NumPy's old generator gives the same ones for ever (NEP 19)."""
    return torch.from_numpy(np.random.RandomState(zlib.crc32(name.encode())).uniform(low, high, shape)).float()


@torch.no_grad()
def fill(network: nn.Module, seed: int = 0) -> None:
    """Weights by their names, so that no layer is without effect and no map grows or fades much on its way."""
    for name, tensor in network.state_dict().items():
        low, high = _bounds(name.rpartition(".")[2], tuple(tensor.shape))
        if tensor.is_floating_point():  # and not a count of batches, which does nothing in evaluation
            tensor.copy_(numbers(f"{seed} {name}", tuple(tensor.shape), low, high))


def _bounds(kind: str, shape: tuple[int, ...]) -> tuple[float, float]:
    if kind == "running_var" or (kind == "weight" and len(shape) == 1):
        return 0.5, 1.5
    if kind == "weight":
        bound = math.sqrt(3 / math.prod(shape[1:]))  # a sum of as many products varies as much as what comes in
        return -bound, bound
    return -0.5, 0.5


def made_up_clip(rules: InputRules, seed: int = 0) -> Tensor:
    """One clip as the rules have it, [1, 3, T, S, S], in the range of normalised pixels."""
    return numbers(f"{seed} clip", (1, 3, rules.frames, rules.crop_size, rules.crop_size), -2, 2)


def layer_lines(state: Mapping[str, Tensor]) -> list[str]:
    """Every weight and statistic of a network by name and shape, one layer a line, in order of the names.

    The five of a BN are written `norm CHANNELS`.
    """
    layers: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for name, tensor in state.items():
        layer, _, kind = name.rpartition(".")
        layers[layer][kind] = tuple(tensor.shape)
    return sorted(f"{layer} {_shapes(kinds)}" for layer, kinds in layers.items())


def _shapes(kinds: dict[str, tuple[int, ...]]) -> str:
    channels = kinds["weight"]
    if kinds == dict(zip(NORM, [channels] * 4 + [()], strict=True)):
        return f"norm {channels[0]}"
    return " ".join(f"{kind} {'x'.join(map(str, shape))}" for kind, shape in sorted(kinds.items()))


def sample(values: Tensor) -> Tensor:
    """`SAMPLES` of the values, evenly spread."""
    return values.flatten()[:: values.numel() // SAMPLES][:SAMPLES]
