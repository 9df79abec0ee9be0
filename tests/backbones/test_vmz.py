"""VMZ's networks: against the same made of torchvision's parts where it is installed, and against a record of them."""

from typing import Any

import pytest
import torch
from formula_weights import fill, formula_clip, relative_difference
from recorded import (
    TOLERANCE,
    assert_answers,
    assert_entry,
    assert_layout,
    assert_weights,
    gmacs,
    meta_clip,
    on_meta,
    record,
)
from torch import nn
from vmz_reference import vmz_reference

from faster_video.backbones.published.spec import KINETICS_400
from faster_video.backbones.published.vmz import VMZ_NETWORKS
from faster_video.cost import count_parameters

FACTS = record("vmz_networks.json")
ENTRIES = {published.name: published for published in VMZ_NETWORKS}
KINDS = {
    "r2plus1d_34": "r2plus1d_34_8_kinetics",
    "r2plus1d_50": "vmz_r2plus1d_50",
    "r3d_50": "vmz_r3d_50",
    "r2plus1d_152": "r2plus1d_152_32_kinetics",
}
"""One entry of each network."""
kinds = pytest.mark.parametrize("kind", list(KINDS))
entries = pytest.mark.parametrize("name", list(ENTRIES))


@kinds
def test_weights_have_the_names_and_shapes_of_the_reference(kind: str) -> None:
    assert_layout(on_meta(ENTRIES[KINDS[kind]]), FACTS[kind])


@kinds
def test_answers_are_those_that_the_reference_gave(kind: str) -> None:
    assert_answers(ENTRIES[KINDS[kind]].build(400), FACTS[kind])


@kinds
@torch.no_grad()
def test_answers_are_those_of_the_reference_made_of_the_installed_torchvision(kind: str) -> None:
    try:
        reference = vmz_reference(kind).double().eval()
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchvision cannot be imported: {error}")
    ours: Any = fill(ENTRIES[KINDS[kind]].build(400))
    reference.load_state_dict(ours.state_dict(), strict=True)
    ours.load_state_dict(reference.state_dict(), strict=True)
    clip = formula_clip(*FACTS[kind]["clip"])
    assert relative_difference(ours.classifier(ours(clip)), reference(clip)) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "published_gmacs", "million_parameters"),
    [
        ("r2plus1d_34_8_kinetics", 49.8, 63.6),
        ("r2plus1d_34_32_kinetics", 199.0, 63.6),
        ("r2plus1d_152_32_kinetics", 329.1, 118.0),
    ],
)
def test_costs_what_vmz_s_model_zoo_says(name: str, published_gmacs: float, million_parameters: float) -> None:
    # The table says 112 px, but its GFLOPs are those of 128 px, where the scores are taken without a centre crop.
    network = on_meta(ENTRIES[name])
    assert gmacs(network, meta_clip(ENTRIES[name], side=128)) == pytest.approx(published_gmacs, rel=0.002)
    assert count_parameters(network) / 1e6 == pytest.approx(million_parameters, rel=0.003)


@pytest.mark.parametrize(("layer", "first", "second"), [(2, 230, 288), (3, 460, 576), (4, 921, 1152)])
def test_the_channels_between_fit_each_convolution_of_a_stage_s_first_block(
    layer: int, first: int, second: int
) -> None:
    network = on_meta(ENTRIES["r2plus1d_34_32_ig65m"])
    block = getattr(network, f"layer{layer}")[0]
    assert (block.conv1[0][0].out_channels, block.conv2[0][0].out_channels) == (first, second)


@entries
def test_every_norm_has_caffe2_s_constants(name: str) -> None:
    norms = [module for module in on_meta(ENTRIES[name]).modules() if isinstance(module, nn.BatchNorm3d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.1)}


@entries
def test_the_entry_tells_the_size_of_the_map(name: str) -> None:
    assert_entry(ENTRIES[name])


@pytest.mark.parametrize("name", [name for name in ENTRIES if name.startswith("r2plus1d_34")])
def test_a_file_is_named_after_its_content(name: str) -> None:
    assert_weights(ENTRIES[name])
    weights = ENTRIES[name].weights
    assert weights and f"clip{ENTRIES[name].rules.frames}_" in weights.name
    assert ("kinetics" in weights.name) == (ENTRIES[name].labels == KINETICS_400)
