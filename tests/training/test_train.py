import csv
import json
import multiprocessing
import os
import re
import resource
import signal
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from training_samples import small_recipe, write_small_set

import faster_video.training.loop as loop
from faster_video.bundle import load_bundle
from faster_video.cli import main
from faster_video.config import StageConfig
from faster_video.datasets import LabelledVideo, VideoList, read_list
from faster_video.errors import ConfigError, DataError, TrainingError
from faster_video.inference import Classifier
from faster_video.model import build_model
from faster_video.recipes import tiny
from faster_video.training.checkpoint import checkpoints, load_checkpoint
from faster_video.training.learners import AggregatorLearner
from faster_video.training.run import RunConfig
from faster_video.training.samples import Batch, Sample, SampleKey, TrainingClips, Unreadable
from faster_video.training.sources import FrozenSource, PixelSource, StoredSource
from faster_video.training.train import train

GOLDEN = Path(__file__).parents[1] / "golden" / "losses.json"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_set(tmp_path_factory.mktemp("set") / "motion")


def run_of(motion_set: Path, out: Path, **changes: object) -> RunConfig:
    base = RunConfig(recipe=small_recipe(), data=read_list(motion_set / "train.csv"), out=out, workers=0)
    return replace(base, **changes)  # type: ignore[arg-type]


