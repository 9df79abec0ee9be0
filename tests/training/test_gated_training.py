"""Training leaves gates to `faster-video gate`: it takes none over and begins none."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_samples import small_recipe, write_small_set

from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import StageConfig
from faster_video.datasets import VideoList, read_list
from faster_video.errors import ConfigError
from faster_video.model import build_model
from faster_video.training.run import RunConfig
from faster_video.training.train import train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> VideoList:
    return read_list(write_small_set(tmp_path_factory.mktemp("set") / "motion") / "train.csv")


def gated(data: VideoList) -> Bundle:
    recipe = small_recipe()
    config = BundleConfig(
        labels=data.labels,
        model=replace(recipe.model, gate=True),
        clips=recipe.clips,
        transform=recipe.transform,
        weights_sha256="beef",
    )
    torch.manual_seed(3)
    return Bundle(model=build_model(config.model, len(data.labels)).eval(), config=config)


def test_finetuning_a_bundle_with_a_gate_leaves_the_gate_behind(data: VideoList, tmp_path: Path) -> None:
    idle = StageConfig(epochs=0, warmup_epochs=0)
    recipe = replace(small_recipe(), stage1_expensive=idle, stage1_cheap=idle, stage2=idle)
    start = gated(data)
    tuned = train(RunConfig(recipe=recipe, data=data, out=tmp_path / "run", finetune=start, workers=0, device="cpu"))
    assert tuned.model.gate is None and not tuned.config.model.gate
    before = start.model.state_dict()
    for name, tensor in tuned.model.state_dict().items():
        assert torch.equal(before[name], tensor) or "classifier" in name


def test_a_gate_that_nothing_would_train_is_refused(data: VideoList, tmp_path: Path) -> None:
    recipe = small_recipe()
    run = RunConfig(recipe=replace(recipe, model=replace(recipe.model, gate=True)), data=data, out=tmp_path / "run")
    with pytest.raises(ConfigError, match=r"model\.gate is true, but train leaves a gate untrained; leave it out, and"):
        train(run)
    assert not (tmp_path / "run").exists()
