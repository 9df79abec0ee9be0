"""Exported graphs answer as `classify` does where a bundle is calibrated; what they cannot hold is said."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from budget_samples import gated_bundle
from export_samples import need, of_classifier, of_graphs, small_pair
from inference_samples import small_bundle, write_sample

from faster_video.bundle import Bundle, save_bundle
from faster_video.cli import main
from faster_video.export import FORMATS, export_bundle
from faster_video.policy import Calibration, Preset, StopRule

TOLERANCE = 1e-4
RULE = StopRule(confidence=0.9, clips=2)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("video") / "sample.mp4", num_frames=60)


def at(bundle: Bundle, temperature: float) -> Bundle:
    return replace(bundle, config=replace(bundle.config, calibration=Calibration(temperature=temperature, videos=9)))


@pytest.mark.parametrize("temperature", [0.5, 20.0])
@pytest.mark.parametrize("aggregator", ["fast_gru", "average"])
@pytest.mark.parametrize("form", FORMATS)
def test_probabilities_are_those_of_the_calibrated_bundle(
    form: str, aggregator: str, temperature: float, video: Path, tmp_path: Path
) -> None:
    need(form)
    bundle = at(small_pair(aggregator), temperature)
    done = export_bundle(bundle, tmp_path / "graphs", form)
    assert done.difference < TOLERANCE and done.left_out == []
    wanted = of_classifier(bundle, video)
    assert np.abs(wanted - of_classifier(at(bundle, 1.0), video)).max() > 100 * TOLERANCE
    np.testing.assert_allclose(of_graphs(tmp_path / "graphs", bundle, video), wanted, atol=TOLERANCE)
    assert json.loads((tmp_path / "graphs" / "graphs.json").read_text("utf-8"))["temperature"] == temperature


def test_what_is_left_out_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    presets = {name: Preset(pattern="1:3", num_clips=3) for name in ("fast", "cheap")}
    bundle = gated_bundle(None)
    config = replace(bundle.config, calibration=Calibration(temperature=2.0, stop=RULE), presets=presets)
    save_bundle(replace(bundle, config=config), tmp_path / "bundle")
    out = ["--format", "torch-export", "--out", str(tmp_path / "graphs")]
    assert main(["export", str(tmp_path / "bundle"), *out]) == 0
    left_out = (
        "left out: its gate; its rule to stop, 0.9:2; its presets (cheap, fast); the graphs look at every clip, by"
    )
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith(left_out)]
    save_bundle(small_bundle(), tmp_path / "plain")
    assert main(["export", str(tmp_path / "plain"), *out]) == 0
    assert "left out" not in capsys.readouterr().out
