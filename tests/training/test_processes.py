"""Several processes that share every batch: two on the CPU against one, at the same global batch."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn
from training_samples import small_recipe, write_small_set

from faster_video.bundle import load_bundle
from faster_video.config import Recipe
from faster_video.datasets import LabelledVideo, VideoList, read_list
from faster_video.errors import ConfigError, TrainingError
from faster_video.training.processes import SharedBatchNorm3d, share_batch_norm
from faster_video.training.run import RunConfig
from faster_video.training.train import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> VideoList:
    return read_list(write_small_set(tmp_path_factory.mktemp("set") / "motion") / "train.csv")


def run_of(data: VideoList, out: Path, *, devices: int, recipe: Recipe | None = None) -> RunConfig:
    return RunConfig(recipe=recipe or small_recipe(), data=data, out=out, workers=0, devices=devices, device="cpu")


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def losses_of(out: Path) -> list[float]:
    return [float(row["loss"]) for row in rows_of(out)]


def weights_of(out: Path) -> dict[str, Tensor]:
    return load_bundle(out / "bundle").model.state_dict()


def test_two_processes_learn_as_one_does_at_the_same_global_batch(data: VideoList, tmp_path: Path) -> None:
    recipe = small_recipe()
    # SGD: the first steps of Adam are the gradient's sign, and that of a gradient near 0 is left to rounding.
    stage1 = replace(
        recipe.stage1_expensive,
        optimizer="sgd",
        accumulate=2,
        ema_decay=0.9,
        label_smoothing=0.1,
        max_gradient_norm=1,
    )
    stage2 = replace(recipe.stage2, optimizer="sgd", accumulate=2)
    model = replace(recipe.model, pattern="1:0")  # of whose weights some take no part
    recipe = replace(recipe, model=model, stage1_expensive=stage1, stage1_cheap=stage1, stage2=stage2)
    for devices in (1, 2):
        train(run_of(data, tmp_path / f"{devices}", devices=devices, recipe=recipe))
    one, two = rows_of(tmp_path / "1"), rows_of(tmp_path / "2")
    assert [(row["stage"], row["step"], row["videos"]) for row in one] == [
        (row["stage"], row["step"], row["videos"]) for row in two
    ]
    assert losses_of(tmp_path / "2") == pytest.approx(losses_of(tmp_path / "1"), rel=1e-4)
    both = weights_of(tmp_path / "1"), weights_of(tmp_path / "2")
    statistics = [name for name in both[0] if "running_" in name]
    assert statistics
    assert all(torch.allclose(both[0][name], both[1][name], rtol=1e-3, atol=1e-3) for name in statistics)


def test_what_is_wrong_in_one_process_is_said_by_the_one_that_was_called(data: VideoList, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    mixed = VideoList(data.source, (*data.videos[:-1], LabelledVideo(broken, data.videos[-1].label)), data.root)
    with pytest.raises(TrainingError, match=r"1 of the 24 videos could not be decoded, more than the 1\.0%"):
        train(replace(run_of(mixed, tmp_path / "run", devices=2), most_broken=0.01))
    assert len((tmp_path / "run" / "broken.csv").read_text().splitlines()) == 2


def test_a_batch_that_cannot_be_shared_out_is_refused(data: VideoList, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"batch_size is 8; for 3 processes .* it must be a multiple of 3"):
        train(run_of(data, tmp_path / "run", devices=3))
    with pytest.raises(ConfigError, match="nodes is 2, but torchrun has not started this process"):
        train(replace(run_of(data, tmp_path / "run", devices=1), nodes=2))


def normalise(rank: int, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.manual_seed(0)
    clips = torch.randn(5, 3, 2, 4, 4) * 3 + 1
    share = clips[:2] if rank == 0 else clips[2:]
    module = nn.Sequential(nn.Conv3d(3, 6, 1), nn.BatchNorm3d(6))
    share_batch_norm(module, torch.device("cpu"))
    assert isinstance(module[1], SharedBatchNorm3d)
    output = module(share)
    output.square().mul(torch.arange(4.0)).sum().backward()
    gradients = [parameter.grad for parameter in module.parameters()]
    for gradient in gradients:
        assert gradient is not None
        distributed.all_reduce(gradient)
    torch.save([output.detach(), *gradients, *module[1].buffers()], folder / f"{rank}.pt")


def test_shared_batch_norm_is_batch_norm_of_all_values_backwards_too(tmp_path: Path) -> None:
    spawn(normalise, args=(tmp_path,), nprocs=2)  # type: ignore[no-untyped-call]
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    torch.manual_seed(0)
    clips = torch.randn(5, 3, 2, 4, 4) * 3 + 1
    module = nn.Sequential(nn.Conv3d(3, 6, 1), nn.BatchNorm3d(6))
    output = module(clips)
    output.square().mul(torch.arange(4.0)).sum().backward()
    assert torch.allclose(torch.cat([parts[0][0], parts[1][0]]), output, atol=1e-5)
    wanted = [*(parameter.grad for parameter in module.parameters()), *module[1].buffers()]
    for part in parts:
        for found, right in zip(part[1:], wanted, strict=True):
            assert right is not None and torch.allclose(found, right, rtol=1e-4, atol=1e-4)
