"""Small models with random weights for the tests in this folder: their answers differ from clip to clip."""

from pathlib import Path

import torch
from torch import Tensor

from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, TransformConfig
from faster_video.model import Faster, build_model

LABELS = ["wave", "jump", "sit"]
SIDE = 32


def small_config(aggregator: str = "fast_gru", pattern: str = "1:3", cheap_width: float = 1 / 32) -> ModelConfig:
    """The cheap map has half the channels of the expensive one, so that it must be projected."""
    return ModelConfig(
        expensive=BackboneConfig(name="r2plus1d50", width=1 / 16),
        cheap=BackboneConfig(name="r2d26", width=cheap_width),
        aggregator=aggregator,
        pattern=pattern,
    )


def randomised(config: ModelConfig, num_classes: int = len(LABELS)) -> Faster:
    """In evaluation mode, BN statistics away from their start, answers neither even nor certain."""
    torch.manual_seed(1)
    model = build_model(config, num_classes)
    for name, value in model.state_dict().items():
        if name.endswith("running_mean"):
            value.copy_(0.1 * torch.randn_like(value))
        elif name.endswith("running_var"):
            value.copy_(0.5 + torch.rand_like(value))
        elif name.endswith("restore.1.weight"):
            value.copy_(0.2 * torch.rand_like(value))
    for part, std in ((model, 0.3), (model.expensive, 0.3), (model.cheap, 0.3)):
        torch.nn.init.normal_(part.classifier.linear.weight, std=std)
    return model.eval()


def random_clips(videos: int, clips: int, seed: int = 0) -> Tensor:
    """[B, N, C, T, H, W] of 8 frames."""
    return torch.randn(videos, clips, 3, 8, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def small_bundle(aggregator: str = "fast_gru", pattern: str = "1:3", labels: list[str] = LABELS) -> Bundle:
    """A bundle that reads 3 clips of 8 frames at 32 pixels."""
    model = small_config(aggregator, pattern)
    config = BundleConfig(
        labels=labels,
        model=model,
        clips=ClipConfig(num_clips=3, frames_per_clip=8),
        transform=TransformConfig(crop_size=SIDE, test_short_side=36, train_short_side=(36, 40)),
        provenance={"recipe": {"seed": 7}, "metrics": {"top1": 0.5}, "note": "weiß 跳 \u2028"},
    )
    return Bundle(model=randomised(model, len(labels)), config=config)


def tree(folder: Path) -> list[str]:
    """Every path below `folder`, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
