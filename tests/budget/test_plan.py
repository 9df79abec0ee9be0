"""What is chosen for a budget, and the commands that write it into a bundle."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from budget_samples import gated_bundle
from inference_samples import small_bundle

from faster_video.budget.plan import Budget, plan
from faster_video.budget.prices import gmacs_prices, seconds_prices
from faster_video.bundle import Bundle, load_bundle, save_bundle
from faster_video.cli.main import main
from faster_video.datasets import VideoList
from faster_video.errors import ConfigError
from faster_video.evaluation import baseline
from faster_video.features import FeatureStore, evaluate_features
from faster_video.policy import Preset


def test_a_plan_takes_the_best_that_the_budget_allows(store: FeatureStore) -> None:
    bundle = gated_bundle(None)
    prices = gmacs_prices(bundle)
    whole = plan(bundle, store, Budget.parse("1000 GMACs"), prices=(prices, prices))
    assert whole.all_expensive.setting.pattern == "1:0" and whole.all_expensive.setting.num_clips == 5
    assert {one.setting.num_clips for one in whole.tried} == {5, 2, 1}
    assert any(one.setting.gate_threshold is not None for one in whole.tried)
    best = max(one.outcome.top1 for one in whole.tried)
    assert whole.chosen.outcome.top1 == best
    front = [(kept.outcome.top1, kept.outcome.mean_cost) for kept in whole.front]
    costs = [cost for _, cost in front]
    assert costs == sorted(costs)
    for one in whole.tried:
        top1, cost = one.outcome.top1, one.outcome.mean_cost
        assert any(kept >= top1 and least <= cost for kept, least in front)
    usual, average = (evaluate_features(one.with_pattern("1:0"), store) for one in (bundle, baseline(small_bundle())))
    assert whole.average is not None
    for found, wanted in ((whole.all_expensive, usual), (whole.average, average)):
        assert (found.outcome.top1, found.gmacs) == pytest.approx((wanted.counts.top1, wanted.gmacs_per_video))
    least = min(costs)
    tight = plan(bundle, store, Budget(1.2 * least, "GMACs"), prices=(prices, prices))
    assert tight.chosen.outcome.mean_cost <= 1.2 * least
    preset = tight.preset()
    config = replace(bundle.config, presets={"x": preset})
    again = Bundle(model=bundle.model, config=config).with_preset("x")
    judged = evaluate_features(again, store, stop=preset.stop)
    assert judged.counts.top1 == pytest.approx(tight.chosen.outcome.top1)
    assert judged.gmacs_per_video == pytest.approx(preset.gmacs)
    assert preset.top1 == tight.expected_top1
    with pytest.raises(ConfigError, match=r"budget is 1e-09 GMACs, but the cheapest setting \(.*\) takes"):
        plan(bundle, store, Budget(1e-9, "GMACs"), prices=(prices, prices))


def test_whatever_is_tried_the_references_are_all_clips_expensive(store: FeatureStore) -> None:
    bundle = small_bundle()
    prices = (gmacs_prices(bundle),) * 2
    few = plan(bundle, store, Budget(10, "GMACs"), prices=prices, patterns=["1:2"], clip_counts=[2])
    assert (few.all_expensive.setting.pattern, few.all_expensive.setting.num_clips) == ("1:0", 5)
    assert {(one.setting.pattern, one.setting.num_clips) for one in few.tried} == {("1:2", 2)}
    with pytest.raises(ConfigError, match="clips is 6; it must be at most 5"):
        plan(bundle, store, Budget(10, "GMACs"), prices=prices, clip_counts=[6])


def test_seconds_are_those_of_the_classifier() -> None:
    alone, together = seconds_prices(small_bundle(), "cpu", "eager")
    for prices in (alone, together):
        assert 0 < prices.cheap < prices.gated_expensive < 5
    assert alone.gated_expensive == alone.expensive + alone.cheap


def test_presets_keep_the_temperature_that_they_were_chosen_by(store: FeatureStore, tmp_path: Path) -> None:
    save_bundle(small_bundle(), tmp_path / "bundle")
    assert run("plan", tmp_path / "bundle", store.folder, "--budget", "1 GMACs") == 0
    before = load_bundle(tmp_path / "bundle").config.presets["cheap"]
    assert run("calibrate", tmp_path / "bundle", store.folder, "--max_drop", 30) == 0
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.config.presets["cheap"] == before and before.temperature == 1.0
    assert bundle.config.calibration.temperature != 1.0
    assert bundle.with_preset("cheap").config.calibration.temperature == 1.0


def test_a_new_gate_takes_the_presets_of_the_old_one_away(
    store: FeatureStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = gated_bundle(None)
    presets = {
        "old": Preset(pattern="first", num_clips=5, gate_threshold=0.4),
        "plain": Preset(pattern="1:1", num_clips=2),
    }
    save_bundle(replace(bundle, config=replace(bundle.config, presets=presets)), tmp_path / "bundle")
    assert run("gate", tmp_path / "bundle", store.folder, "--share", 0.5, "--epochs", 1, "--preset", "new") == 0
    assert "presets of the gate before are removed: old" in capsys.readouterr().err
    assert set(load_bundle(tmp_path / "bundle").config.presets) == {"plain", "new"}
    assert run("gate", tmp_path / "bundle", store.folder, "--share", 0.1) == 2
    assert "share is 0.1, but the first of 5 clips is always expensive; give more than 0.2" in capsys.readouterr().err


def test_videos_that_cannot_be_read_are_named(
    videos: VideoList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{video.path},{video.label}" for video in videos.videos]
    (tmp_path / "broken.mp4").write_bytes(videos.videos[0].path.read_bytes()[:300])
    lines += [f"{tmp_path / name},wave" for name in ("broken.mp4", "none.mp4")]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *lines]) + "\n")
    save_bundle(small_bundle(), tmp_path / "bundle")
    for words in (("calibrate",), ("plan", "--budget", "1 GMACs", "--clips", 2, "--patterns", "1:1")):
        assert run(words[0], tmp_path / "bundle", tmp_path / "list.csv", *words[1:]) == 1
        told = capsys.readouterr().err
        assert "broken.mp4: " in told and "none.mp4: No such file or directory" in told


@pytest.mark.parametrize("text", ["much", "0 s", "5", "5 apples", "-3 GMACs", "GMACs", ""])
def test_wrong_budgets_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write what a video may cost, as '40 GMACs' or '0\.5 s'"):
        Budget.parse(text)


def test_budgets_are_read() -> None:
    assert Budget.parse("40 GMACs") == Budget.parse("40gmacs") == Budget(40.0, "GMACs")
    assert Budget.parse("0.5 s") == Budget.parse(" 5e-1 seconds ") == Budget(0.5, "s")


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_commands_calibrate_plan_and_classify(
    videos: VideoList, store: FeatureStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_bundle(small_bundle(), tmp_path / "bundle")
    data, folder = videos.source, tmp_path / "bundle"
    assert run("calibrate", folder, store.folder, "--max-drop", 50) == 0
    from_maps = load_bundle(folder).config.calibration
    assert "temperature" in (told := capsys.readouterr().out) and "stop at" in told
    assert run("calibrate", folder, data, "--max-drop", 50, "--out", tmp_path / "new") == 0
    from_files = load_bundle(tmp_path / "new").config.calibration
    assert from_files.stop == from_maps.stop and from_files.temperature == pytest.approx(
        from_maps.temperature, rel=0.01
    )
    capsys.readouterr()
    assert run("gate", folder, store.folder, "--share", 0.5, "--epochs", 1) == 0
    assert "gate" in load_bundle(folder).config.presets and "threshold" in capsys.readouterr().out
    plot = tmp_path / "front.png"
    assert run("plan", folder, store.folder, "--budget", "1 GMACs", "--plot", plot, "--preset", "small") == 0
    assert "chosen for 1 GMACs" in capsys.readouterr().out and plot.stat().st_size > 10_000
    assert load_bundle(folder).config.calibration == from_maps  # and the rest is kept
    assert {"gate", "small"} == set(load_bundle(folder).config.presets)
    assert run("plan", folder, data, "--budget", "10 s", "--clips", 2, "--patterns", "1:0", "1:1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unit"] == "s" and {one["num_clips"] for one in found["tried"]} == {2}
    video = videos.videos[0].path
    assert run("classify", video, "--bundle", folder, "--preset", "cheap", "--json") == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["num_clips"] == 2
    assert run("classify", video, "--bundle", folder, "--stop-when", "0.01", "--jsonl") == 0
    assert len(json.loads(capsys.readouterr().out)["clips"]) == 1
    assert run("classify", video, "--bundle", folder, "--stop_when", "0.01") == 0
    assert "known after 1 of 5 clips" in capsys.readouterr().out
    assert run("classify", video, "--bundle", folder, "--preset", "gate", "--plot", tmp_path / "t.png") == 0
    assert run("evaluate", folder, store.folder, "--preset", "small", "--json") == 0
    judged = json.loads(capsys.readouterr().out.split("drawn")[-1].partition("{")[2].join("{ "))
    preset = load_bundle(folder).config.presets["small"]
    assert judged["gmacs_per_video"] == pytest.approx(preset.gmacs)
    assert run("evaluate", folder, data, "--stop_when", "calibrated") == 0
    assert run("stream", video, "--bundle", folder, "--preset", "gate") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("calibrate default list.csv", "BUNDLE is 'default', which is no folder that can be written; name a new one"),
        ("plan {bundle} {store} --budget much", "budget is 'much'; write what a video may cost, as '40 GMACs'"),
        ("plan {bundle} {store}", "not given: --budget AMOUNT; see faster-video plan --help"),
        ("classify x.mp4 --bundle {bundle} --preset dear", "preset is 'dear', which this bundle does not have"),
        ("classify x.mp4 --bundle {bundle} --stop_when often", "stop is 'often'; write the probability"),
        ("gate {bundle} {store} --share 2", "share is 2.0; it must lie between 0 and 1"),
        ("plan {bundle} {store} --budget 1s --clips 9", "clips is 9; it must be at most 5"),
        ("plan {bundle} {store} --budget 1GMACs --engine eager", "--engine is eager, but the budget is in GMACs"),
        ("calibrate {bundle} {store} --root x", "--root is x, but LIST is a folder of features"),
        ("calibrate {bundle} {store} --engine eager", "--engine is eager, but LIST is a folder of features"),
        (
            "classify x.mp4 --bundle {bundle} --gate 0.5 --pattern 1:2",
            "gate is 0.5 and pattern is '1:2'; either",
        ),
    ],
)
def test_wrong_words_get_one_sentence(
    words: str, message: str, store: FeatureStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_bundle(small_bundle(), tmp_path / "bundle")
    assert run(*(word.format(bundle=tmp_path / "bundle", store=store.folder) for word in words.split())) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
