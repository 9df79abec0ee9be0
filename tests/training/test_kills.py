"""`kill -9` in the middle of training, again and again: the final weights are those of an uninterrupted run."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from training_samples import small_recipe, write_small_set

from faster_video.bundle import load_bundle
from faster_video.config import Recipe
from faster_video.datasets import read_list
from faster_video.training.run import RunConfig
from faster_video.training.run_directory import SETTINGS
from faster_video.training.train import train

KILLS = {"stage1": 3, "stage2": 2}
"""How often in each stage; the first and the third while a checkpoint is being written."""
EPOCHS = {"stage1": 16, "stage2": 100}
"""So that each stage lasts long enough for that."""


def recipe() -> Recipe:
    """One network and the aggregator, with all the state that there can be."""
    base = small_recipe(epochs=EPOCHS["stage1"], stored_views=1)
    skipped = replace(base.stage1_expensive, epochs=0, warmup_epochs=0)
    cheap = replace(base.stage1_cheap, ema_decay=0.99, mixup=0.2, label_smoothing=0.1)
    return replace(
        base, stage1_expensive=skipped, stage1_cheap=cheap, stage2=replace(base.stage2, epochs=EPOCHS["stage2"])
    )


def train_here(motion_set: Path, out: Path, resume: bool) -> None:
    """In a process of its own, in a session of its own, so that it is killed with all of its workers."""
    os.setsid()
    torch.set_num_threads(1)
    data = read_list(motion_set / "train.csv")
    train(RunConfig(recipe=recipe(), data=data, out=out, workers=1, device="cpu"), resume=resume)


class Killer:
    """Starts training, lets it begin a stage's steps, and kills it."""

    def __init__(self, motion_set: Path, out: Path) -> None:
        self.motion_set, self.out = motion_set, out
        # Forked from a process that has only imported what training needs: a fresh start takes seconds.
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["faster_video.training.train", "training_samples"])
        self.random = Random(0)
        self.while_writing = 0

    def start(self) -> multiprocessing.context.ForkServerProcess:
        resume = (self.out / SETTINGS).exists()
        process = self.context.Process(target=train_here, args=(self.motion_set, self.out, resume))
        process.start()
        return process

    def kill_in(self, stage: Path, *, while_writing: bool) -> bool:
        """Whether it was killed before its end; `while_writing` waits for a checkpoint's unfinished file."""
        process = self.start()
        before = set(stage.glob("step-*"))
        while process.is_alive() and set(stage.glob("step-*")) <= before:
            time.sleep(0.002)
        until = time.monotonic() + self.random.random() * 0.25
        while process.is_alive() and time.monotonic() < until and not while_writing:
            time.sleep(0.001)
        while process.is_alive() and while_writing and not list(stage.glob(".step-*")):
            pass
        alive = process.is_alive()
        if alive and process.pid is not None:
            os.killpg(process.pid, signal.SIGKILL)
            self.while_writing += bool(list(stage.glob(".step-*")))
        process.join()
        return alive


@pytest.mark.slow
def test_kills_at_random_moments_change_no_bit_of_the_final_weights(tmp_path: Path) -> None:
    motion_set = write_small_set(tmp_path / "motion")
    whole, parts = Killer(motion_set, tmp_path / "whole"), Killer(motion_set, tmp_path / "parts")
    finished = whole.start()
    for stage, number in KILLS.items():
        folder = tmp_path / "parts" / {"stage1": "stage1_cheap", "stage2": "stage2"}[stage]
        killed = [parts.kill_in(folder, while_writing=kill % 2 == 0) for kill in range(number)]
        assert sum(killed) == number, f"{stage} ended after {sum(killed)} kills"
    last = parts.start()
    for process in (finished, last):
        process.join()
        assert process.exitcode == 0
    assert parts.while_writing >= 1
    assert not [path for name in (".step-*", ".tmp*") for path in (tmp_path / "parts").rglob(name)]
    weights = [load_bundle(tmp_path / run / "bundle").model.state_dict() for run in ("whole", "parts")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
