"""Networks that learn from other videos first: what starts from what, what is shared, resumed after a kill, refused."""

import json
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from reproduce_samples import prepared, small_experiment_recipe, write_motion_parts

from faster_video.bundle import load_bundle
from faster_video.cli import main
from faster_video.datasets import read_list
from faster_video.datasets.motion_config import MotionConfig
from faster_video.datasets.motion_set import write_motion_set
from faster_video.errors import ConfigError, DataError, TrainingError
from faster_video.model import build_model
from faster_video.reproduce.pretraining import Pretraining, read_pretraining
from faster_video.reproduce.run import Outcome, run_experiment
from faster_video.training.train import train

PAIR = "r2plus1d50-w0.03125+r2d26-w0.015625-L8-seed0"
SHORT = {"frames": [8]}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """So that every run rounds alike."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_motion_parts(tmp_path_factory.mktemp("set") / "motion")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine labels, two of the three videos of each for training."""
    folder = tmp_path_factory.mktemp("others") / "motion"
    write_motion_set(
        folder,
        MotionConfig(kinds=9, phases=1, videos=27, test_share=0.3, size=32, frames=28, clutter=0, seed=8),
    )
    return folder


def reproduce(name: str, data: Path, out: Path, pretraining: Pretraining | None, **changes: object) -> Outcome:
    run = prepared(name, data, out, changes.pop("said", []), pretraining=pretraining, **SHORT | changes)  # type: ignore[arg-type]
    return run_experiment(run, lambda results: None)


