"""Starting the processes of a run, and bringing what went wrong in one of them back to whoever called.

One process trains in place. Several on this machine are spawned here; those that torchrun has started find each other.
"""

import json
import logging
import multiprocessing
import os
import signal
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

import faster_video.errors
from faster_video.device import choose_device
from faster_video.errors import FasterVideoError, TrainingError
from faster_video.pattern import Pattern
from faster_video.training.run import RunConfig

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # here: spawned processes import this first
DONE, INTERRUPTED = "done", "interrupted"


def is_first_process() -> bool:
    """Whether this process is the one that writes: any that torchrun has not numbered, or its number 0."""
    return not _by_torchrun() or int(os.environ["RANK"]) == 0


def _by_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _leaves_weights_unused(run: RunConfig) -> bool:
    """Whether something in stage 2 learns nothing: an aggregator that never steps, a projection without cheap clips."""
    num_clips = run.recipe.clips.num_clips
    if run.recipe.stage2.patterns or run.recipe.stage2.clip_counts:
        return True
    return num_clips == 1 or len(set(Pattern.parse(run.recipe.model.pattern).flags(num_clips))) == 1


def launch(run: RunConfig, work: Callable[[Fabric, RunConfig], None]) -> None:
    """Call `work` in every process of the run.

    Raises:
        FasterVideoError: as in the process that raised it first.
        TrainingError: a process was killed.
        KeyboardInterrupt: all processes stopped, with the state saved.
    """
    device = choose_device(run.device).type
    if run.num_processes == 1:
        work(Fabric(accelerator=device, devices=1, precision=run.precision), run)
        return
    strategy = DDPStrategy(
        start_method="popen" if _by_torchrun() else "spawn",
        find_unused_parameters=_leaves_weights_unused(run),
    )
    fabric = Fabric(
        accelerator=device, devices=run.devices, num_nodes=run.nodes, strategy=strategy, precision=run.precision
    )
    if _by_torchrun():
        fabric.launch()
        work(fabric, run)
        return
    _spawn(fabric, run, work)


def _spawn(fabric: Fabric, run: RunConfig, work: Callable[[Fabric, RunConfig], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="faster-video-") as errors:
        # Ctrl-C reaches all processes of a terminal; the trainers stop together, and this one waits for them.
        before = {
            signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
            signal.SIGTERM: signal.signal(signal.SIGTERM, _interrupt_children),
        }
        try:
            outcome = fabric.launch(partial(_process, run=run, work=work, errors=errors))
        except (ProcessRaisedException, ProcessExitedException) as error:
            raise _told_error(Path(errors), error) from error
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if outcome == INTERRUPTED:
        raise KeyboardInterrupt


def _interrupt_children(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM reaches this process alone: the trainers save and stop as after ctrl-C."""
    for child in multiprocessing.active_children():
        if child.pid is not None:
            os.kill(child.pid, signal.SIGINT)


def _process(fabric: Fabric, run: RunConfig, work: Callable[[Fabric, RunConfig], None], errors: str) -> str:
    """What each spawned process does; it has inherited that ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    try:
        work(fabric, run)
    except KeyboardInterrupt:
        return INTERRUPTED
    except FasterVideoError as error:
        told = {"type": type(error).__name__, "message": str(error)}
        Path(errors, f"{fabric.global_rank:05d}.json").write_text(json.dumps(told), "utf-8")
        raise
    return DONE


def _told_error(errors: Path, error: ProcessRaisedException | ProcessExitedException) -> Exception:
    """The error of the first process that told one; else what is known of the one that ended."""
    for path in sorted(errors.iterdir()):
        told = json.loads(path.read_text("utf-8"))
        kind: type[FasterVideoError] = getattr(faster_video.errors, told["type"])
        return kind(told["message"])
    if isinstance(error, ProcessExitedException):
        how = f"by {error.signal_name}" if error.signal_name else f"with exit code {error.exit_code}"
        return TrainingError(
            f"training process {error.error_index} ended {how}, perhaps for want of memory; the last checkpoint is "
            "kept: go on with --resume"
        )
    return error
