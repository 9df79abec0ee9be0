"""The networks that torchvision publishes: against torchvision where it is installed, and against a record of it."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
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
from torch import Tensor

from faster_video.backbones.published import s3d
from faster_video.backbones.published.s3d import S3D, S3D_NETWORKS
from faster_video.backbones.published.spec import KINETICS_400
from faster_video.backbones.published.transformers import TRANSFORMERS
from faster_video.backbones.published.video_resnets import VIDEO_RESNETS
from faster_video.errors import ConfigError

FACTS = record("torchvision_networks.json")
DECLARED = {published.name: published for published in (*VIDEO_RESNETS, *S3D_NETWORKS)}
WRAPPED = {published.name: published for published in TRANSFORMERS}
ALL = DECLARED | WRAPPED
LABELS = (Path(s3d.__file__).parent / "labels" / "kinetics400.txt").read_text(encoding="utf-8").splitlines()
FRAMES_A_SECOND = 30
"""That strides are told for."""


def torchvision_or_skip() -> Any:
    try:
        return import_module("torchvision.models.video")
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchvision cannot be imported: {error}")


@pytest.fixture(params=list(ALL))
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    if chosen in WRAPPED:
        torchvision_or_skip()
    return chosen


def test_weights_have_the_published_names_and_shapes(name: str) -> None:
    assert_layout(on_meta(ALL[name]), FACTS[name])


def test_answers_are_those_that_torchvision_gave(name: str) -> None:
    assert_answers(ALL[name].build(400), FACTS[name])


@torch.no_grad()
def test_answers_are_those_of_the_installed_torchvision(name: str) -> None:
    reference = getattr(torchvision_or_skip(), name)(weights=None).double().eval()
    ours: Any = fill(ALL[name].build(400))
    reference.load_state_dict(ours.state_dict(), strict=True)
    ours.load_state_dict(reference.state_dict(), strict=True)
    clip = formula_clip(*FACTS[name]["clip"])
    assert relative_difference(ours.classifier(ours(clip)), reference(clip)) <= TOLERANCE


def test_costs_the_published_gmacs(name: str) -> None:
    sixteen_frames = gmacs(on_meta(ALL[name]), meta_clip(ALL[name], frames=16))
    assert sixteen_frames == pytest.approx(FACTS[name]["gmacs_of_16_frames"], rel=0.002)


def test_the_entry_tells_the_size_of_the_map(name: str) -> None:
    assert_entry(ALL[name])


@pytest.mark.parametrize("name", list(ALL))
def test_the_entry_tells_torchvision_s_rules_accuracy_and_file(name: str) -> None:
    published, facts = ALL[name], FACTS[name]
    assert published.labels == KINETICS_400
    assert_weights(published)
    assert published.weights and published.weights.url == facts["url"]
    assert "{:.2f} % top-1, {:.2f} % top-5".format(*facts["accuracy"]) in published.accuracy
    rules = published.rules
    assert [rules.crop_size] * 2 == facts["crop_size"]
    assert rules.short_side == min(facts["resize_size"])
    assert (list(rules.mean), list(rules.std)) == (facts["mean"], facts["std"])
    assert f"`frame_rate={FRAMES_A_SECOND / rules.stride:g}`" in facts["test"]
    # S3D is tested on more frames than it was trained on.
    assert f"`clip_len={128 if name == 's3d' else rules.frames}`" in facts["test"]


@torch.no_grad()
def test_s3d_s_scores_of_a_map_smaller_than_its_window_are_of_the_average() -> None:
    network: Any = fill(DECLARED["s3d"].build(5))
    features = network(formula_clip(1, 3, 8, 64, 64))
    assert features.shape == (1, 1024, 1, 2, 2)
    scores: Tensor = network.classifier[2](features.mean(dim=(2, 3, 4), keepdim=True)).flatten(1)
    assert relative_difference(network.classifier(features), scores) <= TOLERANCE


@torch.no_grad()
def test_s3d_drops_nothing_in_evaluation_but_something_in_training() -> None:
    network, features = S3D(5), torch.rand(1, 1024, 2, 7, 7)
    network.train()
    assert not torch.equal(network.classifier(features), network.classifier(features))
    network.eval()
    assert torch.equal(network.classifier(features), network.classifier(features))


@pytest.mark.parametrize("name", list(WRAPPED))
def test_without_torchvision_a_transformer_is_refused_with_what_to_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models.video", None)
    with pytest.raises(ConfigError) as refused:
        WRAPPED[name].build(400)
    sentence = str(refused.value)
    assert sentence.startswith(f"the network {name} needs torchvision, which cannot be imported here (")
    assert sentence.endswith("install the torchvision that belongs to this PyTorch, or choose another network")


def test_a_torchvision_for_another_pytorch_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: str) -> ModuleType:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("faster_video.backbones.published.transformers.import_module", broken)
    with pytest.raises(ConfigError, match=r"\(operator torchvision::nms does not exist\)"):
        WRAPPED["swin3d_t"].build(400)


@pytest.mark.parametrize(
    ("index", "label"),
    # As the authors of I3D and those of pytorchvideo number them.
    [
        (5, "archery"),
        (19, "bench pressing"),
        (231, "playing flute"),
        (290, "sharpening knives"),
        (358, "throwing discus"),
    ],
)
def test_labels_of_kinetics_are_in_their_order(index: int, label: str) -> None:
    assert LABELS[index] == label
    assert len(set(LABELS)) == 400
    assert sorted(LABELS) == LABELS


def test_labels_of_kinetics_are_those_of_the_installed_torchvision() -> None:
    assert torchvision_or_skip().S3D_Weights.KINETICS400_V1.meta["categories"] == LABELS
