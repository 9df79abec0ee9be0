"""The networks of pytorchvideo's model zoo against that package: as recorded, and directly where it is installed.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map, K classes.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published_weights import fill, layer_lines, made_up_clip, numbers, sample
from record_pytorchvideo import NETWORKS, RECORD, package_answer, package_network
from torch import Tensor, nn

from faster_video.backbones.published.pytorchvideo import BlockNetwork, LinearHead
from faster_video.backbones.published.resnets import c2d_r50, i3d_r50, slow_r50
from faster_video.backbones.published.spec import KINETICS_400, Published, PublishedNetwork
from faster_video.backbones.published.x3d import ProjectedHead
from faster_video.cost import count_gmacs, count_parameters

RECORDED: dict[str, dict[str, Any]] = json.loads(RECORD.read_text())["networks"]
TOLERANCE = 1e-5
"""Largest difference, in parts of the largest value: of single precision, over 50 layers and more."""
networks = pytest.mark.parametrize("published", [pytest.param(network, id=network.name) for network in NETWORKS])
by_name = {network.name: network for network in NETWORKS}


def on_meta(published: Published, num_classes: int = 400) -> BlockNetwork:
    with torch.device("meta"):
        network = published.build(num_classes).eval()
    assert isinstance(network, BlockNetwork)
    return network


def meta_clip(published: Published, side: int) -> Tensor:
    return torch.empty(1, 3, published.rules.frames, side, side, device="meta")


@torch.no_grad()
def answer(network: nn.Module, clip: Tensor) -> tuple[Tensor, Tensor]:
    """The map [B, D, t, h, w] and the scores [B, K]."""
    assert isinstance(network, BlockNetwork)
    features = network(clip)
    return features, network.classifier(features)


def assert_close(ours: Tensor, theirs: Tensor, largest: float) -> None:
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) <= TOLERANCE * largest


@networks
def test_weights_have_the_package_s_names_and_shapes(published: Published) -> None:
    layers = RECORDED[published.name]["layers"]
    if isinstance(layers, str):
        layers = RECORDED[layers.removeprefix("as ")]["layers"]
    assert layer_lines(on_meta(published).state_dict()) == layers
    assert count_parameters(on_meta(published)) == RECORDED[published.name]["parameters"]


@networks
def test_map_and_scores_are_the_package_s_as_recorded(published: Published) -> None:
    recorded = RECORDED[published.name]
    network = published.build(400).eval()
    fill(network)
    features, scores = answer(network, made_up_clip(published.rules))
    assert list(features.shape) == recorded["map_shape"] == [1, published.channels, *published.map_size]
    assert_close(sample(features), torch.tensor(recorded["map"]["sample"]), recorded["map"]["largest"])
    assert_close(sample(scores), torch.tensor(recorded["scores"]["sample"]), recorded["scores"]["largest"])


@networks
def test_map_and_scores_are_the_installed_package_s(published: Published) -> None:
    reason = "pytorchvideo is not installed (record_pytorchvideo.py says how to)"
    pytest.importorskip("pytorchvideo.models.hub", reason=reason, exc_type=ImportError)
    theirs, ours = package_network(published.name), published.build(400).eval()
    fill(theirs, seed=1)
    ours.load_state_dict(theirs.state_dict())
    clip = made_up_clip(published.rules, seed=1)
    for here, there in zip(answer(ours, clip), package_answer(theirs, clip), strict=True):
        assert_close(here, there, float(there.abs().max()))
    fill(ours, seed=2)
    theirs.load_state_dict(ours.state_dict())  # strict as well
    assert_close(answer(ours, clip)[1], package_answer(theirs, clip)[1], float(answer(ours, clip)[1].abs().max()))


@networks
def test_the_declaration_agrees_with_the_network(published: Published) -> None:
    network = on_meta(published, num_classes=7)
    contract: PublishedNetwork = network
    names = list(network.state_dict())
    features = contract(meta_clip(published, published.rules.crop_size))
    assert features.shape == (1, published.channels, *published.map_size)
    assert contract.channels == published.channels
    assert contract.classifier(features).shape == (1, 7)
    assert list(network.state_dict()) == names  # the classifier is no layer of its own
    assert published.labels == KINETICS_400
    assert published.weights is None or published.weights.key == "model_state"


@pytest.mark.parametrize(
    ("name", "crop_size", "answers", "per_norm", "gmacs", "millions"),
    [
        ("x3d_xs", 182, 4, 5, 0.91, 3.79),
        ("x3d_s", 182, 4, 5, 2.96, 3.79),
        ("x3d_m", 256, 4, 5, 6.72, 3.79),
        ("x3d_l", 356, 9, 5, 26.64, 6.15),
        ("c2d_r50", 256, 4, 5, 25.89, 24.33),
        ("i3d_r50", 256, 4, 5, 37.53, 28.04),
        ("slow_r50", 256, 4, 0, 54.52, 32.45),
        ("r2plus1d_r50", 256, 4, 5, 76.45, 28.11),
    ],
)
def test_cost_and_weights_as_in_the_model_zoo(
    name: str, crop_size: int, answers: int, per_norm: int, gmacs: float, millions: float
) -> None:
    """ "Flops (G)" and "Params (M)" of pytorchvideo's docs/source/model_zoo.md, to the last digit printed.

    The zoo counts what it tests with: the larger crop, of whose map the package's pooling answers 2×2 or 3×3 parts; and
    it counts 5 operations for each value that a BN gives, which fold into the convolutions, except for Slow. We do not.
    """
    network, clip = on_meta(by_name[name]), meta_clip(by_name[name], crop_size)
    ours = count_gmacs(network, clip) + answers * count_gmacs(network.classifier, network(clip))
    assert ours + per_norm * norm_values(network, clip) / 1e9 == pytest.approx(gmacs, abs=0.00501)
    assert count_parameters(network) / 1e6 == pytest.approx(millions, abs=0.00501)


@pytest.mark.parametrize(("name", "gmacs"), [("x3d_xs", 0.60), ("x3d_s", 1.96), ("x3d_m", 4.73), ("x3d_l", 18.37)])
def test_cost_of_x3d_as_its_authors_count_it(name: str, gmacs: float) -> None:
    """ "FLOPs (G)" of SlowFast's MODEL_ZOO.md: a clip as in training, no BN; its X3D-XS is 0.605, which it cuts."""
    network, clip = on_meta(by_name[name]), meta_clip(by_name[name], by_name[name].rules.crop_size)
    ours = count_gmacs(network, clip) + count_gmacs(network.classifier, network(clip))
    assert ours == pytest.approx(gmacs, abs=0.006)


