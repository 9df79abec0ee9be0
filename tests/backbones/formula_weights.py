"""Weights and clips from a formula, so that two networks can be compared without the package of one of them.

A number depends on its tensor's name, its place and the tensor's shape; no generator of random numbers is involved.
All is in double precision: what differs between machines is then a billionth, and what differs between networks more.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from math import prod
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor, nn

PERIOD = 65521
"""A prime, so that no row of a weight matrix begins where another does."""
MASK = 0xFFFFFFFF


def uniform(name: str, shape: tuple[int, ...]) -> Tensor:
    """Numbers in [0, 1) that look random: a table of `PERIOD` of them, over and over, from a place of the name's."""
    mixed = torch.arange(PERIOD) * 2654435761 & MASK
    for factor in (2246822519, 3266489917):
        mixed = (mixed ^ (mixed >> 15)) * factor & MASK
    table = ((mixed ^ (mixed >> 16)).double() / (MASK + 1)).float().roll(crc32(name.encode()) % PERIOD)
    count = prod(shape)
    return table.repeat(-(-count // PERIOD))[:count].reshape(shape)


def formula_clip(*shape: int) -> Tensor:
    """[B, 3, T, H, W], between -2 and 2."""
    return 4 * uniform("clip", shape).double() - 2


@torch.no_grad()
def fill(network: nn.Module) -> nn.Module:
    """Fill every weight and statistic, and leave the counts and indices; the network, ready to evaluate in double."""
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        numbers = uniform(name, tuple(tensor.shape))
        if tensor.dim() > 1:  # variance 2 / inputs, as He initialises
            tensor.copy_((numbers - 0.5) * (24 / tensor[0].numel()) ** 0.5)
        elif name.endswith(("weight", "running_var")):  # of a norm
            tensor.copy_(numbers + 0.5)
        else:
            tensor.copy_((numbers - 0.5) / 5)
    return network.double().eval()


def layout(network: nn.Module) -> list[str]:
    """Name and shape of every weight and statistic, in their order."""
    return [f"{name} {list(tensor.shape)}" for name, tensor in network.state_dict().items()]


def digest(lines: list[str]) -> str:
    """Of a layout, as a few characters."""
    return sha256("\n".join(lines).encode()).hexdigest()[:16]


def spread(tensor: Tensor, count: int = 12) -> list[float]:
    """`count` of its numbers, from the first to the last."""
    flat = tensor.flatten()
    return [float(f"{number:.12g}") for number in flat[torch.linspace(0, flat.numel() - 1, count).long()].tolist()]


def write_record(file: Path, environment: Mapping[str, str], networks: Mapping[str, Mapping[str, object]]) -> None:
    """As JSON, one line for each network."""
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(facts)}" for name, facts in networks.items())
    file.write_text(f'{{\n "environment": {json.dumps(environment)},\n "networks": {{\n{lines}\n }}\n}}\n')


def relative_difference(one: Tensor, other: Tensor) -> float:
    """Largest difference, as a share of the largest number."""
    assert one.shape == other.shape
    return float((one - other).abs().max() / other.abs().max())
