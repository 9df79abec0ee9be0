"""What the table says of every published network is what the network does."""

import pytest
import torch

from faster_video.backbones.published import PUBLISHED, pair, published_backbone, published_labels
from faster_video.catalogue import catalogue
from faster_video.cli import main
from faster_video.config import PUBLISHED_NAMES, BackboneConfig
from faster_video.model import build_model


def test_names_are_those_of_the_configuration() -> None:
    assert sorted(PUBLISHED) == sorted(PUBLISHED_NAMES) == sorted(each.name for each in PUBLISHED.values())


OF_TORCHVISION = ("mvit_v2_s", "swin3d_t")


@pytest.mark.parametrize("name", PUBLISHED)
def test_maps_and_answers_have_the_sizes_that_are_told(name: str) -> None:
    published = PUBLISHED[name]
    if name in OF_TORCHVISION:
        pytest.importorskip("torchvision")
    labels = published_labels(published.labels)
    with torch.device("meta"):
        backbone = published_backbone(BackboneConfig(name=name, head="published"), len(labels)).eval()
        side = published.rules.crop_size
        clip = torch.empty(1, 3, published.rules.frames, side, side)
        maps = backbone(clip)
        assert backbone.classifier(maps).shape == (1, len(labels))
    assert maps.shape == (1, published.channels, *published.map_size)
    assert backbone.feature_size(0, 0, 0) == published.map_size


@pytest.mark.parametrize(("expensive", "cheap"), [("x3d_m", "x3d_xs"), ("slow_r50", "efficientnet_lite0")])
def test_pairs_of_clip_networks_fit(expensive: str, cheap: str) -> None:
    settings = pair(expensive, cheap)
    rules = PUBLISHED[expensive].rules
    assert settings.clips.frames_per_clip >= rules.frames and settings.clips.frames_per_clip % 8 == 0
    assert settings.clips.frame_stride == rules.stride
    side = settings.transform.crop_size
    with torch.device("meta"):
        model = build_model(settings.model, 5).eval()
        clips = torch.empty(2, 3, 3, settings.clips.frames_per_clip, side, side)
        assert model(clips).shape == (2, 3, 5)


def test_the_catalogue_lists_every_network(capsys: pytest.CaptureFixture[str]) -> None:
    entries = {entry.name: entry for entry in catalogue()}
    assert set(PUBLISHED) < set(entries) and "r2d26" in entries
    assert entries["x3d_m"].gmacs == pytest.approx(4.73, abs=0.01)  # SlowFast's model zoo
    assert entries["x3d_m"].weights.endswith("/X3D_M.pyth") and entries["x3d_m"].labels == "kinetics400"
    assert main(["backbones"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in entries)
