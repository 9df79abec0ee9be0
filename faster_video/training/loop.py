"""One run of optimisation, the same for both stages: batches in, steps, logs, checkpoints; it can stop and go on.

Shapes: B videos of a batch.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from lightning_fabric import Fabric
from torch import nn

from faster_video.config import StageConfig
from faster_video.errors import TrainingError
from faster_video.training.checkpoint import load_checkpoint, restore, save_checkpoint
from faster_video.training.interrupt import holding_back_ctrl_c
from faster_video.training.logs import RunLog, progress_bar
from faster_video.training.samples import Batch, Batches, Unreadable
from faster_video.training.schedule import learning_rate

SMOOTHING = 0.95
"""Share of the old value in the running mean of the loss that the bar shows."""


class BatchSource(Protocol):
    """Makes the batches of a stage from the keys that are still to do."""

    def __call__(self, batches: Batches) -> Iterable[Batch | list[Unreadable]]:
        """One item per step; a list of the unreadable videos where none of a batch could be read."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What learns, from what, and how."""

    name: str
    learner: nn.Module
    """Maps inputs and labels [B] of a batch to the loss; its parameters and buffers are what a checkpoint holds."""
    config: StageConfig
    num_videos: int
    source: BatchSource
    smallest_batch: int = 1
    """Readable videos below which a batch is passed over: batch norm needs two values to tell their spread."""


def make_optimizer(learner: nn.Module, config: StageConfig) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, or AdamW."""
    if config.optimizer == "adamw":
        return torch.optim.AdamW(
            learner.parameters(), lr=1.0, betas=(config.momentum, 0.999), weight_decay=config.weight_decay
        )
    return torch.optim.SGD(
        learner.parameters(),
        lr=1.0,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay,
    )


def run_stage(stage: Stage, *, folder: Path, log: RunLog, fabric: Fabric, seed: int) -> None:
    """Train until the stage's last step, from its checkpoint in `folder` if there is one.

    A checkpoint is written after every epoch and when the run is interrupted.

    Raises:
        TrainingError: the loss is not a number any more, no video can be read, or the checkpoint is damaged or cannot
            be written.
        KeyboardInterrupt: after the state has been saved.
    """
    path = folder / stage.name / "checkpoint.safetensors"
    optimizer = make_optimizer(stage.learner, stage.config)
    learner, optimizer = fabric.setup(stage.learner, optimizer)
    step = 0
    if path.exists():
        checkpoint = load_checkpoint(path)
        restore(checkpoint, stage.learner, optimizer.optimizer)
        step = checkpoint.step
        log.forget_after(stage.name, step)
    batches = Batches(stage.num_videos, stage.config, seed=seed, first_step=step)
    progress = _Steps(stage, batches, learner, optimizer, fabric, log)

    def save(step: int) -> None:
        log.steps(progress.take_rows())
        save_checkpoint(path, step, stage.learner, optimizer.optimizer)

    if step < batches.total_steps:
        stage.learner.train()
        progress.run(save)
    stage.learner.eval()


class _Steps:
    """The steps of a stage from the first that is still to do."""

    def __init__(
        self,
        stage: Stage,
        batches: Batches,
        learner: nn.Module,
        optimizer: torch.optim.Optimizer,
        fabric: Fabric,
        log: RunLog,
    ) -> None:
        self.stage = stage
        self.batches = batches
        self.learner = learner
        self.optimizer = optimizer
        self.fabric = fabric
        self.log = log
        self.step = batches.first_step
        """Steps done."""
        self._in_step = False
        self._mean_loss: float | None = None
        self._rows: list[dict[str, str | int | float]] = []

    def take_rows(self) -> list[dict[str, str | int | float]]:
        """The log rows since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def run(self, save: Callable[[int], None]) -> None:
        """All remaining steps; `save` is called after every epoch and on ctrl-C, with the steps done.

        A step is done wholly or not at all: what is saved is always the state between two steps.
        """
        with progress_bar(self.stage.name, self.batches.total_steps, self.step) as show:
            try:
                waiting_since = time.perf_counter()
                for batch in self.stage.source(self.batches):
                    with holding_back_ctrl_c():
                        self._in_step = True
                        self._next(batch, waiting_since)
                        self._in_step = False
                    show(1, self._mean_loss)
                    if self.step % self.batches.steps_per_epoch == 0:
                        self._check_readable()
                        save(self.step)
                    waiting_since = time.perf_counter()
            except KeyboardInterrupt:
                if not self._in_step:
                    save(self.step)
                raise

    def _next(self, batch: Batch | list[Unreadable], waiting_since: float) -> None:
        """One step with this batch, and its row in the log."""
        begun = time.perf_counter()
        loss = self._learn(batch)
        if loss is not None:
            self._note(loss, seconds_waiting=begun - waiting_since, seconds=time.perf_counter() - waiting_since)
            before = loss if self._mean_loss is None else self._mean_loss
            self._mean_loss = SMOOTHING * before + (1 - SMOOTHING) * loss
        self.step += 1

    def _learn(self, batch: Batch | list[Unreadable]) -> float | None:
        """One optimiser step; None if too few videos of the batch could be read."""
        self.log.broken(batch if isinstance(batch, list) else batch.unreadable)
        if isinstance(batch, list) or len(batch.labels) < self.stage.smallest_batch:
            return None
        config = self.stage.config
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(
                self.step,
                total_steps=self.batches.total_steps,
                warmup_steps=round(config.warmup_epochs * self.batches.steps_per_epoch),
                peak=config.peak_learning_rate,
            )
        loss = self.learner(self.fabric.to_device(batch.inputs), self.fabric.to_device(batch.labels))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"{self.stage.name}: the loss is {value} at step {self.step}; start again in another folder with a "
                f"learning_rate below {config.learning_rate} or with max_gradient_norm (this folder keeps its last "
                "checkpoint)"
            )
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        if config.max_gradient_norm:
            self.fabric.clip_gradients(self.learner, self.optimizer, max_norm=config.max_gradient_norm)
        self.optimizer.step()
        return value

    def _note(self, loss: float, *, seconds_waiting: float, seconds: float) -> None:
        self._rows.append(
            {
                "stage": self.stage.name,
                "epoch": self.step // self.batches.steps_per_epoch,
                "step": self.step,
                "loss": loss,
                "learning_rate": self.optimizer.param_groups[0]["lr"],
                "seconds": round(seconds, 4),
                "seconds_waiting": round(seconds_waiting, 4),
            }
        )

    def _check_readable(self) -> None:
        """A run in which nothing can be read has nothing to learn from."""
        if self.log.num_broken >= self.stage.num_videos:
            raise TrainingError(
                f"none of the {self.stage.num_videos} videos could be decoded; broken.csv in the run's folder says why"
            )
