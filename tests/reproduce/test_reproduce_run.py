"""Experiments from nothing to results: what is trained once, shared, resumed after a kill, counted and refused."""

import json
import multiprocessing
import os
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from reproduce_samples import prepared, small_experiment_recipe, write_motion_parts

from faster_video.bundle import load_bundle, save_bundle
from faster_video.config import StageConfig
from faster_video.cost import video_cost
from faster_video.datasets import read_list
from faster_video.errors import ConfigError, DataError, FasterVideoError, TrainingError
from faster_video.evaluation import baseline, evaluate
from faster_video.features import TEST, FeatureStore, StoredKey
from faster_video.inference import Classifier
from faster_video.packaged import PACKAGED
from faster_video.reproduce.experiments import make_experiment
from faster_video.reproduce.folder import ExperimentFolder, canonical
from faster_video.reproduce.parts import content_sha256, read_experiment_parts
from faster_video.reproduce.pretraining import read_pretraining
from faster_video.reproduce.results import CellResult
from faster_video.reproduce.run import Outcome, run_experiment
from faster_video.reproduce.stores import store_need
from faster_video.training.train import train


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """So that every run rounds alike."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_motion_parts(tmp_path_factory.mktemp("set") / "motion")


def reproduce(name: str, data: Path, out: Path, **changes: object) -> tuple[Outcome, list[str]]:
    said: list[str] = []
    return run_experiment(prepared(name, data, out, said, **changes), lambda results: None), said


@pytest.fixture(scope="module")
def table3(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """The folder of a whole table 3, and its results."""
    out = tmp_path_factory.mktemp("table3") / "out"
    return out, reproduce("table3", data, out)[0]


def places(outcome: Outcome) -> dict[tuple[str, str], CellResult]:
    return {(cell.row, cell.column): result for cell, result in outcome.results.items()}


def times(folder: Path) -> dict[str, int]:
    """Every file and when it was last written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def results(folder: Path) -> dict[str, dict[str, object]]:
    """Every result's file but for the time it took."""
    found = {path.name: json.loads(path.read_text()) for path in (folder / "results").iterdir()}
    for values in found.values():
        del values["result"]["stage2_seconds"]
    return found


def test_table3_is_trained_and_judged_from_one_pair_of_networks(table3: tuple[Path, Outcome]) -> None:
    out, outcome = table3
    found = places(outcome)
    assert list(found) == [
        (row, column) for row in ("average", "concat", "lstm", "gru", "fast_gru") for column in ("2", "4", "8")
    ]
    assert [path.name for path in (out / "backbones").iterdir()] == ["r2plus1d50-w0.03125+r2d26-w0.015625-L8-seed0"]
    assert len(list((out / "cells").iterdir())) == 12 and list((out / "stores").iterdir()) == []
    assert not outcome.interrupted and outcome.unreadable == 0
    for (row, _), result in found.items():
        (seed,) = result.seeds
        assert (seed.seed, len(seed.correct)) == (0, 6)
        assert (seed.stage2_seconds > 0) == (row != "average")
    cell, result = next((cell, result) for cell, result in outcome.results.items() if cell.row == "lstm")
    assert result.gmacs_per_video == video_cost(cell.setting.model, cell.setting.clips, 32, 6).gmacs


def test_a_result_is_what_the_bundle_says_of_the_videos_themselves(table3: tuple[Path, Outcome], data: Path) -> None:
    out, outcome = table3
    found = places(outcome)
    pair = load_bundle(next((out / "backbones").iterdir()) / "bundle")
    cell = next(cell for cell in outcome.results if (cell.row, cell.column) == ("average", "4"))
    config = replace(pair.config, clips=cell.setting.clips)
    average = baseline(replace(pair, config=config).with_pattern("first"))
    learned = load_bundle(next((out / "cells").glob("gru-first-N4-*")) / "bundle")
    assert (str(learned.model.pattern), learned.config.clips.num_clips) == ("first", 4)
    for bundle, row in ((average, "average"), (learned, "gru")):
        judged = evaluate(Classifier(bundle, "cpu"), read_list(data / "test.csv").videos)
        assert found[row, "4"].seeds[0].correct == tuple(video.correct for video in judged.videos), row
        assert found[row, "4"].seeds[0].per_class_mean == judged.counts.per_class_mean
    for network in ("expensive", "cheap"):
        ours, theirs = (getattr(bundle.model, network).state_dict() for bundle in (learned, pair))
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)  # frozen


