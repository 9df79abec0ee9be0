"""Starting the processes of a run, and bringing what went wrong in one of them back to whoever called.

One process trains in place. Several on this machine are spawned here; those that torchrun has started find each other.
"""

import json
import logging
import os
import signal
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

import faster_video.errors
from faster_video.errors import FasterVideoError, TrainingError
from faster_video.training.run import RunConfig

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # here: spawned processes import this first
DONE, INTERRUPTED = "done", "interrupted"


def is_first_process() -> bool:
    """Whether this process is the one that writes: any that torchrun has not numbered, or its number 0."""
    return int(os.environ.get("RANK", "0")) == 0


def launch(run: RunConfig, work: Callable[[Fabric, RunConfig], None]) -> None:
    """Call `work` in every process of the run.

    Raises:
        FasterVideoError: as in the process that raised it first.
        TrainingError: a process was killed.
        KeyboardInterrupt: all processes stopped, with the state saved.
    """
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    if run.num_processes == 1:
        work(Fabric(accelerator=run.device, devices=1, precision=run.precision), run)
        return
    strategy = DDPStrategy(
        start_method="popen" if by_torchrun else "spawn",
        forward_sync_buffers=False,  # shared batch norm keeps them equal
        find_unused_parameters=run.recipe.clips.num_clips == 1,  # an aggregator that never steps
    )
    fabric = Fabric(
        accelerator=run.device, devices=run.devices, num_nodes=run.nodes, strategy=strategy, precision=run.precision
    )
    if by_torchrun:
        fabric.launch()
        work(fabric, run)
        return
    _spawn(fabric, run, work)


def _spawn(fabric: Fabric, run: RunConfig, work: Callable[[Fabric, RunConfig], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="faster-video-") as errors:
        # Ctrl-C reaches all processes of a terminal; the trainers stop together, and this one waits for them.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            outcome = fabric.launch(partial(_process, run=run, work=work, errors=errors))
        except (ProcessRaisedException, ProcessExitedException) as error:
            raise _told_error(Path(errors), error) from error
        finally:
            signal.signal(signal.SIGINT, before)
    if outcome == INTERRUPTED:
        raise KeyboardInterrupt


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
