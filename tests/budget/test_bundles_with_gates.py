"""Bundles with gates and presets where nothing asks for them: averaged, evaluated, listed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from budget_samples import gated_bundle, make_store, write_list
from inference_samples import small_bundle

from faster_video.bundle import Bundle, load_bundle, save_bundle
from faster_video.cli.main import main
from faster_video.datasets import VideoList
from faster_video.errors import ConfigError
from faster_video.evaluation import baseline, evaluate
from faster_video.features import FeatureStore, evaluate_features
from faster_video.inference import Classifier
from faster_video.policy import Calibration, Preset, StopRule

RULE = StopRule(confidence=0.5, clips=2)
PRESETS = {
    "cheap": Preset(pattern="1:3", num_clips=3, stop=RULE, top1=0.75, gmacs=1.25, videos=1200, budget="2 GMACs"),
    "gate": Preset(pattern="first", num_clips=5, gate_threshold=0.25),
}


def equipped() -> Bundle:
    """With all that calibrate, plan and gate leave in a bundle."""
    bundle = gated_bundle(None)
    calibration = Calibration(temperature=1.5, stop=RULE, max_drop=0.5, videos=1200)
    return replace(bundle, config=replace(bundle.config, calibration=calibration, presets=PRESETS))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoList:
    return write_list(tmp_path_factory.mktemp("gates") / "videos", 4)


@pytest.fixture(scope="module")
def store(videos: VideoList, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    return make_store(gated_bundle(None), videos, tmp_path_factory.mktemp("store") / "both")


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_averaging_leaves_the_gate_and_its_presets_out(tmp_path: Path) -> None:
    for threshold in (None, 0.5):
        bundle = equipped().with_gate(threshold)
        averaged = baseline(bundle)
        assert averaged.model.gate is None and averaged.model.gate_threshold is None
        assert not averaged.config.model.gate and averaged.config.presets == {}
        assert bundle.model.gate is not None and bundle.model.gate_threshold == threshold
        assert bundle.config.presets == PRESETS
    save_bundle(averaged, tmp_path / "averaged")
    assert load_bundle(tmp_path / "averaged").model.gate is None


def test_the_command_averages_a_bundle_with_a_gate(
    store: FeatureStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_bundle(equipped(), tmp_path / "bundle")
    assert run("evaluate", tmp_path / "bundle", store.folder, "--aggregator", "average", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["aggregator"], found["pattern"], found["num_clips"], found["stop"]) == ("average", "1:2", 5, None)


def test_an_evaluation_says_what_chose_the_networks_and_when_it_stopped(
    videos: VideoList, store: FeatureStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bundle = gated_bundle(0.25)
    on_files = evaluate(Classifier(bundle, "cpu", "eager", stop=RULE), videos.videos[:2])
    on_maps = evaluate_features(gated_bundle(0.25), store, stop=RULE)
    for found in (on_files, on_maps):
        assert (found.pattern, found.num_clips, found.stop) == ("gate 0.25", 5, RULE)
        assert found.setting == "gate 0.25, fast_gru, 5 clips, stopped at 0.5:2"
        assert {"pattern": "gate 0.25", "num_clips": 5, "stop": "0.5:2"}.items() <= found.as_dict().items()
    by_pattern = evaluate_features(small_bundle(num_clips=3), store)
    assert by_pattern.setting == "pattern 1:2, fast_gru, 3 clips" and by_pattern.as_dict()["stop"] is None
    save_bundle(equipped(), tmp_path / "bundle")
    assert run("evaluate", tmp_path / "bundle", store.folder, "--preset", "gate", "--plot", tmp_path / "c.png") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "4 videos, gate 0.25, fast_gru, 5 clips" in told and "pattern" not in told


def test_a_gate_needs_the_maps_of_both_of_its_networks(store: FeatureStore) -> None:
    bundle = gated_bundle(None).with_pattern("1:0").with_gate(0.25)
    evaluate_features(bundle, store)
    torch.nn.init.zeros_(next(iter(bundle.model.cheap.parameters())))
    with pytest.raises(ConfigError, match="was made by another cheap backbone than this model's"):
        evaluate_features(bundle, store)
    evaluate_features(bundle.with_gate(None), store)  # by the pattern no clip is the cheap one's


def test_cost_lists_what_a_bundle_offers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_bundle(equipped(), tmp_path / "bundle")
    (tmp_path / "bundle" / "model.safetensors").write_bytes(b"")  # which is not read
    assert run("cost", tmp_path / "bundle", "--pattern", "1:1") == 0
    told = capsys.readouterr().out
    assert "One video of 5 clips, pattern 1:1" in told
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert (
        "temperature 1.5" in lines
        and "rule of --stop_when calibrated 0.5:2, at most 0.5 points of top-1 worse" in lines
    )
    assert "gate yes, with --gate PROBABILITY" in lines and "calibrated on 1,200 videos" in lines
    assert "cheap pattern 1:3 3 0.5:2 75.0% 1.25 1,200 2 GMACs" in lines
    assert "gate gate 0.25 5" in lines
    assert run("cost", tmp_path / "bundle", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pattern"] == "1:2" and found["gate"] and found["calibration"]["temperature"] == 1.5
    assert found["presets"]["gate"]["gate_threshold"] == 0.25 and found["parts"]


def test_cost_of_a_bundle_that_offers_nothing_more_is_one_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_bundle(small_bundle(), tmp_path / "bundle")
    assert run("cost", tmp_path / "bundle") == 0
    told = capsys.readouterr().out
    assert "aggregator step" in told and "preset" not in told and "temperature" not in told