def test_another_experiment_in_the_folder_takes_what_is_there(
    table3: tuple[Path, Outcome], data: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(table3[0], tmp_path / "out"))
    before = times(out)
    outcome, said = reproduce("figure3", data, out)
    after = times(out)
    assert {path: after[path] for path in before} == before
    assert not any("first" in line or "networks" in line for line in said)
    assert {Path(path).name.split("-r2plus1d50")[0] for path in after.keys() - before.keys()} == {
        f"average-{pattern}-N{num_clips}" for pattern in ("1to0", "0to1") for num_clips in (2, 4, 8)
    }
    assert len(outcome.results) == 9
    again, said = reproduce("figure3", data, out)
    assert (again.results, said) == (outcome.results, []) and times(out) == after


def test_the_same_clips_under_another_pattern_are_one_setting() -> None:
    cell = next(cell for cell in make_experiment("table4", small_experiment_recipe()).cells if cell.row == "1:7")
    assert canonical(cell.setting).model.pattern == "first"
    assert canonical(cell.setting).clips == cell.setting.clips


def test_stores_are_as_small_as_can_be_known_before_and_kept_if_asked(data: Path, tmp_path: Path) -> None:
    outcome, said = reproduce("table5", data, tmp_path / "out", frames=[8], keeps_stores=True)
    stores = {path.name: FeatureStore(path).config for path in (tmp_path / "out" / "stores").glob("*/*")}
    assert {name: (store.views, store.test_view, store.networks) for name, store in stores.items()} == {
        "train-both": (1, False, "both"),  # 1:1 and 1:3
        "test-both": (0, True, "both"),
    }
    learned_from = FeatureStore(next((tmp_path / "out" / "stores").glob("*/train-both")))
    assert learned_from.has(StoredKey(0, 0)) and not learned_from.has(StoredKey(0, TEST))
    sizes = [store.video_bytes * store.num_videos for store in stores.values()]
    run = prepared("table5", data, tmp_path / "other", [], frames=[8], keeps_stores=True)
    (workshop,) = run.workshops.values()
    needs = [piece.store for piece in workshop.plan([cell.setting for cell in outcome.results], 0)]
    assert sum(need.num_bytes(32) for need in needs if need is not None) == sum(sizes)
    assert said[0].startswith(f"feature stores will take {sum(sizes) / 1000:,.1f} kB; ")
    assert reproduce("table5", data, tmp_path / "out", frames=[8])[0].results == outcome.results
    assert list((tmp_path / "out" / "stores").iterdir()) == []  # now they are not asked for


def test_one_pattern_keeps_its_own_maps_unless_both_are_there_already(tmp_path: Path) -> None:
    recipe = small_experiment_recipe()
    settings = [cell.setting for cell in make_experiment("table4", recipe, frames=[8]).cells]
    learned = [setting for setting in settings if setting.model.pattern == "1:3"]
    need = store_need(tmp_path, "train", learned, recipe, 18)
    assert (need.path.name, need.views, need.keeps_both) == ("train-1to3", 1, False)
    assert store_need(tmp_path, "test", settings, recipe, 6).path.name == "test-both"
    (tmp_path / "train-both").mkdir()
    (tmp_path / "train-both" / "store.json").touch()
    assert store_need(tmp_path, "train", learned, recipe, 18).path.name == "train-both"
    assert store_need(tmp_path, "train", learned, replace(recipe, stage2_stored_views=0), 18).views == 2


def test_missing_and_broken_test_videos_are_wrong_and_counted(data: Path, tmp_path: Path) -> None:
    lines = (data / "test.csv").read_text().splitlines()
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    listed = [f"{data / line}" for line in lines[1:]] + ["missing.mp4,up", "broken.mp4,up"]
    (tmp_path / "test.csv").write_text("\n".join(listed) + "\n")
    sources = {"test": str(tmp_path / "test.csv")}
    outcome, said = reproduce("table2", data / "train.csv", tmp_path / "out", sources=sources, frames=[32])
    assert outcome.unreadable == 2 and "1 videos of the test part could not be read" in said
    for result in outcome.results.values():
        assert len(result.seeds[0].correct) == 8 and result.seeds[0].correct[6:] == (False, False)


def test_missing_training_videos_are_left_out_and_told(data: Path, tmp_path: Path) -> None:
    lines = (data / "train.csv").read_text().splitlines()[1:]
    (tmp_path / "train.csv").write_text("".join(f"{data / line}\n" for line in lines) + "missing.mp4,up\n")
    said: list[str] = []
    sources = {"test": str(data / "test.csv")}
    run = prepared("table2", tmp_path / "train.csv", tmp_path / "out", said, sources=sources)
    assert said == [f"1 training videos of {tmp_path / 'train.csv'} are missing and left out"]
    assert len(run.workshops[""].parts.train.videos) == 18


