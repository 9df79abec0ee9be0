"""What a published network of ours is held against: the records in tests/golden/published, and its own entry."""

import json
from pathlib import Path
from typing import Any

import torch
from formula_weights import digest, fill, formula_clip, layout, spread
from torch import Tensor, nn

from faster_video.backbones.published.spec import Published
from faster_video.cost import count_gmacs, count_parameters

FOLDER = Path(__file__).parents[1] / "golden" / "published"
TOLERANCE = 1e-9
"""Of the largest number; 1e-5 is what single precision would allow."""


def record(file: str) -> dict[str, dict[str, Any]]:
    """Facts of each network by its name."""
    networks: dict[str, dict[str, Any]] = json.loads((FOLDER / file).read_text())["networks"]
    return networks


def on_meta(published: Published, num_classes: int = 400) -> Any:
    """Layers without memory, ready to evaluate."""
    with torch.device("meta"):
        return published.build(num_classes).eval()


def meta_clip(published: Published, frames: int | None = None, side: int | None = None) -> Tensor:
    """A clip as its rules have it, or with other frames or another side."""
    side = side or published.rules.crop_size
    return torch.empty(1, 3, frames or published.rules.frames, side, side, device="meta")


def gmacs(network: Any, clip: Tensor) -> float:
    """Of the whole network, head included."""
    return count_gmacs(lambda clip: network.classifier(network(clip)), clip)


def assert_layout(network: Any, facts: dict[str, Any]) -> None:
    lines = layout(network)
    assert lines[:: len(lines) // 8] == facts["some_entries"]
    assert (len(lines), digest(lines)) == (facts["entries"], facts["layout"])
    assert count_parameters(network) == facts["parameters"]


@torch.no_grad()
def assert_answers(network: Any, facts: dict[str, Any]) -> None:
    fill(network)
    features = network(formula_clip(*facts["clip"]))
    assert list(features.shape) == facts["map_shape"]
    assert_numbers(features, facts["map"], facts["map_largest"])
    assert_numbers(network.classifier(features), facts["scores"], facts["scores_largest"])


def assert_numbers(tensor: Tensor, recorded: list[float], largest: float) -> None:
    differences = [abs(one - other) for one, other in zip(spread(tensor), recorded, strict=True)]
    assert max(differences) <= TOLERANCE * largest


def assert_entry(published: Published) -> None:
    """Its map is of the size that its entry tells, and a head for another number of classes fits on it."""
    network = on_meta(published, 7)
    features = network(meta_clip(published))
    assert features.shape == (1, published.channels, *published.map_size)
    assert network.channels == published.channels
    entries = list(network.state_dict())
    assert network.classifier(features).shape == (1, 7)
    assert list(network.state_dict()) == entries
    assert isinstance(network.classifier, nn.Module) and count_parameters(network.classifier) > 7 * published.channels


def assert_weights(published: Published) -> None:
    """The file is named after the digits of its content."""
    weights = published.weights
    assert weights is not None and weights.sha256 is not None
    assert weights.name.endswith(f"-{weights.sha256[:8]}.pth")
    assert weights.url is None or weights.url.endswith(f"/{weights.name}")
