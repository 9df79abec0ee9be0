"""Training in two processes, here or one on each of two machines: what is stopped or killed ends as if it was not."""

import csv
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor
from training_samples import small_recipe, write_small_set

from faster_video.bundle import load_bundle
from faster_video.datasets import read_list
from faster_video.training.run import RunConfig
from faster_video.training.train import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """In every process: sums are rounded by how they are shared out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A short training in two processes."""
    folder = tmp_path_factory.mktemp("run")
    recipe = small_recipe(epochs=3)
    recipe = replace(recipe, stage1_expensive=replace(recipe.stage1_expensive, epochs=0, warmup_epochs=0))
    data = read_list(write_small_set(folder / "motion") / "train.csv")
    return RunConfig(recipe=recipe, data=data, out=folder / "whole", workers=0, devices=2, device="cpu")


@pytest.fixture(scope="module")
def options(run: RunConfig) -> list[str]:
    """The run's options for the command: all but where it goes and on what it runs."""
    file = run.out.with_name("settings.yaml")
    file.write_text(yaml.safe_dump(plain({"recipe": "motion", **asdict(run.recipe)})))
    return [f"--config={file}", f"--data={run.data.source}", "--device=cpu", "--workers=0"]


@pytest.fixture(scope="module")
def whole(run: RunConfig, options: list[str]) -> Path:
    """Where the command went through the run without a stop."""
    command = [sys.executable, "-m", "faster_video", "train", *options, f"--out={run.out}", "--devices=2"]
    subprocess.run(command, check=True)
    return run.out


def plain(value: object) -> object:
    """The same in lists and dictionaries, which YAML has."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, tuple | list) else value


def start_machines(options: list[str], out: Path, *more: str) -> list[subprocess.Popen[bytes]]:
    """The command of docs/training.md on each of two machines, both of them this one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    launch = ["--nnodes=2", "--nproc-per-node=1", "--master-addr=127.0.0.1", f"--master-port={port}"]
    train = ["-m", "faster_video", "train", *options, f"--out={out}", "--nodes=2", "--devices=1", *more]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", f"--node-rank={rank}", *launch, *train],
            env=os.environ | {"GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in range(2)
    ]


def children_of(process: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def losses_of(out: Path) -> list[float]:
    if not (out / "log.csv").exists():
        return []
    with (out / "log.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def weights_of(out: Path) -> dict[str, Tensor]:
    return load_bundle(out / "bundle").model.state_dict()


def test_two_machines_learn_as_one_with_two_processes_does_and_go_on_after_both_were_killed(
    whole: Path, options: list[str], tmp_path: Path
) -> None:
    one, two = whole, tmp_path / "two"
    machines = start_machines(options, two)
    until = time.monotonic() + 300
    while not losses_of(two) and time.monotonic() < until:
        time.sleep(0.05)
    for machine in machines:
        for process in (*children_of(machine.pid), machine.pid):
            os.kill(process, signal.SIGKILL)
        machine.wait()
    assert 0 < len(losses_of(two)) < len(losses_of(one))
    assert [machine.wait(300) for machine in start_machines(options, two, "--resume")] == [0, 0]
    assert losses_of(two) == losses_of(one)
    alone, together = weights_of(one), weights_of(two)
    assert all(torch.equal(alone[name], together[name]) for name in alone)


def test_two_processes_resumed_after_ctrl_c_end_with_the_same_weights_bit_for_bit(
    run: RunConfig, whole: Path, tmp_path: Path
) -> None:
    stopped = replace(run, out=tmp_path / "parts")
    presses = threading.Thread(target=press_ctrl_c_once_there_is, args=(stopped.out / "log.csv",))
    presses.start()
    with pytest.raises(KeyboardInterrupt):
        train(stopped)
    presses.join()
    assert 0 < len(losses_of(stopped.out)) < len(losses_of(whole))
    train(stopped, resume=True)
    assert losses_of(stopped.out) == losses_of(whole)
    once, twice = weights_of(whole), weights_of(stopped.out)
    assert all(torch.equal(once[name], twice[name]) for name in once)


def press_ctrl_c_once_there_is(log: Path) -> None:
    """To every process that this one has started, as a terminal does."""
    while not log.exists():
        time.sleep(0.05)
    for child in children_of(os.getpid()):
        os.kill(child, signal.SIGINT)
