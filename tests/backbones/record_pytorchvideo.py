"""What the networks of pytorchvideo 0.1.5 are and answer, written to tests/golden/published/pytorchvideo.json.

It wants an environment of its own, for a torchvision that the package can import beside any torch:

    python -m venv other && other/bin/pip install -c constraints.txt -e '.[dev]' pytorchvideo==0.1.5 requests
    other/bin/pip install --no-deps torchvision==0.15.2
    other/bin/python tests/backbones/record_pytorchvideo.py

The numbers are those of the package's own code in double precision; ours is asked for the size of a clip only.
In the same environment `other/bin/pytest tests/backbones/test_pytorchvideo.py` compares the two directly.
"""

import json
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from published_weights import fill, layer_lines, made_up_clip, sample
from torch import Tensor, nn

from faster_video.backbones.published.r2plus1d_r50 import R2PLUS1D_R50
from faster_video.backbones.published.resnets import RESNETS
from faster_video.backbones.published.spec import Published
from faster_video.backbones.published.x3d import X3D

NETWORKS: tuple[Published, ...] = (*X3D, *RESNETS, R2PLUS1D_R50)
RECORD = Path(__file__).parents[1] / "golden" / "published" / "pytorchvideo.json"
NON_LOCAL_AFTER = {3: (1, 3), 4: (1, 3, 5)}
"""Blocks of two of its stages, by their place among `blocks`: as `I3D_NLN_8x8_R50.yaml` of SlowFast has them."""


def package_network(name: str) -> nn.Module:
    """The package's own network, without weights, that answers with scores before the softmax.

    It builds I3D without non-local blocks only; its own ones are put where SlowFast's configuration has them, with
    that one's settings: half the channels inside, pooled 1×2×2, softmax.
    """
    hub = import_module("pytorchvideo.models.hub")
    network: nn.Module = getattr(hub, name.removesuffix("_nonlocal"))()
    blocks: Any = network.blocks
    blocks[-1].activation = None
    if name.endswith("_nonlocal"):
        create = import_module("pytorchvideo.layers.nonlocal_net").create_nonlocal
        for place, after in NON_LOCAL_AFTER.items():
            channels = blocks[place].res_blocks[0].branch2.conv_c.out_channels
            for block in reversed(after):
                layer = create(dim_in=channels, dim_inner=channels // 2, pool_size=(1, 2, 2), instantiation="softmax")
                blocks[place].res_blocks.insert(block + 1, layer)
    return network.eval()


@torch.no_grad()
def package_answer(network: nn.Module, clip: Tensor) -> tuple[Tensor, Tensor]:
    """The map that the package's network pools, [B, D, t, h, w], and its scores, [B, K]."""
    pooled: list[Tensor] = []
    pools = [layer for layer in network.modules() if isinstance(layer, nn.AvgPool3d)]  # the only one is the head's
    hook = pools[0].register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    scores = network(clip)
    hook.remove()
    assert len(pools) == len(pooled) == 1
    return pooled[0], scores


def _record(published: Published) -> dict[str, Any]:
    network = package_network(published.name)
    fill(network)
    features, scores = package_answer(network.double(), made_up_clip(published.rules).double())
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "layers": layer_lines(network.state_dict()),
        "map_shape": list(features.shape),
        "map": _values(features),
        "scores": _values(scores),
    }


def _values(values: Tensor) -> dict[str, Any]:
    return {"largest": float(values.abs().max()), "sample": sample(values).tolist()}


def main() -> None:
    """Write all of it."""
    networks: dict[str, dict[str, Any]] = {}
    for published in NETWORKS:
        record = _record(published)
        same = [name for name, other in networks.items() if other["layers"] == record["layers"]]
        networks[published.name] = record | {"layers": f"as {same[0]}"} if same else record
        print(published.name, record["map_shape"], record["scores"]["sample"][:3])
    made_by = f"pytorchvideo {version('pytorchvideo')}, torch {version('torch')}"
    RECORD.write_text(json.dumps({"made_by": made_by, "networks": networks}, indent=0) + "\n")


if __name__ == "__main__":
    main()
