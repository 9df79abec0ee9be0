"""A published network in the place of a backbone sees what it is used to."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from published_samples import CLASSES, RULES, small
from torch.nn import functional

from faster_video.backbones.published import InputRules, PublishedBackbone, allow_import, published_backbone
from faster_video.backbones.published.adapter import evenly
from faster_video.backbones.published.imported import VARIABLE, _allowed
from faster_video.bundle import load_bundle, save_bundle
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, Recipe, TransformConfig
from faster_video.errors import BundleError, ConfigError
from faster_video.model import build_model
from faster_video.untrained import untrained_bundle

NAME = "published_samples:small"


@pytest.fixture(autouse=True)
def allowed() -> None:
    allow_import(NAME)


def backbone(**settings: object) -> PublishedBackbone:
    return published_backbone(BackboneConfig(name=NAME, **settings), 3).eval()  # type: ignore[arg-type]


def clip(frames: int = 8, side: int = 32) -> torch.Tensor:
    return torch.rand(2, 3, frames, side, side, generator=torch.Generator().manual_seed(1))


@given(count=st.integers(1, 40), frames=st.integers(1, 80))
def test_frames_are_spread_evenly(count: int, frames: int) -> None:
    chosen = evenly(count, frames)
    assert len(chosen) == count and chosen == sorted(chosen)
    assert all(0 <= number < frames for number in chosen)
    gaps = [after - before for before, after in pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert chosen[0] - (frames - 1 - chosen[-1]) in (-1, 0, 1)
    if count == frames:
        assert chosen == list(range(frames))


def test_it_sees_its_own_frames_and_colours() -> None:
    pixels, usual = clip(), TransformConfig()
    seen = (pixels - usual.mean[0]) / usual.std[0]  # the usual ones are the same for all colours
    mean, std = (torch.tensor(values)[:, None, None, None] for values in (RULES.mean, RULES.std))
    wanted = small()((pixels[:, :, [1, 3, 5, 7]] - mean) / std)
    torch.testing.assert_close(backbone()(seen), wanted)


def test_larger_frames_are_made_smaller() -> None:
    pixels = clip(4, 48)
    images = pixels.transpose(1, 2).flatten(0, 1)
    resized = functional.interpolate(images, (32, 32), mode="bilinear", antialias=True).view(2, 4, 3, 32, 32)
    torch.testing.assert_close(backbone()(pixels), backbone()(resized.transpose(1, 2)))


def test_maps_are_averaged_and_scaled() -> None:
    whole = backbone()(clip())
    assert whole.shape == (2, 6, 2, 4, 4)
    pooled = backbone(pooled_size=(1, 0, 2), scale=0.5)
    assert pooled.feature_size(8, 32, 32) == (1, 4, 2)
    wanted = 0.5 * whole.mean(dim=2, keepdim=True).unflatten(4, (2, 2)).mean(dim=5)
    torch.testing.assert_close(pooled(clip()), wanted)


def test_its_own_head_does_not_mind_the_scale() -> None:
    config = BackboneConfig(name=NAME, head="published", scale=0.01, pooled_size=(1, 1, 1))
    own = published_backbone(config, CLASSES).eval()
    seen = clip()
    scores = own.classifier(own(seen))
    assert scores.shape == (2, CLASSES)
    torch.testing.assert_close(scores, small().classifier(backbone()(seen)))
    assert not [name for name in own.state_dict() if not name.startswith("network.")]


def test_a_linear_head_is_for_the_labels_of_the_bundle() -> None:
    learned = backbone()
    assert learned.classifier(learned(clip())).shape == (2, 3)
    assert {name for name in learned.state_dict() if not name.startswith("network.")} == {
        "classifier.linear.weight",
        "classifier.linear.bias",
    }


@pytest.mark.parametrize("shape", [(2, 3, 3, 32, 32), (2, 1, 8, 32, 32), (2, 3, 8, 32, 48), (2, 3, 8, 16, 16), (8, 3)])
def test_other_clips_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"with frames at least 4, which published_samples:small looks at"):
        backbone().require_clip(torch.Size(shape))
    backbone().require_clip(torch.Size((1, 3, 4, 32, 32)))


@pytest.mark.parametrize("place", ["expensive", "cheap"])
def test_clips_that_are_too_short_for_either_network_are_refused(place: str, tmp_path: Path) -> None:
    short, long = BackboneConfig(name=NAME, frames=4), BackboneConfig(name=NAME, frames=20)
    expensive, cheap = (long, short) if place == "expensive" else (short, long)
    model, transform = ModelConfig(expensive=expensive, cheap=cheap), TransformConfig(crop_size=32)
    sentence = f"frames_per_clip is 16, but the {place} network looks at 20 frames of every clip; give at least as many"
    with pytest.raises(ConfigError, match=sentence):
        untrained_bundle(model, ClipConfig(), transform, ["a", "b"])
    save_bundle(untrained_bundle(model, ClipConfig(frames_per_clip=24), transform, ["a", "b"]), tmp_path / "bundle")
    config = tmp_path / "bundle" / "config.json"
    config.write_text(config.read_text().replace('"frames_per_clip": 24', '"frames_per_clip": 16'))
    with pytest.raises(BundleError, match=rf"config.json: is not a bundle's configuration: {sentence}"):
        load_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("expensive", [True, False])
def test_a_short_clip_is_refused_by_the_network_that_sees_it(expensive: bool) -> None:
    networks = [BackboneConfig(name=NAME, frames=frames) for frames in (4, 24)]
    model = build_model(ModelConfig(expensive=networks[expensive], cheap=networks[not expensive]), 2)
    with pytest.raises(ConfigError, match="frames at least 24"):
        model.features(clip(16, 48), expensive=expensive)


def test_more_frames_than_there_are_do_not_mix_videos() -> None:
    videos, asked = clip(4, 48), backbone(frames=8)
    both = asked(videos)  # somebody who does not ask `require_clip` first
    torch.testing.assert_close(both[:1], asked(videos[:1]))


def test_other_colours_are_refused_in_a_recipe() -> None:
    network = BackboneConfig(name=NAME)
    with pytest.raises(ConfigError, match=r"transform.mean and std are .* with a published network"):
        Recipe(model=ModelConfig(expensive=network, cheap=network), transform=TransformConfig(mean=(0.5, 0.5, 0.5)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"width": 0.5}, "width of published_samples:small is 0.5; a published network has one width, leave it out"),
        ({"frames": -1}, "frames of published_samples:small is -1; it must be at least 0"),
        ({"pooled_size": (1, -1, 1)}, r"pooled_size of published_samples:small is \[1, -1, 1\]"),
        ({"scale": 0.0}, "scale of published_samples:small is 0.0; it must be above 0"),
        ({"head": "new"}, "unknown head of published_samples:small 'new'; choose one of linear, published"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        BackboneConfig(name=NAME, **settings)  # type: ignore[arg-type]


def test_settings_of_published_networks_are_for_them_only() -> None:
    with pytest.raises(ConfigError, match="they are for published networks only, so leave them out"):
        BackboneConfig(name="r2d26", scale=0.5)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("published_samples:none", "has no attribute 'none'"),
        ("published_samples.more:small", "'published_samples' is not a package"),
        ("published_samples:not_a_network", "makes a int; it must take nothing and return an nn.Module"),
        ("published_samples:without_rules", "whose network has channels None, rules None and map_size None"),
        ("published_samples:failing", "fails: RuntimeError: no weights here"),
        ("published_samples:no_channels", "whose network has channels 0, rules"),
        ("published_samples:another_map_size", r"gives \[1, 6, 2, 4, 4\] of torch.float32 for a clip \[1, 3, 4, "),
        ("published_samples:another_channels", r"by its attributes and the labels it must be \[1, 5, 2, 4, 4\] of "),
        ("published_samples:several_maps", r"whose network gives a tuple for a clip \[1, 3, 4, 32, 32\]; by its att"),
        ("published_samples:pooled_maps", r"whose network gives \[1, 6\] of torch.float32 for a clip"),
        ("published_samples:half_maps", "of torch.float16 for a clip"),
        ("published_samples:failing_maps", r"whose network fails for a clip \[1, 3, 4, 32, 32\]: RuntimeError: shape "),
    ],
)  # fmt: skip
def test_functions_that_make_no_network_are_refused(name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        published_backbone(BackboneConfig(name=name), 3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def build(:", "cannot be imported: SyntaxError: "),
        ("raise RuntimeError('no GPU')", "cannot be imported: RuntimeError: no GPU; it must take nothing"),
        (
            "import nowhere_at_all",
            "cannot be imported: No module named 'nowhere_at_all'; install it, or name its folder in",
        ),
    ],
)
def test_modules_that_cannot_be_imported_are_refused(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_networks.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    allow_import("broken_networks:build")
    with pytest.raises(ConfigError, match=reason):
        published_backbone(BackboneConfig(name="broken_networks:build"), 3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "published_samples:headless",
            "head of published_samples:headless is 'published', but the network has no attrib",
        ),
        (NAME, r"gives \[1, 7\] of torch.float32 as classifier for maps \[1, 6, 2, 4, 4\]; .* it must be \[1, 3\] of"),
    ],
)
def test_its_own_head_must_be_there_and_for_as_many_labels(name: str, reason: str) -> None:
    assert published_backbone(BackboneConfig(name=name), 3).channels == 6  # a linear head needs none
    with pytest.raises(ConfigError, match=reason):
        published_backbone(BackboneConfig(name=name, head="published"), 3)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("frames", 0, "at least 1"),
        ("frames", 2000, "at most 1024"),
        ("stride", 0, "at least 1"),
        ("stride", 2000, "at most 1024"),
        ("crop_size", 16, "at least 32"),
        ("crop_size", 4096, "at most 2048"),
        ("short_side", 39, "at least 40"),
        ("short_side", 4096, "at most 2048"),
        ("mean", (0.5, 0.5), "three finite numbers"),
        ("mean", (0.5, 0.5, float("nan")), "three finite numbers"),
        ("std", (0.5, 0.0, 0.5), "three finite numbers above 0"),
        ("std", (0.5, float("inf"), 0.5), "three finite numbers above 0"),
    ],
)
def test_rules_that_make_no_sense_are_refused(name: str, value: object, allowed: str) -> None:
    settings = {"frames": 4, "stride": 2, "crop_size": 40, "short_side": 48} | {name: value}
    with pytest.raises(ConfigError, match=f"{name} of InputRules is .*; it must be {allowed}$"):
        InputRules(**settings)  # type: ignore[arg-type]


def test_a_network_that_did_as_it_says_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone()
    monkeypatch.setattr("published_samples.Small.forward", lambda *_: 1 / 0)
    assert backbone().channels == 6


def test_code_that_only_a_bundle_names_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    _allowed.clear()
    with pytest.raises(ConfigError, match=f"set the environment variable {VARIABLE} to published_samples"):
        backbone()
    monkeypatch.setenv(VARIABLE, "other,published_samples")
    assert backbone().channels == 6


def test_without_memory_it_has_the_same_weights_by_name() -> None:
    with torch.device("meta"):
        empty = published_backbone(BackboneConfig(name=NAME), 3)
    assert all(tensor.is_meta for tensor in empty.state_dict().values())
    assert empty.state_dict().keys() == backbone().state_dict().keys()
