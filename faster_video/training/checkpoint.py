"""The state of a stage on disk, as safetensors: weights, optimiser, and the step it has reached."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from faster_video.errors import TrainingError
from faster_video.files import replacing_file


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a stage needs to go on as if it had never stopped.

    Orders and augmentations follow from the seed and the step, so no random state is kept.
    """

    step: int
    """Optimiser steps done."""
    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    """`<parameter number>.<name>`, such as `0.momentum_buffer`."""


def save_checkpoint(path: Path, step: int, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write aside, flush, rename: a crash leaves the checkpoint before this one.

    Raises:
        TrainingError: the disk is full or not writable.
    """
    tensors = {f"weights.{name}": tensor.detach().cpu() for name, tensor in module.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor.detach().cpu() for name, tensor in values.items()}
    try:
        with replacing_file(path) as aside:
            contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
            save_file(contiguous, aside, metadata={"step": str(step)})
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: cannot write the checkpoint: {error}") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises:
        TrainingError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            step = int(file.metadata()["step"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{path}: is not a readable checkpoint ({error}); delete it to start this stage again"
        ) from error
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    return Checkpoint(step, parts["weights"], parts["optimizer"])


def restore(checkpoint: Checkpoint, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put the saved weights and optimiser state back in place."""
    module.load_state_dict(checkpoint.weights)
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in checkpoint.optimizer.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