def log_of(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_bundle(out / "bundle").model.state_dict()


def test_training_leaves_a_bundle_that_classifies_and_says_where_it_comes_from(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    test_list = read_list(data / "test.csv")
    train(run_of(data, out, validation=test_list, seed=3))
    bundle = load_bundle(out / "bundle")
    assert bundle.labels == test_list.labels
    provenance = bundle.config.provenance
    assert provenance["seed"] == 3
    assert provenance["data"]["sha256"] == read_list(data / "train.csv").sha256
    assert provenance["metrics"]["data"]["videos"] == len(test_list.videos)
    assert 0 <= provenance["metrics"]["top1"] <= 1
    assert Classifier(bundle).classify(test_list.videos[0].path).label in bundle.labels
    steps = log_of(out)
    assert [row["stage"] for row in steps] == ["stage1_expensive"] * 6 + ["stage1_cheap"] * 6 + ["stage2"] * 6
    assert any((out / "tensorboard").iterdir())
    assert not (out / "broken.csv").exists()


@pytest.mark.slow
def test_ten_losses_of_the_tiny_recipe_are_the_golden_ones(data: Path, tmp_path: Path) -> None:
    """A refactor must reproduce them; other processors round otherwise, hence the tolerance."""
    recipe = tiny()
    recipe = replace(
        recipe,
        stage1_expensive=replace(recipe.stage1_expensive, epochs=1, warmup_epochs=1, batch_size=12),
        stage1_cheap=replace(recipe.stage1_cheap, epochs=1, warmup_epochs=1, batch_size=12),
        stage2=replace(recipe.stage2, epochs=1, warmup_epochs=1, batch_size=12),
        stage2_stored_views=1,
    )
    train(run_of(data, tmp_path / "run", recipe=recipe))
    losses = [float(row["loss"]) for row in log_of(tmp_path / "run")]
    assert losses == pytest.approx(json.loads(GOLDEN.read_text()), rel=2e-3)


class PressesCtrlC:
    """Sends this process a real SIGINT at one place inside one step of one stage."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, stage: str, step: int, place: str) -> None:
        self.stage, self.step, self.place = stage, step, place
        self.armed = False
        self.number = signal.SIGINT
        learn, optimizer_step = loop._Steps._learn, torch.optim.AdamW.step

        def watched_learn(steps: loop._Steps, pieces: list[Batch], num_videos: int) -> tuple[float, float]:
            self.armed = (steps.stage.name, steps.step) == (self.stage, self.step)
            result = learn(steps, pieces, num_videos)
            self.armed = False
            return result

        def watched_step(optimizer: torch.optim.AdamW, *arguments: object) -> object:
            self.press("before the optimiser")
            result = optimizer_step(optimizer, *arguments)
            self.press("after the optimiser")
            return result

        monkeypatch.setattr(loop._Steps, "_learn", watched_learn)
        monkeypatch.setattr(torch.optim.AdamW, "step", watched_step)

    def press(self, place: str) -> None:
        if self.armed and place == self.place:
            self.armed = False
            signal.raise_signal(self.number)


@pytest.mark.parametrize(
    ("stage", "step", "place", "stored_views"),
    [
        ("stage1_expensive", 4, "before the optimiser", 0),  # batch norm has moved already
        ("stage1_cheap", 3, "after the optimiser", 2),  # the weights have, too
        ("stage2", 1, "before the optimiser", 0),
        ("stage2", 1, "before the optimiser", 2),
    ],
)
def test_interrupted_and_resumed_training_ends_with_the_same_weights_bit_for_bit(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, step: int, place: str, stored_views: int
) -> None:
    recipe = small_recipe(stored_views=stored_views)
    train(run_of(data, tmp_path / "whole", recipe=recipe))
    with monkeypatch.context() as patch:
        PressesCtrlC(patch, stage=stage, step=step, place=place)
        with pytest.raises(KeyboardInterrupt):
            train(run_of(data, tmp_path / "parts", recipe=recipe))
    # The step during which it was pressed is finished and counted.
    assert load_checkpoint(checkpoints(tmp_path / "parts" / stage)[0]).step == step + 1
    train(run_of(data, tmp_path / "parts", recipe=recipe), resume=True)
    whole, parts = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    timeless = [
        [(row["stage"], row["step"], row["loss"]) for row in log_of(tmp_path / run)] for run in ("whole", "parts")
    ]
    assert timeless[0] == timeless[1]


def test_decoded_frames_that_are_kept_change_nothing_but_the_time(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(run_of(data, tmp_path / "decoded"))
    run = run_of(data, tmp_path / "kept", workers=2, frame_cache=Path("frames"))
    train(run)
    one, two = weights_of(tmp_path / "decoded"), weights_of(tmp_path / "kept")
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert len(list((tmp_path / "frames").iterdir())) == len(run.data.videos)
    config = yaml.safe_load((tmp_path / "kept" / "config.yaml").read_text())
    assert config["frame_cache"] == str(tmp_path / "frames")


def test_a_place_where_no_frames_can_be_kept_is_refused_before_the_run_begins(data: Path, tmp_path: Path) -> None:
    (tmp_path / "frames").write_text("no folder")
    with pytest.raises(ConfigError, match="it must be a folder that can be written"):
        train(run_of(data, tmp_path / "run", frame_cache=tmp_path / "frames"))
    assert not (tmp_path / "run").exists()


def test_resuming_a_finished_run_changes_nothing(data: Path, tmp_path: Path) -> None:
    train(run_of(data, tmp_path / "run"))
    before = weights_of(tmp_path / "run")
    train(run_of(data, tmp_path / "run"), resume=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in weights_of(tmp_path / "run").items())


def test_stage_2_leaves_the_backbones_and_their_statistics_alone(data: Path, tmp_path: Path) -> None:
    recipe = small_recipe()
    skip = StageConfig(epochs=0, warmup_epochs=0)
    train(run_of(data, tmp_path / "first", recipe=replace(recipe, stage2=skip)))
    train(run_of(data, tmp_path / "both", recipe=recipe))
    first, both = weights_of(tmp_path / "first"), weights_of(tmp_path / "both")
    frozen = [name for name in first if name.startswith(("expensive.", "cheap."))]
    assert any("running_mean" in name for name in frozen)
    assert all(torch.equal(first[name], both[name]) for name in frozen)
    changed = [name for name in first if name not in frozen and not torch.equal(first[name], both[name])]
    assert {name.partition(".")[0] for name in changed} == {"aggregator", "classifier", "projection"}


def test_backbones_of_a_bundle_are_taken_over_and_only_stage_2_is_trained(data: Path, tmp_path: Path) -> None:
    first = train(run_of(data, tmp_path / "first"))
    recipe = small_recipe()
    other = replace(recipe, model=replace(recipe.model, pattern="1:0", aggregator="gru"))
    train(run_of(data, tmp_path / "second", recipe=other, backbones=first))
    before, after = weights_of(tmp_path / "first"), weights_of(tmp_path / "second")
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith(("expensive.", "cheap.")))
    assert {row["stage"] for row in log_of(tmp_path / "second")} == {"stage2"}


def test_backbones_of_another_width_or_other_labels_are_refused(data: Path, tmp_path: Path) -> None:
    first = train(run_of(data, tmp_path / "first"))
    recipe = small_recipe()
    wider = replace(recipe, model=replace(recipe.model, cheap=replace(recipe.model.cheap, width=1 / 8)))
    with pytest.raises(ConfigError, match=r"cheap backbone of the bundle is .*width=0.015625.* asks for .*width=0.125"):
        train(run_of(data, tmp_path / "a", recipe=wider, backbones=first))
    fewer = read_list(data / "train.csv")
    fewer = VideoList(fewer.source, tuple(video for video in fewer.videos if video.label != fewer.labels[0]))
    with pytest.raises(ConfigError, match="the bundle's 12 labels are not the 11 of"):
        train(run_of(data, tmp_path / "b", data=fewer, backbones=first))


def test_a_run_directory_is_not_overwritten_and_not_resumed_with_other_settings(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(run_of(data, out))
    with pytest.raises(TrainingError, match="is not empty; add --resume"):
        train(run_of(data, out))
    with pytest.raises(TrainingError, match=r"other settings \(seed\)"):
        train(run_of(data, out, seed=1), resume=True)


def test_broken_videos_are_skipped_and_listed_once(data: Path, tmp_path: Path) -> None:
    videos = read_list(data / "train.csv")
    broken = LabelledVideo(tmp_path / "broken.mp4", videos.labels[0])
    broken.path.write_bytes(b"\0" * 100)
    mixed = VideoList(videos.source, (*videos.videos, broken))
    bundle = train(run_of(data, tmp_path / "run", data=mixed))
    with (tmp_path / "run" / "broken.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(broken.path)]
    assert bundle.config.provenance["videos_unreadable"] == 1


def test_training_stops_where_nothing_can_be_read(data: Path, tmp_path: Path) -> None:
    videos = read_list(data / "train.csv")
    missing = VideoList(
        videos.source, tuple(LabelledVideo(tmp_path / video.path.name, video.label) for video in videos.videos)
    )
    with pytest.raises(DataError, match=r"none of its 24 videos is on disk; the first should be .*; give the folder"):
        train(run_of(data, tmp_path / "run", data=missing))
    assert not (tmp_path / "run").exists()


def test_training_stops_where_too_many_videos_are_broken_and_can_go_on_if_that_is_allowed(
    data: Path, tmp_path: Path
) -> None:
    videos = read_list(data / "train.csv")
    broken = []
    for number in range(3):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(b"no video" * number)
        broken.append(LabelledVideo(path, videos.labels[number]))
    mixed = VideoList(videos.source, (*videos.videos, *broken))
    run = run_of(data, tmp_path / "run", data=mixed)
    with pytest.raises(TrainingError, match=r"[23] of the 27 videos could not be decoded, more than the 5.0% that are"):
        train(run)
    assert checkpoints(tmp_path / "run" / "stage1_expensive")  # what was learned until then
    train(replace(run, most_broken=0.2), resume=True)
    assert len((tmp_path / "run" / "broken.csv").read_text().splitlines()) == 1 + 3


def test_missing_videos_are_left_out_counted_and_listed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = read_list(data / "train.csv")
    gone = LabelledVideo(tmp_path / "gone.mp4", videos.labels[0])
    bundle = train(run_of(data, tmp_path / "run", data=VideoList(videos.source, (*videos.videos, gone))))
    assert "1 of 25 videos of" in capsys.readouterr().err
    assert (tmp_path / "run" / "missing.csv").read_text().splitlines()[1:] == [f"{gone.path},{gone.label}"]
    assert bundle.config.provenance["data"]["videos"] == 24
    assert not (tmp_path / "run" / "broken.csv").exists()


def test_a_loss_that_is_no_number_stops_training_and_says_what_to_do(data: Path, tmp_path: Path) -> None:
    stage = StageConfig(epochs=40, warmup_epochs=0, batch_size=24, optimizer="sgd", learning_rate=100, weight_decay=1)
    with pytest.raises(TrainingError, match=r"stage1_expensive: the loss is .* start again in another folder"):
        train(run_of(data, tmp_path / "run", recipe=replace(small_recipe(), stage1_expensive=stage)))


def test_one_label_or_a_label_with_one_video_is_refused(data: Path, tmp_path: Path) -> None:
    videos = read_list(data / "train.csv")
    one = VideoList(videos.source, tuple(video for video in videos.videos if video.label == videos.labels[0]))
    with pytest.raises(DataError, match="at least two are needed"):
        train(run_of(data, tmp_path / "run", data=one))
    lonely = VideoList(videos.source, (*one.videos, next(v for v in videos.videos if v.label != videos.labels[0])))
    with pytest.raises(DataError, match="has only one video; add others of it"):
        train(run_of(data, tmp_path / "run", data=lonely))
    assert not (tmp_path / "run").exists()


def test_damaged_checkpoints_are_refused_by_name(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        PressesCtrlC(patch, stage="stage1_expensive", step=4, place="after the optimiser")
        with pytest.raises(KeyboardInterrupt):
            train(run_of(data, tmp_path / "run"))
    newest, older = checkpoints(tmp_path / "run" / "stage1_expensive")
    older.write_bytes(b"")
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.raises(TrainingError, match=r"is not a whole checkpoint .*; delete .*stage1_expensive to start"):
        train(run_of(data, tmp_path / "run"), resume=True)


def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(run_of(data, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        PressesCtrlC(patch, stage="stage1_expensive", step=4, place="after the optimiser")
        with pytest.raises(KeyboardInterrupt):
            train(run_of(data, tmp_path / "run"))
    newest, older = checkpoints(tmp_path / "run" / "stage1_expensive")
    newest.write_bytes(newest.read_bytes()[:-100])
    capsys.readouterr()
    train(run_of(data, tmp_path / "run"), resume=True)
    assert f"going on from {older.name}" in capsys.readouterr().err
    whole, parts = weights_of(tmp_path / "whole"), weights_of(tmp_path / "run")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert [row["step"] for row in log_of(tmp_path / "run") if row["stage"] == "stage1_expensive"] == list("012345")


def test_validation_labels_are_checked_before_anything_is_trained(data: Path, tmp_path: Path) -> None:
    test_list = read_list(data / "test.csv")
    other = VideoList(test_list.source, (*test_list.videos, LabelledVideo(test_list.videos[0].path, "zebra")))
    with pytest.raises(DataError, match="the list has 'zebra', which the bundle does not know"):
        train(run_of(data, tmp_path / "run", validation=other))
    assert not (tmp_path / "run").exists()


def test_there_must_be_a_run_to_resume(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"holds no run .* leave out --resume to start one"):
        train(run_of(data, tmp_path / "run"), resume=True)


def test_broken_videos_are_counted_and_listed_once_over_a_resume(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = read_list(data / "train.csv")
    broken = LabelledVideo(tmp_path / "bro\udcffken.mp4", videos.labels[0])  # a name that is not UTF-8
    broken.path.write_bytes(b"")
    mixed = VideoList(videos.source, (*videos.videos, broken))
    with monkeypatch.context() as patch:
        PressesCtrlC(patch, stage="stage2", step=1, place="after the optimiser")
        with pytest.raises(KeyboardInterrupt):
            train(run_of(data, tmp_path / "run", data=mixed))
    bundle = train(run_of(data, tmp_path / "run", data=mixed), resume=True)
    assert len((tmp_path / "run" / "broken.csv").read_bytes().splitlines()) == 2
    assert bundle.config.provenance["videos_unreadable"] == 1


def test_a_log_whose_last_line_was_cut_by_a_crash_can_be_gone_on_with(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        PressesCtrlC(patch, stage="stage2", step=2, place="after the optimiser")
        with pytest.raises(KeyboardInterrupt):
            train(run_of(data, tmp_path / "run"))
    log = tmp_path / "run" / "log.csv"
    log.write_bytes(log.read_bytes() + b"stage2,1,5,2.3")
    train(run_of(data, tmp_path / "run"), resume=True)
    assert [row["step"] for row in log_of(tmp_path / "run") if row["stage"] == "stage2"] == list("012345")


def test_a_batch_that_batch_norm_cannot_use_is_refused_before_training(data: Path, tmp_path: Path) -> None:
    recipe = small_recipe()
    single = replace(recipe, stage1_cheap=replace(recipe.stage1_cheap, batch_size=1))
    with pytest.raises(ConfigError, match=r"stage1_cheap.batch_size is 1 with accumulate 1: .* at 32 pixels"):
        train(run_of(data, tmp_path / "run", recipe=single))
    assert not (tmp_path / "run").exists()


def test_backbones_are_not_given_pixels_scaled_otherwise(data: Path, tmp_path: Path) -> None:
    first = train(run_of(data, tmp_path / "first"))
    recipe = small_recipe()
    darker = replace(recipe, transform=replace(recipe.transform, mean=(0.1, 0.1, 0.1)))
    with pytest.raises(ConfigError, match=r"transform.mean and std are \[0.1, 0.1, 0.1\]"):
        train(run_of(data, tmp_path / "second", recipe=darker, backbones=first))


def test_stored_views_take_turns_within_an_epoch_and_over_epochs(data: Path) -> None:
    recipe = small_recipe()
    videos = read_list(data / "train.csv")
    samples = TrainingClips(
        videos.videos, videos.labels, clips=recipe.clips, num_clips=3, transform=recipe.transform, seed=0
    )
    frozen = FrozenSource(build_model(recipe.model, 12), PixelSource(samples, workers=0), torch.device("cpu"))
    source = StoredSource(frozen, views=3, views_per_video=2)
    keys = [SampleKey(epoch, 0, view) for epoch in range(3) for view in range(2)]
    (batch,) = list(source([keys]))
    assert isinstance(batch, Batch)
    assert [key.epoch for key in batch.keys] == [0, 1, 2, 0, 1, 2]
    (fresh,) = list(frozen([[SampleKey(view, 0, 0) for view in range(3)]]))
    assert isinstance(fresh, Batch)
    assert isinstance(batch.inputs, tuple) and isinstance(fresh.inputs, tuple)
    for stored, computed in zip(batch.inputs, fresh.inputs, strict=True):
        assert torch.allclose(stored[:3], computed, rtol=2e-3, atol=1e-3)  # kept as float16
        assert torch.equal(stored[:3], stored[3:])


class DiesOnce(TrainingClips):
    """Kills the process that decodes, at one video, as a lack of memory does."""

    def __getitem__(self, key: SampleKey) -> Sample | Unreadable:
        if key.epoch == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(key)


def test_a_killed_decoding_process_is_one_sentence_and_the_state_is_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(epochs=5)
    train(run_of(data, tmp_path / "whole", recipe=recipe))
    run = run_of(data, tmp_path / "parts", recipe=recipe, workers=1)
    with monkeypatch.context() as patch:
        patch.setattr("faster_video.training.train.TrainingClips", DiesOnce)
        with pytest.raises(TrainingError, match=r"stage1_expensive: a process that decodes videos was killed"):
            train(run)
    assert checkpoints(tmp_path / "parts" / "stage1_expensive")
    train(run, resume=True)
    whole, parts = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_sigterm_saves_as_ctrl_c_does(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    press = PressesCtrlC(monkeypatch, stage="stage1_expensive", step=2, place="after the optimiser")
    press.number = signal.SIGTERM
    with pytest.raises(KeyboardInterrupt):
        train(run_of(data, tmp_path / "run"))
    assert load_checkpoint(checkpoints(tmp_path / "run" / "stage1_expensive")[0]).step == 3


def test_accumulated_pieces_make_the_same_step_where_nothing_looks_at_the_batch(data: Path, tmp_path: Path) -> None:
    """Stage 2 with FAST-GRU has no batch norm that learns: the pieces only add up."""
    first = train(run_of(data, tmp_path / "first"))
    losses = {}
    for pieces in (1, 4):
        recipe = small_recipe()
        recipe = replace(recipe, stage2=replace(recipe.stage2, accumulate=pieces))
        train(run_of(data, tmp_path / f"{pieces}", recipe=recipe, backbones=first))
        losses[pieces] = [float(row["loss"]) for row in log_of(tmp_path / f"{pieces}")]
    assert losses[4] == pytest.approx(losses[1], rel=1e-5)


def test_finetuning_takes_every_weight_but_the_classifiers(data: Path, tmp_path: Path) -> None:
    first = train(run_of(data, tmp_path / "first"))
    videos = read_list(data / "train.csv")
    fewer = VideoList(videos.source, tuple(v for v in videos.videos if v.label in videos.labels[:5]))
    idle = StageConfig(epochs=0, warmup_epochs=0)
    recipe = replace(small_recipe(), stage1_expensive=idle, stage1_cheap=idle, stage2=idle)
    second = train(run_of(data, tmp_path / "second", data=fewer, recipe=recipe, finetune=first))
    before, after = first.model.state_dict(), second.model.state_dict()
    heads = {name for name in before if "classifier" in name}
    assert {name.partition(".")[0] for name in heads} == {"expensive", "cheap", "classifier"}
    assert all(torch.equal(before[name], after[name]) == (name not in heads) for name in before)
    assert all(len(after[name]) == 5 for name in heads)


def test_finetuning_needs_the_bundles_own_networks(data: Path, tmp_path: Path) -> None:
    first = train(run_of(data, tmp_path / "first"))
    recipe = small_recipe()
    gru = replace(recipe, model=replace(recipe.model, aggregator="gru"))
    with pytest.raises(ConfigError, match=r"model\.aggregator is gru, but the bundle to start from has fast_gru"):
        train(run_of(data, tmp_path / "a", recipe=gru, finetune=first))
    with pytest.raises(ConfigError, match="backbones and finetune are both given"):
        run_of(data, tmp_path / "b", backbones=first, finetune=first)


def test_other_videos_than_those_the_hash_stands_for_are_refused(data: Path, tmp_path: Path) -> None:
    right = read_list(data / "train.csv").sha256
    assert run_of(data, tmp_path / "a", data_sha256=right).data_sha256 == right
    with pytest.raises(DataError, match=f"have the hash {right}, but data_sha256 is 0123"):
        train(run_of(data, tmp_path / "b", data_sha256="0123"))


def test_a_run_says_what_made_it_and_its_config_repeats_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = small_recipe(epochs=1)
    stage = replace(recipe.stage2, label_smoothing=0.1, ema_decay=0.5)
    train(run_of(data, tmp_path / "first", recipe=replace(recipe, stage2=stage), seed=4))
    made_by = json.loads((tmp_path / "first" / "run.json").read_text())
    assert re.fullmatch(r"[0-9a-f]{40}( with changes)?|", made_by["versions"]["git_commit"])
    assert made_by["data"]["sha256"] == read_list(data / "train.csv").sha256
    assert main(["train", "--config", "first/config.yaml"]) == 0  # as the issue has it: into a new folder
    (second,) = (tmp_path / "runs").iterdir()
    one, two = weights_of(tmp_path / "first"), weights_of(second)
    assert all(torch.equal(one[name], two[name]) for name in one)
    configs = [yaml.safe_load((run / "config.yaml").read_text()) for run in (tmp_path / "first", second)]
    assert configs[0] == configs[1]
    assert {path.name for path in second.iterdir()} == {
        *("bundle", "config.yaml", "curves.png", "log.csv", "run.json", "summary.json", "tensorboard"),
        *("stage1_cheap", "stage1_expensive", "stage2"),
    }
    assert "waiting for data" in capsys.readouterr().out


def test_a_run_that_was_killed_before_it_began_can_be_started_again(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "config.yaml").write_text("seed: 3")
    (out / ".run.json.a1b2").write_text("{")
    train(run_of(data, out, recipe=small_recipe(epochs=1)))
    assert (out / "bundle").exists()


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_gradients_that_are_no_numbers_stop_training_with_the_last_good_state(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: float
) -> None:
    """Clipped or not: with clipping the norm tells at once, without it the next loss."""
    recipe = small_recipe()
    stage = replace(recipe.stage1_expensive, max_gradient_norm=clip)
    learn = loop._Steps._learn

    def poisoned(steps: loop._Steps, pieces: list[Batch], num_videos: int) -> tuple[float, float]:
        if steps.step == 4:
            next(steps.stage.learner.parameters()).register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradient * float("inf")
            )
        return learn(steps, pieces, num_videos)

    monkeypatch.setattr(loop._Steps, "_learn", poisoned)
    with pytest.raises(TrainingError, match=r"stage1_expensive: the (loss|gradient's norm) is (nan|inf) at step [45]"):
        train(run_of(data, tmp_path / "run", recipe=replace(recipe, stage1_expensive=stage)))
    assert load_checkpoint(checkpoints(tmp_path / "run" / "stage1_expensive")[0]).step == 3


def test_a_stage_that_could_take_no_step_does_not_pass_for_trained(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop._Steps, "_count", lambda *_: 0)
    with pytest.raises(TrainingError, match=r"6 of 6 steps had a piece with too few readable .*; nothing was learned"):
        train(run_of(data, tmp_path / "run"))


def test_a_full_disk_is_one_sentence_and_the_last_good_state_is_kept(data: Path, tmp_path: Path) -> None:
    """In a process whose files may grow to two checkpoints' size and no further."""
    out = tmp_path / "run"
    run = run_of(data, out, recipe=small_recipe(epochs=30))
    process = multiprocessing.get_context("spawn").Process(target=train_on_a_full_disk, args=(run, out / "said"))
    process.start()
    process.join()
    assert re.search(
        r"log.csv: cannot be written \(File too large\); make room, then go on with", (out / "said").read_text()
    )
    assert load_checkpoint(checkpoints(out / "stage1_expensive")[0]).step > 0


def train_on_a_full_disk(run: RunConfig, said: Path) -> None:
    open_step = loop._Steps._next

    def limited(steps: loop._Steps, pieces: list[object], waiting_since: float) -> None:
        if steps.step == 9:  # three epochs are saved; no file may become longer than the log is now
            size = (run.out / "log.csv").stat().st_size
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, resource.RLIM_INFINITY))
        open_step(steps, pieces, waiting_since)  # type: ignore[arg-type]

    loop._Steps._next = limited  # type: ignore[method-assign, assignment]
    try:
        train(run)
    except TrainingError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        said.write_text(str(error))


