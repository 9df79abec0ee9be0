"""What a benchmark reports agrees with itself, with the cost of the model, and with what was asked for."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from model_samples import small_bundle

from faster_video.bundle import save_bundle
from faster_video.cli import main
from faster_video.config import TransformConfig
from faster_video.cost import video_cost
from faster_video.inference import Classifier
from faster_video.recipes import faster16, get_recipe, motion
from faster_video.speed import Benchmark, benchmark, benchmark_table, random_bundle, write_made_up_video
from faster_video.video import VideoReader, probe

KEYS = {"gmacs", "seconds_model", "seconds_total", "fma_peak_gmacs_per_second", "efficiency", "engine"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, one that averages scores, and a video of the user's own."""
    folder = tmp_path_factory.mktemp("place")
    for name in ("fast_gru", "average"):
        save_bundle(small_bundle(name), folder / name)
    bundle = small_bundle()
    write_made_up_video(folder / "own.mp4", bundle.config.clips, bundle.config.transform)
    return folder


@pytest.fixture(scope="module")
def found(place: Path) -> Benchmark:
    return benchmark(bundle=place / "fast_gru", video=place / "own.mp4", rounds=3, device="cpu")


def test_the_figures_agree_with_each_other(found: Benchmark) -> None:
    shown = found.as_dict()
    assert shown.keys() >= KEYS
    for name in ("seconds_model", "seconds_total", "fma_peak", "sgemm"):
        measured = getattr(found, name)
        assert len(measured.rounds) == shown["rounds"] == 3
        assert 0 < measured.spread[0] <= measured.median <= measured.spread[1]
    assert found.fma_peak is not None
    peak, seconds = found.fma_peak.median, found.seconds_model.median
    assert shown["efficiency"] == pytest.approx(found.gmacs / (seconds * peak))
    assert shown["parts"] == [
        {
            "name": part.name,
            "gmacs": part.gmacs,
            "seconds": part.seconds.median,
            "spread": [min(part.seconds.rounds), max(part.seconds.rounds)],
            "efficiency": pytest.approx(part.gmacs / (part.seconds.median * peak)) if part.gmacs else None,
            "share_of_seconds_model": pytest.approx(part.seconds.median / seconds),
        }
        for part in found.parts
    ]
    json.dumps(shown)


def test_the_models_parts_are_the_whole_model(found: Benchmark) -> None:
    config = small_bundle().config
    cost = video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels))
    assert found.gmacs == cost.gmacs
    gmacs = {part.name: part.gmacs for part in found.parts}
    assert list(gmacs) == ["expensive network", "cheap network", "aggregator, classifier", "decoding"]
    assert sum(gmacs.values()) == pytest.approx(cost.gmacs)
    assert gmacs["expensive network"] == cost.parts[0].gmacs  # 3 clips of 1:3
    assert gmacs["cheap network"] == 2 * cost.parts[1].gmacs
    assert gmacs["decoding"] == 0
    for round_seconds in zip(*(part.seconds.rounds for part in found.parts[:3]), strict=True):
        assert sum(round_seconds) == pytest.approx(
            found.seconds_model.rounds[found.parts[0].seconds.rounds.index(round_seconds[0])]
        )


def test_a_network_without_clips_has_no_efficiency(place: Path) -> None:
    found = benchmark(bundle=place / "fast_gru", video=place / "own.mp4", rounds=1, pattern="0:1", engine="eager")
    expensive = found.parts[0]
    assert (found.pattern, found.engine, expensive.gmacs, expensive.seconds.median) == ("0:1", "eager", 0, 0)
    assert found.efficiency_of(expensive.gmacs, expensive.seconds) is None


def test_classifiers_of_averaged_scores_are_counted(place: Path) -> None:
    found = benchmark(bundle=place / "average", video=place / "own.mp4", rounds=1)
    assert found.parts[2].gmacs > 0
    assert sum(part.gmacs for part in found.parts) == pytest.approx(found.gmacs)


def test_a_recipe_has_random_weights_and_a_made_up_video(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--recipe", "motion", "--rounds", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    recipe = motion()
    assert (shown["recipe"], shown["bundle"], shown["rounds"]) == ("motion", None, 1)
    assert shown["gmacs"] == video_cost(recipe.model, recipe.clips, 48, 400).gmacs
    video = shown["video"]
    assert (video["path"], video["made_up"], video["codec"]) == (None, True, "h264")
    assert (video["width"], video["height"], video["num_frames"]) == (64, 48, 75)


def test_the_table_says_what_was_measured(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", str(place / "fast_gru"), "--video", str(place / "own.mp4"), "--rounds", "1"]) == 0
    printed = capsys.readouterr().out
    for text in ("expensive network", "cheap network", "aggregator, classifier", "decoding", "file to label"):
        assert text in printed
    assert "FMA peak" in printed and "GMAC/s" in printed and "made-up" not in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_the_table_says_that_the_video_was_made_up(place: Path) -> None:
    caption = benchmark_table(benchmark(bundle=place / "fast_gru", rounds=1)).caption
    assert "a made-up file: h264, 29 frames of 48×36" in str(caption)


def test_without_a_compiler_there_is_no_peak_and_no_efficiency(place: Path, tmp_path: Path, found: Benchmark) -> None:
    told = subprocess.run(
        shlex.split(
            f"{sys.executable} -m faster_video benchmark --engine eager --device cpu --rounds 1 --json {place}/fast_gru"
        ),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"CC": "false", "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert told.stderr == (
        "faster-video: the FMA peak is not measured, so that no efficiency is given: "
        "false cannot compile peak.c: exit code 1\n"
    )
    shown = json.loads(told.stdout)
    assert shown["fma_peak_gmacs_per_second"] is shown["efficiency"] is shown["parts"][0]["efficiency"] is None
    assert shown["seconds_model"] > 0 and shown["sgemm_gmacs_per_second"] > 0
    assert "FMA peak not measured" in str(benchmark_table(replace(found, fma_peak=None)).caption)


def test_random_weights_are_the_same_ones_and_let_every_block_speak() -> None:
    before = torch.get_rng_state()
    one, other = random_bundle(get_recipe("motion")), random_bundle(get_recipe("motion"))
    assert torch.equal(torch.get_rng_state(), before)
    weights = other.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in one.model.state_dict().items())
    assert all(float(weights[name].min()) >= 0.5 for name in weights if name.endswith("restore.1.weight"))
    assert not one.model.training


def test_a_made_up_video_holds_all_clips_and_shows_motion(tmp_path: Path) -> None:
    recipe = faster16()
    small = TransformConfig(crop_size=32, test_short_side=36, train_short_side=(36, 40))
    for transform, size in ((recipe.transform, (340, 256)), (small, (48, 36))):
        path = tmp_path / f"{size[0]}.mp4"
        write_made_up_video(path, recipe.clips, transform)
        info = probe(path)
        assert (info.width, info.height, info.num_frames, info.seconds) == (*size, 300, 10)
        with VideoReader(path) as reader:
            first, second = reader.frames([0, 1]).data.astype(int)
        assert abs(first - second).mean() > 1
    bundle = small_bundle()
    clips = islice(Classifier(bundle, "cpu").decoder.read(tmp_path / "48.mp4"), 3)
    assert len({clip.start_seconds for clip in clips}) == 3
