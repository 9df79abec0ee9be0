"""One run of optimisation, the same for both stages: batches in, steps, logs, checkpoints; it can stop and go on."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import islice

from lightning_fabric import Fabric
from torch import Tensor

from faster_video.errors import TrainingError
from faster_video.training.batches import Batches, Share
from faster_video.training.checkpoint import newest_checkpoint, save_checkpoint
from faster_video.training.interrupt import Interruption
from faster_video.training.logs import RunLog, ShowStep, Value, progress_bar, warn
from faster_video.training.objective import Objective
from faster_video.training.processes import Processes
from faster_video.training.samples import Batch
from faster_video.training.schedule import learning_rate
from faster_video.training.stage import Keeping, Piece, Stage
from faster_video.training.state import StageState

SMOOTHING = 0.95
"""Share of the old value in the running mean of the loss that the bar shows."""


def run_stage(stage: Stage, *, keeping: Keeping, log: RunLog, fabric: Fabric, interruption: Interruption) -> None:
    """Train until the stage's last step, from its newest whole checkpoint if there is one.

    A checkpoint is written after every epoch, every `checkpoint_seconds`, and when the run is interrupted or stops with
    an error between two steps. The learner ends with the average of its weights where the stage keeps one.

    Raises:
        TrainingError: the loss is not a number any more, too many videos cannot be read, a decoding process was killed,
            or a checkpoint is damaged or cannot be written.
        KeyboardInterrupt: after the state has been saved.
    """
    processes = Processes(fabric)
    state = StageState(stage.learner, stage.config, fabric)
    checkpoints = keeping.folder / stage.name
    found = newest_checkpoint(checkpoints, warn if processes.is_first else lambda _: None)
    if found is not None:
        state.restore(found)
    first_step = 0 if found is None else found.step
    log.forget_after(stage.name, first_step)
    batches = Batches(
        stage.num_videos,
        stage.config,
        seed=keeping.seed,
        first_step=first_step,
        share=Share(rank=processes.rank, processes=processes.count, pieces=stage.config.accumulate),
    )
    steps = _Steps(stage, batches, state, fabric, processes, log, keeping, interruption)

    def save() -> None:
        if processes.is_first:
            log.steps(steps.take_rows())
            save_checkpoint(checkpoints, state.checkpoint(steps.step))

    if first_step < batches.total_steps:
        stage.learner.train()
        steps.run(save)
        steps.tell_passed_over()
    state.finish()
    stage.learner.eval()


class _Steps:
    """The steps of a stage from the first that is still to do."""

    def __init__(
        self,
        stage: Stage,
        batches: Batches,
        state: StageState,
        fabric: Fabric,
        processes: Processes,
        log: RunLog,
        keeping: Keeping,
        interruption: Interruption,
    ) -> None:
        self.stage = stage
        self.batches = batches
        self.state = state
        self.fabric = fabric
        self.processes = processes
        self.log = log
        self.keeping = keeping
        self.step = batches.first_step
        """Steps done."""
        self._interruption = interruption
        self._is_whole = True
        """Whether the state is that between two steps, and saving it has not just failed."""
        self._stop = False
        self._all_stop = False
        """Whether every process is about to raise the same error."""
        self._passed_over = 0
        self._mean_loss: float | None = None
        self._rows: list[dict[str, Value]] = []

    def take_rows(self) -> list[dict[str, Value]]:
        """The log rows since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def run(self, save: Callable[[], None]) -> None:
        """All remaining steps; `save` is called between two steps: now and then, after every epoch, before stopping.

        A step is done wholly or not at all: what is saved is always the state between two steps.
        """
        shown = self.processes.is_first
        try:
            with (
                _dead_workers_named(self.stage.name),  # outermost: PyTorch may tell it while the bar is being closed
                progress_bar(self.stage.name, self.batches.total_steps, self.step, shown=shown) as show,
            ):
                self._run(save, show)
        except (KeyboardInterrupt, TrainingError):
            if self._is_whole:
                save()
                if self._all_stop:
                    # The first process that ends with an error takes the others with it: wait until the state is saved.
                    with suppress(RuntimeError):  # from one that was past the barrier and has ended
                        self.fabric.barrier()
            raise

    def _run(self, save: Callable[[], None], show: ShowStep) -> None:
        saved_at = waiting_since = time.perf_counter()
        for pieces in _grouped(self.stage.source(self.batches), self.batches.share.pieces):
            with self._interruption.held_back():
                self._is_whole = False
                self._next(pieces, waiting_since)
                self._is_whole = True
            show(1, self._mean_loss)
            self._stop_together()
            waiting_since = time.perf_counter()
            is_due = waiting_since - saved_at > self.keeping.checkpoint_seconds
            if is_due or self.step % self.batches.steps_per_epoch == 0:
                self._is_whole = False
                save()
                self._is_whole = True
                saved_at = waiting_since = time.perf_counter()
            self._check_readable()
        self._stop |= self.processes.sums(self._interruption.requested)[0] > 0
        self._stop_together()

    def _stop_together(self) -> None:
        if self._stop and self.processes.count > 1:
            self._all_stop = True
            raise KeyboardInterrupt

    def tell_passed_over(self) -> None:
        """Say how many steps were not taken for want of readable videos.

        Raises TrainingError where that is all of them.
        """
        num_steps = self.step - self.batches.first_step
        if not self._passed_over:
            return
        told = f"{self.stage.name}: {self._passed_over} of {num_steps} steps had a piece with too few readable videos"
        if self._passed_over == num_steps:
            raise TrainingError(f"{told}; nothing was learned: choose a larger batch_size or a smaller accumulate")
        if self.processes.is_first:
            warn(f"{told} and were passed over")

    def _next(self, pieces: list[Piece], waiting_since: float) -> None:
        """One step with this batch, and its row in the log."""
        begun = time.perf_counter()
        num_videos = self._count(pieces)
        if num_videos:
            loss, top1 = self._learn([piece for piece in pieces if isinstance(piece, Batch)], num_videos)
            self._rows.append(
                {
                    "stage": self.stage.name,
                    "epoch": self.step // self.batches.steps_per_epoch,
                    "step": self.step,
                    "videos": num_videos,
                    "loss": loss,
                    "top1": round(top1, 4),
                    "learning_rate": self.state.learning_rate,
                    "seconds": round(time.perf_counter() - waiting_since, 4),
                    "seconds_waiting": round(begun - waiting_since, 4),
                }
            )
            before = loss if self._mean_loss is None else self._mean_loss
            self._mean_loss = SMOOTHING * before + (1 - SMOOTHING) * loss
        else:
            self._passed_over += 1
        self.step += 1

    def _count(self, pieces: list[Piece]) -> int:
        """Videos of this batch that all processes together can learn from; 0 if a piece is too small to be used.

        All processes learn here of each other's broken videos and of a wish to stop.
        """
        lost = [video for piece in pieces for video in (piece.unreadable if isinstance(piece, Batch) else piece)]
        sizes = [len(piece.labels) if isinstance(piece, Batch) else 0 for piece in pieces]
        num_empty, num_lost, stop, *totals = self.processes.sums(
            sizes.count(0), len(lost), self._interruption.requested, *sizes
        )
        if num_lost:
            self.log.broken(self.processes.gather(lost))
        self._stop = bool(stop)
        too_small = num_empty or min(totals) < self.stage.smallest_batch
        return 0 if too_small else int(sum(totals))

    def _learn(self, pieces: list[Batch], num_videos: int) -> tuple[float, float]:
        """One optimiser step over all pieces of all processes: mean loss, and share of videos that were right."""
        self.state.set_learning_rate(self._learning_rate())
        self.state.optimizer.zero_grad()
        losses, hits = 0.0, 0
        for number, piece in enumerate(pieces):
            place = f"{self.stage.name}/{self.step}/{self.processes.rank}/{number}"
            objective = Objective(self.stage.config, seed=self.keeping.seed, place=place)
            inputs = self.stage.prepare(self.fabric.to_device(piece.inputs))
            labels = self.fabric.to_device(piece.labels)
            with self._gradients_kept_here(until_last=number < len(pieces) - 1):
                scores: Tensor = self.state.learner(objective.blend(inputs))
                loss = objective.loss(scores, labels)
                # DDP takes the mean over processes of what is a part of the mean over videos.
                self.fabric.backward(loss * (self.processes.count / num_videos))
            losses += float(loss.detach())
            last = scores if scores.ndim == 2 else scores[:, -1]  # [B, K]
            hits += int((last.argmax(dim=1) == labels).sum())
        losses, num_hits = self.processes.sums(losses, hits)
        self._check_number("loss", losses)
        self._check_number("gradient's norm", self.state.clip_gradients())
        self.state.step(self.step)
        return losses / num_videos, num_hits / num_videos

    def _learning_rate(self) -> float:
        config = self.stage.config
        return learning_rate(
            self.step,
            total_steps=self.batches.total_steps,
            warmup_steps=round(config.warmup_epochs * self.batches.steps_per_epoch),
            peak=config.peak_learning_rate,
        )

    def _gradients_kept_here(self, *, until_last: bool) -> AbstractContextManager[object]:
        """Exchange gradients between processes once per step, not once per piece."""
        if self.processes.count == 1:
            return nullcontext()
        return self.fabric.no_backward_sync(self.state.learner, enabled=until_last)

    def _check_number(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                f"{self.stage.name}: the {what} is {value} at step {self.step}; start again in another folder with a "
                f"learning_rate below {self.stage.config.learning_rate} or with max_gradient_norm (this folder keeps "
                "its last checkpoint)"
            )

    def _check_readable(self) -> None:
        """A run that has lost more videos than it may does not go on as if nothing had happened."""
        lost, all_videos = self.log.num_broken, self.stage.num_videos
        if lost > self.keeping.most_broken * all_videos:
            self._all_stop = True
            raise TrainingError(
                f"{lost} of the {all_videos} videos could not be decoded, more than the {self.keeping.most_broken:.1%} "
                f"that are allowed (the newest: {self.log.newest_broken}); see {self.log.broken_path}, mend them, or "
                "start again without them (faster-video data check LIST --fix), or allow more with --most_broken"
            )


def _grouped(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    """The pieces of one step together."""
    remaining = iter(pieces)
    while group := list(islice(remaining, size)):
        yield group


@contextmanager
def _dead_workers_named(stage: str) -> Iterator[None]:
    """PyTorch reports a killed decoding process wherever training happens to be."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            f"{stage}: a process that decodes videos was killed, perhaps for want of memory ({error}); go on with "
            "--resume, perhaps with fewer --workers"
        ) from error