def test_of_an_interrupted_experiment_the_finished_seeds_remain(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def interrupted_in_seed_1(run: object, *, resume: bool) -> object:
        runs.append(run.out.name)  # type: ignore[attr-defined]
        if run.seed == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return train(run, resume=resume)  # type: ignore[arg-type]

    monkeypatch.setattr("faster_video.reproduce.workshop.train", interrupted_in_seed_1)
    reports: list[int] = []
    run = prepared("table6", data, tmp_path / "out", [], seeds=2)
    outcome = run_experiment(run, lambda results: reports.append(len(results)))
    assert outcome.interrupted and reports == [4]
    assert {cell.row for cell in outcome.results} == {"all expensive, average", "1:1"}
    assert {tuple(seed.seed for seed in result.seeds) for result in outcome.results.values()} == {(0,)}
    assert len(runs) == 3 and runs[-1].endswith("seed1")  # averages need no stage 2
    monkeypatch.undo()
    whole = run_experiment(run, lambda results: None)
    assert {tuple(seed.seed for seed in result.seeds) for result in whole.results.values()} == {(0, 1)}
    assert all(whole.results[cell].seeds[0] == result.seeds[0] for cell, result in outcome.results.items())


class Killed:
    """An experiment in a process and session of its own, which can be killed with all of its workers."""

    def __init__(self, data: Path, out: Path) -> None:
        self.data, self.out = data, out
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["faster_video.reproduce.setup", "reproduce_samples"])

    def start(self) -> multiprocessing.context.ForkServerProcess:
        process = self.context.Process(target=_table3_here, args=(self.data, self.out))
        process.start()
        return process

    def kill_at(self, pattern: str) -> None:
        """Let it work until there is a file that matches, and a moment longer."""
        process = self.start()
        while process.is_alive() and not list(self.out.glob(pattern)):
            time.sleep(0.002)
        assert process.is_alive(), f"ended before there was {pattern}"
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.join()


def _table3_here(data: Path, out: Path) -> None:
    os.setsid()
    torch.set_num_threads(1)
    reproduce("table3", data, out)


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_results(
    data: Path, table3: tuple[Path, Outcome], tmp_path: Path
) -> None:
    killed = Killed(data, tmp_path / "out")
    killed.kill_at("backbones/*/stage1_expensive/step-*")
    assert not list(killed.out.glob("results/*"))
    killed.kill_at("stores/*/train-first/store.json")
    killed.kill_at("cells/concat-first-N2-*/stage2/step-*")
    killed.kill_at("results/lstm-first-N4-*")
    finished = {path: path.stat().st_mtime_ns for path in killed.out.glob("*/*/bundle/*")}
    finished |= {path: path.stat().st_mtime_ns for path in killed.out.glob("results/*")}
    assert len(finished) > 14
    last = killed.start()
    last.join()
    assert last.exitcode == 0
    assert {path: path.stat().st_mtime_ns for path in finished} == finished  # nothing is done twice
    assert results(killed.out) == results(table3[0])
    assert list((killed.out / "stores").iterdir()) == []
    for theirs in table3[0].glob("cells/*/bundle"):
        ours = killed.out / theirs.relative_to(table3[0])
        assert load_bundle(ours).config.weights_sha256 == load_bundle(theirs).config.weights_sha256