def norm_values(network: nn.Module, clip: Tensor) -> int:
    """How many values all BN of a network give together."""
    counts: list[int] = []
    hooks = [
        layer.register_forward_hook(lambda _layer, _inputs, values: counts.append(values.numel()))
        for layer in network.modules()
        if isinstance(layer, nn.BatchNorm3d)
    ]
    network(clip)
    for hook in hooks:
        hook.remove()
    return sum(counts)


@pytest.mark.parametrize("head", [LinearHead(6, 3), ProjectedHead(6, 3)], ids=["linear", "projected"])
@given(size=st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)))
@settings(max_examples=10, deadline=None)
def test_the_pooling_is_over_a_map_of_any_size(head: LinearHead | ProjectedHead, size: tuple[int, int, int]) -> None:
    channels = 6 if isinstance(head, LinearHead) else 432
    place = numbers("place", (1, channels, 1, 1, 1), -1, 1)
    with torch.no_grad():
        torch.testing.assert_close(head.classifier(place.expand(-1, -1, *size)), head.classifier(place))


@pytest.mark.parametrize(
    ("build", "moments"), [(c2d_r50, {3}), (i3d_r50, {0, 1, 2, 3}), (slow_r50, {0, 1, 2, 3, 4, 5, 6, 7})]
)
def test_which_moments_of_the_map_see_frame_6_of_8(build: Callable[[int], nn.Module], moments: set[int]) -> None:
    """C2D's only that of its pair; the others' convolutions along time reach over the whole clip."""
    network = build(3).eval()
    fill(network)
    clip = numbers("clip", (1, 3, 8, 32, 32), -2, 2).repeat(2, 1, 1, 1, 1)
    clip[1, :, 6] += 1
    with torch.no_grad():
        without, with_it = network(clip)  # [D, t, h, w] each
    assert without.shape[1] == (8 if build is slow_r50 else 4)
    assert {t for t in range(without.shape[1]) if not torch.equal(without[:, t], with_it[:, t])} == moments