@pytest.fixture(scope="module")
def table2(data: Path, others: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a whole table 2 from pre-trained networks, and what was said on the way."""
    out, said = tmp_path_factory.mktemp("table2") / "out", list[str]()
    reproduce("table2", data, out, read_pretraining(str(others), epochs=2), said=said)
    return out, said


def times(folder: Path) -> dict[str, int]:
    """Every file and when it was last written."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def settings(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "run.json").read_text())
    return found


def test_networks_learn_from_the_other_videos_and_start_from_there(
    table2: tuple[Path, list[str]], others: Path, data: Path
) -> None:
    out, said = table2
    first, second = (load_bundle(out / name / PAIR / "bundle") for name in ("pretrained", "backbones"))
    assert first.labels == read_list(others / "train.csv").labels and len(first.labels) == 9
    assert second.labels == read_list(data / "train.csv").labels and len(second.labels) == 6
    assert first.config.provenance["data"]["sha256"] == read_list(others / "train.csv").sha256  # not of its test part
    assert first.config.provenance["finetune_sha256"] == ""
    assert settings(out / "backbones" / PAIR)["finetune_sha256"] == first.config.weights_sha256
    titles = [line.split("  ")[1] for line in said if re.match(r"\d+/\d+  ", line)]
    name = PAIR.replace("-seed0", ", seed 0")
    assert titles[:2] == [f"pre-training of {name}", f"fine-tuning of {name}"]
    config = yaml.safe_load((out / "backbones" / PAIR / "config.yaml").read_text())  # repeats it
    assert config["finetune"] == str(out / "pretrained" / PAIR / "bundle")
    assert config["weights_sha256"] == first.config.weights_sha256


def test_the_second_time_is_shorter_and_at_a_third_of_the_rate(table2: tuple[Path, list[str]]) -> None:
    recipes = [settings(table2[0] / name / PAIR)["recipe"] for name in ("pretrained", "backbones")]
    for stage in ("stage1_expensive", "stage1_cheap"):
        first, second = (recipe[stage] for recipe in recipes)  # type: ignore[index]
        assert (first["epochs"], first["learning_rate"]) == (1, 4e-3)
        assert (second["epochs"], second["learning_rate"]) == (2, 4e-3 / 3)
        assert second["warmup_epochs"] == 0.2 and second["batch_size"] == first["batch_size"]


def test_with_no_rate_to_speak_of_the_fine_tuned_networks_are_the_pretrained_ones(
    data: Path, others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights themselves, but for the classifiers, which are for other labels."""
    monkeypatch.setattr("faster_video.reproduce.pretraining.RATE_SHARE", 1e-12)
    reproduce("table2", data, tmp_path, read_pretraining(str(others), epochs=1))
    ours, theirs = (load_bundle(tmp_path / name / PAIR / "bundle").model for name in ("backbones", "pretrained"))
    torch.manual_seed(0)
    random = build_model(load_bundle(tmp_path / "backbones" / PAIR / "bundle").config.model, 6).state_dict()
    filters = {name: value for name, value in ours.state_dict().items() if value.dim() == 5}
    assert len(filters) > 20
    for name, value in filters.items():
        assert torch.allclose(value, theirs.state_dict()[name], atol=1e-6), name
        assert not torch.allclose(value, random[name], atol=1e-3), name
    heads = [name for name in ours.state_dict() if "classifier" in name and name.endswith("weight")]
    assert heads and all((ours.state_dict()[n].shape[0], theirs.state_dict()[n].shape[0]) == (6, 9) for n in heads)


def test_networks_of_several_clip_lengths_begin_as_the_same(data: Path, others: Path, tmp_path: Path) -> None:
    said = list[str]()
    pretraining = read_pretraining(str(others), epochs=1)
    assert len(reproduce("table2", data, tmp_path, pretraining, frames=[8], said=said).results) == 2
    before = times(tmp_path / "pretrained")
    assert len(reproduce("table2", data, tmp_path, pretraining, frames=[8, 16], said=said).results) == 4
    assert times(tmp_path / "pretrained") == before  # another length begins as the first did
    titles = [line.split("  ")[1] for line in said if "training of" in line or "tuning of" in line]
    short, longer = (f"r2plus1d50-w0.03125+r2d26-w0.015625-L{frames}, seed 0" for frames in (8, 16))
    assert titles == [f"pre-training of {short}", f"fine-tuning of {short}", f"fine-tuning of {longer}"]
    (first,) = (tmp_path / "pretrained").iterdir()
    start = load_bundle(first / "bundle").config.weights_sha256
    for name, frames in ((short, 8), (longer, 16)):
        run = tmp_path / "backbones" / name.replace(", seed 0", "-seed0")
        assert settings(run)["finetune_sha256"] == start
        assert load_bundle(run / "bundle").config.clips.frames_per_clip == frames


def test_a_second_experiment_takes_the_networks_of_both_times(
    table2: tuple[Path, list[str]], data: Path, others: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(table2[0], tmp_path / "out"))
    before, said = times(out), list[str]()
    outcome = reproduce("table5", data, out, read_pretraining(str(others), epochs=2), said=said)
    after = times(out)
    assert {path: after[path] for path in before} == before
    assert len(outcome.results) == 4 and not any("training of" in line or "tuning of" in line for line in said)
    (learned, _) = sorted((out / "cells").iterdir())
    start = load_bundle(out / "backbones" / PAIR / "bundle").config.weights_sha256
    assert settings(learned)["backbones_sha256"] == start


@pytest.mark.parametrize("what", ["list", "epochs", "nothing"])
def test_a_folder_of_other_pretraining_is_refused(
    what: str, table2: tuple[Path, list[str]], data: Path, others: Path
) -> None:
    out, before = table2[0], times(table2[0])
    videos = read_list(others / "train.csv")
    pretraining = {
        "list": Pretraining(data=replace(videos, videos=videos.videos[::-1]), epochs=2),
        "epochs": read_pretraining(str(others), epochs=3),
        "nothing": None,
    }[what]
    with pytest.raises(TrainingError) as caught:
        reproduce("table2", data, out, pretraining)
    assert str(caught.value) == (
        f"{out}: its experiments were made with other settings: the videos or epochs of --pretrain are others; give "
        "the same, or choose another --out"
    )
    assert times(out) == before


def test_networks_may_be_copied_with_those_they_began_as_but_not_without(
    table2: tuple[Path, list[str]], data: Path, others: Path, tmp_path: Path
) -> None:
    pretraining = read_pretraining(str(others), epochs=2)
    both, one = tmp_path / "both", tmp_path / "one"
    for name in ("backbones", "pretrained"):
        shutil.copytree(table2[0] / name, both / name)
    said: list[str] = []
    assert len(reproduce("table2", data, both, pretraining, said=said).results) == 2
    assert not any("training of" in line or "tuning of" in line for line in said)
    shutil.copytree(table2[0] / "backbones", one / "backbones")
    with pytest.raises(TrainingError) as caught:
        reproduce("table2", data, one, pretraining)
    assert str(caught.value) == (
        f"{one / 'backbones' / PAIR}: is there, but not {one / 'pretrained' / PAIR}, which it must have been "
        "fine-tuned from; copy that too, or remove the former, and both are trained again (as also where an older "
        "version made it, which began at every clip length anew)"
    )
    assert not (one / "pretrained").exists() and not (one / "results").exists()


def test_networks_that_began_as_others_are_refused(
    table2: tuple[Path, list[str]], data: Path, others: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for name in ("backbones", "pretrained"):
        shutil.copytree(table2[0] / name, out / name)
    shutil.rmtree(out / "pretrained" / PAIR)
    shutil.copytree(out / "backbones" / PAIR, out / "pretrained" / PAIR)
    with pytest.raises(TrainingError) as caught:
        reproduce("table2", data, out, read_pretraining(str(others), epochs=2))
    assert str(caught.value) == (
        f"{out / 'pretrained' / PAIR}: was trained with other settings (recipe, data, labels, finetune_sha256); remove "
        "it, and it is trained again"
    )


def test_interrupted_between_both_times_it_goes_on_with_the_second(
    table2: tuple[Path, list[str]], data: Path, others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted_the_second_time(run: object, *, resume: bool) -> object:
        if run.finetune is not None:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return train(run, resume=resume)  # type: ignore[arg-type]

    monkeypatch.setattr("faster_video.reproduce.runs.train", interrupted_the_second_time)
    out, pretraining = tmp_path / "out", read_pretraining(str(others), epochs=2)
    assert reproduce("table2", data, out, pretraining).interrupted
    monkeypatch.undo()
    before, said = times(out / "pretrained"), list[str]()
    assert (out / "pretrained" / PAIR / "bundle").exists() and not (out / "backbones").exists()
    reproduce("table2", data, out, pretraining, said=said)
    assert times(out / "pretrained") == before
    assert not any("pre-training" in line for line in said) and any("fine-tuning of" in line for line in said)
    assert weights(out) == weights(table2[0])


def weights(out: Path) -> list[str]:
    return [load_bundle(out / name / PAIR / "bundle").config.weights_sha256 for name in ("pretrained", "backbones")]


def _table2_here(data: Path, others: Path, out: Path) -> None:
    os.setsid()
    torch.set_num_threads(1)
    reproduce("table2", data, out, read_pretraining(str(others), epochs=2))


@pytest.mark.slow
def test_killed_in_and_after_the_first_time_it_ends_with_the_same_weights(
    table2: tuple[Path, list[str]], data: Path, others: Path, tmp_path: Path
) -> None:
    out, context = tmp_path / "out", multiprocessing.get_context("spawn")
    places = ("pretrained/*/stage1_expensive/step-*", "pretrained/*/bundle/config.json", "backbones/*/run.json")
    for place in places:
        process = context.Process(target=_table2_here, args=(data, others, out))
        process.start()
        while process.is_alive() and not list(out.glob(place)):
            time.sleep(0.002)
        assert process.is_alive() and process.pid is not None, f"ended before there was {place}"
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        assert not list(out.glob("results/*"))
    before = times(out / "pretrained" / PAIR / "bundle")
    reproduce("table2", data, out, read_pretraining(str(others), epochs=2))
    assert times(out / "pretrained" / PAIR / "bundle") == before and before
    assert weights(out) == weights(table2[0])


def test_what_is_judged_must_not_be_among_the_other_videos(data: Path, tmp_path: Path) -> None:
    """A folder with both lists gives its training part alone; its test list, or all of the folder, would tell."""
    prepared("table2", data, tmp_path / "good", [], pretraining=read_pretraining(str(data), epochs=1), **SHORT)
    whole = Pretraining(data=read_list(data), epochs=1)
    with pytest.raises(
        DataError, match=r"test\.csv: 6 of its videos, such as .*, are videos of --pretrain too; a netw"
    ):
        prepared("table2", data, tmp_path / "out", [], pretraining=whole, **SHORT)
    assert not (tmp_path / "out").exists()


def test_missing_videos_of_the_other_list_are_left_out_and_told(data: Path, others: Path, tmp_path: Path) -> None:
    listed = tmp_path / "others.csv"
    lines = (others / "train.csv").read_text().splitlines()
    listed.write_text("\n".join([*lines, "left/none.mp4,left"]) + "\n")
    pretraining = read_pretraining(str(listed), root=str(others), epochs=1)
    assert (len(pretraining.data.videos), pretraining.missing) == (18, 1)
    said: list[str] = []
    prepared("table2", data, tmp_path / "out", said, pretraining=pretraining, **SHORT)
    assert said == [f"1 videos of {listed} are missing and left out"]
    with pytest.raises(DataError, match="which is no folder; give the one under which") as caught:
        read_pretraining(str(listed), root=str(tmp_path / "none"), epochs=1)
    assert str(caught.value).startswith("--pretrain_root is ")


def test_a_network_that_stage_1_leaves_out_is_left_out_the_second_time_too(others: Path) -> None:
    recipe = small_experiment_recipe()
    recipe = replace(recipe, stage1_cheap=replace(recipe.stage1_cheap, epochs=0, warmup_epochs=0))
    again = read_pretraining(str(others), epochs=5).second_time(recipe)
    assert again.stage1_cheap == recipe.stage1_cheap
    assert again.stage1_expensive.epochs == 5 and again.stage2 == recipe.stage2


def test_no_epochs_are_refused(others: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_pretraining(str(others), epochs=0)
    assert str(caught.value) == "--finetune_epochs is 0; it must be at least 1"


def test_the_command_takes_a_list_of_its_own_root_and_four_epochs(
    data: Path, others: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "others.csv"
    listed.write_text((others / "train.csv").read_text())
    sizes = (
        "--recipe motion --transform.crop_size 32 --transform.test_short_side 32 --transform.train_short_side [32,36] "
        "--model.expensive.width 0.03125 --model.cheap.width 0.015625 --stage1_expensive.batch_size 8 "
        "--stage1_cheap.batch_size 8 --stage1_expensive.epochs 1 --stage1_expensive.warmup_epochs 0 "
        "--stage1_cheap.epochs 1 --stage1_cheap.warmup_epochs 0"
    )
    command = (
        f"reproduce table2 --data {data} --out {tmp_path / 'out'} --pretrain {listed} --pretrain_root {others} "
        f"--seeds 1 --frames 32 --workers 0 --device cpu {sizes}"
    )
    assert main(shlex.split(command)) == 0
    (run,) = (tmp_path / "out" / "backbones").iterdir()
    recipe = settings(run)["recipe"]
    assert recipe["stage1_cheap"]["epochs"] == 4  # type: ignore[index]
    assert "r2d26" in capsys.readouterr().out
    assert main(shlex.split(f"{command} --finetune_epochs 1")) == 2
    assert "the videos or epochs of --pretrain are others" in capsys.readouterr().err
