"""Two published networks as the settings of a model: clips, frames and sizes that suit both."""

from dataclasses import dataclass

from faster_video.backbones.published.imported import imported
from faster_video.backbones.published.spec import InputRules
from faster_video.backbones.published.table import PUBLISHED
from faster_video.config import (
    BACKBONE_NAMES,
    PUBLISHED_NAMES,
    TEMPORAL_STRIDE,
    BackboneConfig,
    ClipConfig,
    ModelConfig,
    TransformConfig,
    require_choice,
)
from faster_video.errors import ConfigError

EXPENSIVE_FRAMES = 4
"""That an image network looks at in the place of the expensive one; in that of the cheap one it looks at one."""
FRAME_STRIDE = 4
"""Of the clips of two image networks, which have no rule: 8 frames then cover a second."""
PLACES = 3
"""Height and width that maps are averaged to: FAST-GRU would cost more than a small network on more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """What a recipe takes over."""

    clips: ClipConfig
    transform: TransformConfig
    model: ModelConfig


def pair(expensive: str, cheap: str, *, aggregator: str = "fast_gru", pattern: str = "1:3") -> Pair:
    """The settings of these two networks.

    A clip has as many frames as either network looks at, rounded up to a multiple of 8. Those that the expensive one
    looks at, evenly spread, are as far apart as it is used to, as nearly as whole numbers allow. Frames are cropped for
    the network that sees more pixels, and made smaller for the other.

    Raises:
        ConfigError: there is no such network, or one of Table 1, which has no published weights.
    """
    of_expensive, of_cheap = _rules(expensive), _rules(cheap)
    is_image = [_sees_images(name) for name in (expensive, cheap)]
    frames = (EXPENSIVE_FRAMES if is_image[0] else 0, 1 if is_image[1] else 0)
    most = max(frames[0] or of_expensive.frames, frames[1] or of_cheap.frames)
    frames_per_clip = -(-most // TEMPORAL_STRIDE) * TEMPORAL_STRIDE
    leading = next((rules for rules, image in zip((of_expensive, of_cheap), is_image, strict=True) if not image), None)
    larger = max(of_expensive, of_cheap, key=lambda rules: rules.crop_size)
    configs = [
        BackboneConfig(name=name, frames=looked_at, pooled_size=(1, PLACES, PLACES))
        for name, looked_at in zip((expensive, cheap), frames, strict=True)
    ]
    return Pair(
        clips=ClipConfig(
            num_clips=8,
            frames_per_clip=frames_per_clip,
            frame_stride=FRAME_STRIDE if leading is None else _frame_stride(leading, frames_per_clip),
        ),
        transform=TransformConfig(
            crop_size=larger.crop_size,
            test_short_side=larger.short_side,
            train_short_side=(larger.short_side, larger.short_side * 5 // 4),
        ),
        model=ModelConfig(expensive=configs[0], cheap=configs[1], aggregator=aggregator, pattern=pattern),
    )


def _rules(name: str) -> InputRules:
    if ":" in name:
        return imported(name)[1]
    if name in BACKBONE_NAMES:
        raise ConfigError(
            f"{name} is a network of the paper, of which no weights are published; train it with a recipe"
        )
    require_choice("published network", name, PUBLISHED_NAMES)
    return PUBLISHED[name].rules


def _frame_stride(rules: InputRules, frames_per_clip: int) -> int:
    """Of a clip of which as many frames as the rules say, evenly spread, are as far apart as they say."""
    return max(1, round(rules.stride * rules.frames / frames_per_clip))


def _sees_images(name: str) -> bool:
    return name in PUBLISHED and PUBLISHED[name].takes_any_frames