def test_stage_2_may_learn_from_the_answers_after_every_clip(data: Path, tmp_path: Path) -> None:
    recipe = small_recipe()
    first = run_of(data, tmp_path / "first", recipe=recipe)
    train(first)
    backbones = load_bundle(first.bundle_folder)
    weights = []
    for prefix_loss in (False, True):
        out = tmp_path / str(prefix_loss)
        stage2 = replace(recipe.stage2, prefix_loss=prefix_loss)
        train(run_of(data, out, recipe=replace(recipe, stage2=stage2), backbones=backbones))
        weights.append(weights_of(out))
        assert all(0 < float(row["loss"]) < 10 and 0 <= float(row["top1"]) <= 1 for row in log_of(out))
    changed = {name for name, value in weights[0].items() if not torch.equal(value, weights[1][name])}
    assert any(name.startswith("aggregator") for name in changed)
    assert not any(name.startswith(("expensive", "cheap")) for name in changed)


@pytest.mark.parametrize("prefix_loss", [True, False])
def test_the_loss_of_stage_2_is_minus_the_log_of_what_the_right_label_gets(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix_loss: bool
) -> None:
    """By hand: clip by clip through `Faster.fold`, of every video the answers after each clip or after the last one."""
    learn = loop._Steps._learn
    told, by_hand = [], []

    def watched(steps: loop._Steps, pieces: list[Batch], num_videos: int) -> tuple[float, float]:
        if steps.stage.name == "stage2":
            assert isinstance(steps.stage.learner, AggregatorLearner)
            model = deepcopy(steps.stage.learner._frozen[0])
            losses = []
            for piece in pieces:
                maps = steps.stage.prepare(piece.inputs)
                assert isinstance(maps, tuple)
                state, after_clips = None, []
                for one in maps:
                    log_probabilities, state = model.fold(one, state)
                    after_clips.append(log_probabilities)
                for video, label in enumerate(piece.labels.tolist()):
                    of_video = [-answers[video].softmax(0)[label].log().item() for answers in after_clips]
                    losses.append(sum(of_video) / len(of_video) if prefix_loss else of_video[-1])
            assert len(after_clips) == 3 and len(losses) == num_videos
            by_hand.append(sum(losses) / num_videos)
        result = learn(steps, pieces, num_videos)
        if steps.stage.name == "stage2":
            told.append(result[0])
        return result

    monkeypatch.setattr(loop._Steps, "_learn", watched)
    recipe = small_recipe(epochs=1)
    stages = {name: replace(getattr(recipe, name), epochs=0, warmup_epochs=0) for name in STAGE_1}
    stage2 = replace(recipe.stage2, prefix_loss=prefix_loss)
    train(run_of(data, tmp_path / "run", recipe=replace(recipe, stage2=stage2, **stages)))
    assert len(told) == 3 and told == pytest.approx(by_hand, rel=1e-4)
    assert [float(row["loss"]) for row in log_of(tmp_path / "run")] == pytest.approx(by_hand, rel=1e-3)


STAGE_1 = ("stage1_expensive", "stage1_cheap")


def test_the_loss_of_every_clip_is_for_stage_2_alone() -> None:
    with pytest.raises(
        ConfigError, match="prefix_loss is for stage2, whose videos have several clips; leave it out of"
    ):
        replace(small_recipe(), stage1_cheap=StageConfig(prefix_loss=True))
