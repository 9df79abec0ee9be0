"""The time, when all that was asked of a device is done."""

from collections.abc import Callable
from time import perf_counter

import torch

CPU = torch.device("cpu")


def now(device: torch.device = CPU) -> float:
    """Seconds from some moment on. On a GPU its work is waited for first."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


def seconds_of(work: Callable[[], object], device: torch.device = CPU) -> float:
    """Wall time of one call."""
    began = now(device)
    work()
    return now(device) - began
