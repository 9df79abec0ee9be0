"""How many views are decoded, and how many clips computed, together."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from feature_samples import bundle_for, extraction

import faster_video.features.make as make
from faster_video.config import TransformConfig
from faster_video.datasets import VideoList
from faster_video.features.layout import StoreConfig
from faster_video.features.make import FrozenNetworks, _batches


def test_batches_hold_eight_views_or_64_clips_but_few_large_ones(data: VideoList) -> None:
    small = extraction(data, Path("store"), bundle=bundle_for(data.labels)).layout()
    for num_clips, views in ((3, [9]), (7, [9]), (8, [8, 1]), (32, [8, 1])):
        layout = replace(small, clips=replace(small.clips, num_clips=num_clips))
        assert [len(keys) for keys in _batches(layout, 0, ())] == views

    def sizes(layout: StoreConfig) -> set[int]:
        return {len(keys) for keys in _batches(layout, 0, ())}

    clips = replace(small.clips, num_clips=16, frames_per_clip=16)
    faster16 = replace(small, clips=clips, transform=TransformConfig())
    assert faster16.transform.crop_size == 224
    assert sizes(faster16) == {3}
    assert sizes(replace(faster16, clips=replace(clips, num_clips=200))) == {1}


def test_maps_do_not_depend_on_how_many_clips_are_computed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = FrozenNetworks(bundle_for(["left", "up"]), "cpu", "32-true")
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (3, 2, 3, 8, 32, 32), dtype=torch.uint8, generator=generator)
    for network in ("expensive", "cheap"):
        monkeypatch.setattr(make, "MOST_CPU_GMACS", 1000.0)
        assert networks._clips_at_once(clips[0, 0], network) >= 6
        together = networks.maps(clips, network)
        monkeypatch.setattr(make, "MOST_CPU_GMACS", 1e-9)
        assert networks._clips_at_once(clips[0, 0], network) == 1
        torch.testing.assert_close(networks.maps(clips, network), together, rtol=2e-3, atol=2e-3)


def test_more_clips_of_the_cheap_network_are_computed_together() -> None:
    networks = FrozenNetworks(bundle_for(["left", "up"]), "cpu", "32-true")
    clip = torch.zeros(3, 8, 32, 32, dtype=torch.uint8)
    assert networks._clips_at_once(clip, "cheap") > networks._clips_at_once(clip, "expensive")
