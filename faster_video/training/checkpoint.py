"""The state of a stage on disk: two generations, each verified before an older one goes.

A checkpoint is one safetensors file `step-<steps done>.safetensors`, with the SHA-256 of its tensors in its header.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from faster_video.errors import TrainingError
from faster_video.files import printable, replacing_file

KEPT = 2
"""The newest checkpoint, and the one before in case it turns out to be damaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What a stage needs to go on as if it had never stopped.

    Orders and augmentations follow from the seed and the step, so no random state is kept.
    """

    step: int
    """Optimiser steps done."""
    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    """`<parameter number>.<name>`, such as `0.momentum_buffer`."""
    average: dict[str, Tensor] = field(default_factory=dict)
    """The moving average of the weights; empty where none is kept."""
    precision: dict[str, Tensor] = field(default_factory=dict)
    """The loss scale of 16-mixed; empty elsewhere."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write aside, flush, rename, read back and compare; only then remove all but the newest two.

    Raises:
        TrainingError: the disk is full, not writable, or gives back other bytes; the older checkpoints are still there.
    """
    path = folder / f"step-{checkpoint.step:08d}.safetensors"
    tensors = _flat(checkpoint)
    metadata = {"step": str(checkpoint.step), "sha256": _digest(tensors)}
    try:
        with replacing_file(path) as aside:
            save_file(tensors, aside, metadata=metadata)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TrainingError(
            f"{printable(path)}: cannot write the checkpoint ({reason}); the one before is kept: make room, then go on "
            "with --resume"
        ) from error
    load_checkpoint(path)
    for old in checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a stage's folder, newest first; none if there is no folder."""
    return sorted(folder.glob("step-*.safetensors"), reverse=True)


def newest_checkpoint(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, None where a stage has not begun; `warn` hears of a damaged one.

    Raises:
        TrainingError: all checkpoints there are damaged.
    """
    for aside in (".step-*", ".tmp??????"):  # of a process that was killed while it wrote; `save_file`'s own names
        for leftover in folder.glob(aside):
            leftover.unlink(missing_ok=True)
    found = checkpoints(folder)
    for number, path in enumerate(found):
        try:
            return load_checkpoint(path)
        except TrainingError as error:
            if path == found[-1]:
                raise TrainingError(f"{error}; delete {printable(folder)} to start this stage again") from error
            warn(f"{error}; going on from {found[number + 1].name}")
    return None


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises:
        TrainingError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            metadata = file.metadata()
        step = int(metadata["step"])
        if metadata["sha256"] != _digest(tensors):
            raise ValueError("its SHA-256 is not the one written in it")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{printable(path)}: is not a whole checkpoint ({error})") from error
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "optimizer": {}, "average": {}, "precision": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    return Checkpoint(step=step, **parts)


def _flat(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Every tensor under `<part>.<name>`, on the CPU, none sharing memory with another."""
    parts = {
        "weights": checkpoint.weights,
        "optimizer": checkpoint.optimizer,
        "average": checkpoint.average,
        "precision": checkpoint.precision,
    }
    return {
        f"{part}.{name}": tensor.detach().cpu().contiguous()
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    }


def _digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
