"""What the table says of every published network is what the network does."""

import re
from itertools import pairwise

import pytest
import torch

from faster_video.backbones.published import (
    PUBLISHED,
    InputRules,
    Pair,
    pair,
    published_backbone,
    published_labels,
)
from faster_video.backbones.published.adapter import evenly
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
    side = settings.transform.crop_size
    with torch.device("meta"):
        model = build_model(settings.model, 5).eval()
        clips = torch.empty(2, 3, 3, settings.clips.frames_per_clip, side, side)
        assert model(clips).shape == (2, 3, 5)


def gaps(settings: Pair, rules: InputRules, frame_stride: int) -> list[int]:
    """Frames of the video from one that a network looks at to the next."""
    seen = evenly(rules.frames, settings.clips.frames_per_clip)
    return [frame_stride * (after - before) for before, after in pairwise(seen)]


@pytest.mark.parametrize(
    ("expensive", "cheap", "gap"),
    [
        ("x3d_xs", "efficientnet_lite0", 12),
        ("x3d_xs", "x3d_m", 12),
        ("slow_r50", "x3d_m", 8),
        ("slow_r50", "s3d", 8),
        ("x3d_m", "x3d_xs", 5),
        ("efficientnet_lite0", "x3d_xs", 12),
    ],
)
def test_frames_are_as_far_apart_as_the_network_is_used_to(expensive: str, cheap: str, gap: int) -> None:
    leading = cheap if PUBLISHED[expensive].takes_any_frames else expensive
    settings = pair(expensive, cheap)
    assert set(gaps(settings, PUBLISHED[leading].rules, settings.clips.frame_stride)) == {gap}


@pytest.mark.parametrize("expensive", PUBLISHED)
def test_no_other_distance_would_suit_the_expensive_network_better(expensive: str) -> None:
    for cheap in PUBLISHED:
        settings = pair(expensive, cheap)
        clips = settings.clips
        assert clips.frames_per_clip % 8 == 0
        networks = [PUBLISHED[name] for name in (expensive, cheap)]
        assert all(clips.frames_per_clip >= network.rules.frames for network in networks)
        leading = next((network.rules for network in networks if not network.takes_any_frames), None)
        if leading is None:
            continue

        def wrong(
            frame_stride: int, rules: InputRules = leading, frames_per_clip: int = clips.frames_per_clip
        ) -> float:
            return abs(frame_stride * frames_per_clip / rules.frames - rules.stride)

        others = {max(1, clips.frame_stride - 1), clips.frame_stride + 1}
        assert all(wrong(clips.frame_stride) <= wrong(other) for other in others), (expensive, cheap)


def test_the_catalogue_lists_every_network(capsys: pytest.CaptureFixture[str]) -> None:
    entries = {entry.name: entry for entry in catalogue()}
    assert set(PUBLISHED) < set(entries) and "r2d26" in entries
    assert entries["x3d_m"].gmacs == pytest.approx(4.73, abs=0.01)  # SlowFast's model zoo
    assert entries["x3d_m"].weights.endswith("/X3D_M.pyth") and entries["x3d_m"].labels == "kinetics400"
    assert main(["backbones"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in entries)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_catalogues_table_tells_what_can_be_had(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["backbones"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    rows = {line.split()[0]: re.split(r" {2,}", line.strip()) for line in lines if line.strip()}
    assert rows["name"] == ["name", "clip", "GMACs", "parameters", "labels", "top-1", "source"][: 6 + (width >= 100)]
    assert rows["x3d_m"][1:6] == ["16×5, 224", "4.73", "3.8 M", "K400", "75.9 %"]
    assert rows["s3d"][5] == "68.4 %" and rows["r2plus1d_34_8_kinetics"][5] == "74.9 %"
    assert {name for name, row in rows.items() if "no weights" in row} == {
        each.name for each in catalogue() if not each.weights
    }
    assert ("pytorchvideo's model zoo, x3d_m" in rows["x3d_m"]) == (width == 200)


def test_accuracies_are_told_in_one_form() -> None:
    form = r"(Kinetics-400|ImageNet) \d\d\.\d\d? % top-1(, \d\d\.\d\d? % top-5)?, [^%]+"
    assert [each.accuracy for each in PUBLISHED.values() if not re.fullmatch(form, each.accuracy or "")] == [""] * 4