def test_a_stage_2_that_was_begun_on_other_features_begins_anew(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome, _ = reproduce("table5", data, out, frames=[8])
    folder = ExperimentFolder(out)
    setting = canonical(next(cell.setting for cell in outcome.results if cell.row == "1:1"))
    folder.result(setting, 0).unlink()
    run = folder.stage2(setting, 0)
    before = json.loads((run / "run.json").read_text())["data"]["path"]
    shutil.rmtree(run / "bundle")  # as if it had been killed before its end
    again, _ = reproduce("table5", data, out, frames=[8])
    assert places(again)["1:1", "8 × 8"].seeds[0].correct == places(outcome)["1:1", "8 × 8"].seeds[0].correct
    after = json.loads((run / "run.json").read_text())["data"]["path"]
    assert before.endswith("train-both") and after.endswith("train-1to1")  # 1:3 needs nothing any more


def changed(what: str, data: Path, tmp_path: Path) -> dict[str, object]:
    """How the experiment differs from the one that the folder was made with."""
    recipe = small_experiment_recipe()
    few = tmp_path / "few.csv"
    few.write_text("".join(f"{data / line}\n" for line in (data / "test.csv").read_text().splitlines()[1:-1]))
    changes: dict[str, dict[str, object]] = {
        "list": {"sources": {"validation_share": 0.3}},
        "test list": {"sources": {"test": str(few)}},
        "recipe": {"recipe": replace(recipe, stage2=replace(recipe.stage2, epochs=3, learning_rate=0.5))},
    }
    return changes[what]


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("list", "the training videos are others; the test videos are others; give the same, or choose another --out"),
        ("test list", "other settings: the test videos are others; give"),
        ("recipe", "recipe.stage2.epochs is 2 there and 3 now; recipe.stage2.learning_rate is 0.004 there and 0.5"),
    ],
)
def test_a_folder_of_other_settings_is_refused(
    what: str, sentence: str, data: Path, table3: tuple[Path, Outcome], tmp_path: Path
) -> None:
    before = times(table3[0])
    with pytest.raises(TrainingError, match=sentence):
        reproduce("table3", data, table3[0], **changed(what, data, tmp_path))
    assert times(table3[0]) == before


def test_other_videos_under_the_same_names_are_refused(
    data: Path, table3: tuple[Path, Outcome], tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(data, tmp_path / "moved"))
    assert reproduce("table3", moved, table3[0])[0].results == table3[1].results  # the same, elsewhere
    other = write_motion_parts(tmp_path / "other", seed=6)
    assert read_list(other / "train.csv").sha256 == read_list(data / "train.csv").sha256
    with pytest.raises(TrainingError, match="settings: the training videos are others; the test videos are others;"):
        reproduce("table3", other, table3[0])
    settings = [read_pretraining(str(folder), epochs=2).settings for folder in (data, moved, other)]
    assert settings[0] == settings[1] != settings[2]
    longer = read_list(moved / "test.csv").videos[0].path
    longer.write_bytes(longer.read_bytes() + b"0")
    with pytest.raises(TrainingError, match="other settings: the test videos are others; give"):
        reproduce("table3", moved, table3[0])
    train = read_list(moved / "train.csv")
    before = content_sha256(train)
    (moved / "motion.json").write_text("{}")  # as of a set whose files happen to be as large
    assert content_sha256(train) != before


def test_results_and_stage_2_of_other_networks_are_refused_by_name(
    data: Path, table3: tuple[Path, Outcome], tmp_path: Path
) -> None:
    judged = Path(shutil.copytree(table3[0], tmp_path / "judged"))
    shutil.rmtree(judged / "backbones")
    assert reproduce("table3", data, judged)[1] == []  # nothing to compare with, and nothing to do
    out = Path(shutil.copytree(table3[0], tmp_path / "out"))
    (networks,) = (out / "backbones").iterdir()
    bundle = load_bundle(networks / "bundle")
    with torch.no_grad():
        next(bundle.model.parameters()).add_(1)
    save_bundle(bundle, networks / "bundle")
    with pytest.raises(
        TrainingError,
        match=r"average-first-N2-.*\.json: was judged with other networks than there are now in .*L8-seed0",
    ):
        reproduce("table3", data, out)
    shutil.rmtree(out / "results")
    with pytest.raises(
        TrainingError, match=r"cells/concat-first-N2-.*: was trained with other networks than there are"
    ):
        reproduce("table3", data, out)


def test_networks_may_be_copied_but_only_with_their_settings(
    data: Path, table3: tuple[Path, Outcome], tmp_path: Path
) -> None:
    recipe = small_experiment_recipe(stage2_epochs=1)
    other_stage1 = replace(recipe, stage1_cheap=StageConfig(epochs=2, warmup_epochs=0, batch_size=8))
    for name, chosen in (("other stage 2", recipe), ("other stage 1", other_stage1)):
        out = tmp_path / name
        out.mkdir()
        (out / "backbones").symlink_to(table3[0] / "backbones")
        if chosen is recipe:
            outcome, said = reproduce("table2", data, out, recipe=chosen, frames=[8])
            assert len(outcome.results) == 2 and not any("networks" in line for line in said)
            continue
        with pytest.raises(TrainingError, match=r"L8-seed0: was trained with other settings \(recipe\); remove it"):
            reproduce("table2", data, out, recipe=chosen, frames=[8])


