"""Record what torchvision's networks, and VMZ's made of its parts, have and answer; none of our code takes part.

Usage, in an environment with torch and torchvision:
    PYTHONPATH=tests/backbones python tests/golden/published/torchvision_record.py tests/golden/published
"""

import platform
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from formula_weights import digest, fill, formula_clip, layout, spread, write_record
from torch import Tensor
from vmz_reference import vmz_reference

CLIPS = {"s3d": (1, 3, 24, 224, 256), "mvit_v2_s": (1, 3, 16, 224, 224), "swin3d_t": (1, 3, 9, 100, 132)}
OTHER_CLIPS = (1, 3, 9, 60, 76)
"""Of odd sizes, which wrong strides and paddings show in."""
TORCHVISION = {"r3d_18": "R3D_18", "mc3_18": "MC3_18", "r2plus1d_18": "R2Plus1D_18", "s3d": "S3D"}
TRANSFORMERS = {"mvit_v2_s": "MViT_V2_S", "swin3d_t": "Swin3D_T"}
VMZ = ("r2plus1d_34", "r2plus1d_50", "r3d_50", "r2plus1d_152")


def main(folder: Path) -> None:
    video: Any = import_module("torchvision.models.video")
    environment = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": import_module("torchvision").__version__,
    }
    torchvision = {
        name: published(getattr(video, f"{enum}_Weights").KINETICS400_V1)
        | facts(getattr(video, name)(weights=None), CLIPS.get(name, OTHER_CLIPS), MAPS.get(name, layer4))
        for name, enum in (TORCHVISION | TRANSFORMERS).items()
    }
    vmz = {name: facts(vmz_reference(name), OTHER_CLIPS, layer4) for name in VMZ}
    write_record(folder / "torchvision_networks.json", environment, torchvision)
    write_record(folder / "vmz_networks.json", environment, vmz)


def published(weights: Any) -> dict[str, Any]:
    """What torchvision says about its file and its network."""
    accuracy = weights.meta["_metrics"]["Kinetics-400"]
    preset = weights.transforms()
    return {
        "url": weights.url,
        "parameters": weights.meta["num_params"],
        "gmacs_of_16_frames": weights.meta["_ops"],
        "accuracy": [accuracy["acc@1"], accuracy["acc@5"]],
        "crop_size": preset.crop_size,
        "resize_size": preset.resize_size,
        "mean": list(preset.mean),
        "std": list(preset.std),
        "test": weights.meta["_docs"].rpartition("with parameters ")[2],
    }


@torch.no_grad()
def facts(network: Any, clip: tuple[int, ...], last_map: Callable[[Any, Tensor], Tensor]) -> dict[str, Any]:
    """The layout, and answers with weights from the formula."""
    fill(network)
    lines = layout(network)
    features, scores = last_map(network, formula_clip(*clip)), network(formula_clip(*clip))
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "entries": len(lines),
        "layout": digest(lines),
        "some_entries": lines[:: len(lines) // 8],
        "clip": list(clip),
        "map_shape": list(features.shape),
        "map": spread(features),
        "map_largest": float(features.abs().max()),
        "scores": spread(scores),
        "scores_largest": float(scores.abs().max()),
    }


def layer4(network: Any, clip: Tensor) -> Tensor:
    return network.layer4(network.layer3(network.layer2(network.layer1(network.stem(clip)))))  # type: ignore[no-any-return]


def _output_of(part: str, network: Any, clip: Tensor) -> Tensor:
    outputs: list[Tensor] = []
    hook = getattr(network, part).register_forward_hook(lambda module, inputs, output: outputs.append(output))
    network(clip)
    hook.remove()
    return outputs[-1]


MAPS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "s3d": lambda network, clip: _output_of("features", network, clip),
    "mvit_v2_s": lambda network, clip: _output_of("norm", network, clip)[:, 0, :, None, None, None],
    "swin3d_t": lambda network, clip: _output_of("norm", network, clip).movedim(-1, 1),
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