def test_clips_of_one_group_are_held_out_together(data: Path, tmp_path: Path) -> None:
    videos = [video.path for video in read_list(data / "train.csv").videos]
    names = [f"v_{label}_g{group:02}_c{clip:02}.mp4" for label in "ab" for group in range(1, 6) for clip in (1, 2, 3)]
    for name, path in zip(names, videos * 2, strict=False):
        (tmp_path / name).symlink_to(path)
    (tmp_path / "train.csv").write_text("".join(f"{name},{name.split('_')[1]}\n" for name in names))
    parts = read_experiment_parts(tmp_path / "train.csv", validation_share=0.2)
    held, rest = ({video.path.name[:-8] for video in part.videos} for part in (parts.test, parts.train))
    assert not held & rest and {name[2] for name in held} == {"a", "b"}
    assert (len(parts.test.videos), len(parts.train.videos)) == (6, 24)
    single = "".join(f"{name},{name.split('_')[1]}\n" for name in names if "_g01_" in name or "_b_" in name)
    (tmp_path / "single.csv").write_text(single)
    with pytest.raises(DataError, match=r"the 3 training videos of label 'a' are clips of too few groups \(_g01, _g02"):
        read_experiment_parts(tmp_path / "single.csv", validation_share=0.2)


def test_a_damaged_result_is_refused_by_name(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome, _ = reproduce("table2", data, out, frames=[32])
    path = next((out / "results").iterdir())
    path.write_text(path.read_text()[:-40])
    with pytest.raises(
        TrainingError, match=rf"{re.escape(path.name)}: is no result of an experiment: .*; remove it, and"
    ):
        reproduce("table2", data, out, frames=[32])
    path.unlink()
    assert reproduce("table2", data, out, frames=[32])[0].results == outcome.results


def test_the_parts_of_a_folder_with_both_lists(data: Path) -> None:
    parts = read_experiment_parts(data)
    assert parts.train == read_list(data / "train.csv") and parts.test == read_list(data / "test.csv")
    assert read_experiment_parts(data / "train.csv", test=str(data / "test.csv")) == parts


def test_a_held_out_share_has_every_label_and_depends_on_paths_alone(data: Path, tmp_path: Path) -> None:
    parts = read_experiment_parts(data, validation_share=0.34)
    whole = read_list(data / "train.csv")
    assert sorted(video.label for video in parts.test.videos) == whole.labels  # one of three of each
    assert {*parts.train.videos, *parts.test.videos} == set(whole.videos)
    assert len(parts.train.videos) == 12
    shuffled = data / "shuffled.csv"
    shuffled.write_text("\n".join(reversed((data / "train.csv").read_text().splitlines()[1:])) + "\n")
    again = read_experiment_parts(shuffled, validation_share=0.34)
    shuffled.unlink()
    assert set(again.test.videos) == set(parts.test.videos)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({}, DataError, "train.csv: has no test part; give one with --test LIST, or hold out"),
        ({"test": "train.csv"}, DataError, "train.csv: 18 of its videos, such as .*, are training videos too"),
        ({"validation_share": 0.6}, ConfigError, "--validation_share is 0.6; it must be at most 0.5"),
        ({"validation_share": -1}, ConfigError, "--validation_share is -1; it must be at least 0"),
        ({"validation_share": 0.2, "test": "test.csv"}, ConfigError, "--validation_share and --test are both given"),
    ],
)
def test_parts_that_cannot_be_used_are_refused(
    options: dict[str, object],
    error: type[FasterVideoError],
    sentence: str,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(data)
    with pytest.raises(error, match=sentence):
        read_experiment_parts("train.csv", **options)  # type: ignore[arg-type]


def test_too_few_videos_to_hold_some_out_are_refused(data: Path, tmp_path: Path) -> None:
    lines = (data / "train.csv").read_text().splitlines()[1:]
    (tmp_path / "few.csv").write_text("".join(f"{data / line}\n" for line in lines[:12]))
    with pytest.raises(DataError, match=r"label '.*' has only 2 training videos; to hold out a part"):
        read_experiment_parts(tmp_path / "few.csv", validation_share=0.2)


def test_a_folder_of_something_else_is_left_alone(data: Path, tmp_path: Path) -> None:
    save_bundle(load_bundle(PACKAGED["motion"]), tmp_path / "bundle")
    before = times(tmp_path)
    with pytest.raises(TrainingError, match="bundle: is there already and was not made by reproduce; choose a new"):
        reproduce("table2", data, tmp_path / "bundle")
    assert times(tmp_path) == before
