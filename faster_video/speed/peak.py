"""What this machine can do at most: float32 multiply-adds from registers (FMA peak), and as a product of matrices."""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from faster_video.engine.c_compiler import load_compiled
from faster_video.speed.clock import seconds_of

SOURCE = Path(__file__).with_name("peak.c")
FURTHER_FLAGS = (("-ffp-contract=fast",),)
STEPS = 20_000_000
"""Of each thread in one measurement: a fraction of a second."""
SIDE = 2048
"""Of the square matrices."""
CPU = torch.device("cpu")


def fma_peak(threads: int) -> float:
    """GMAC/s of all threads together, once.

    Raises:
        EngineError: there is no C compiler here, or it fails.
    """
    library = load_compiled(SOURCE, FURTHER_FLAGS, _declare)
    count: int = threads * STEPS * library.multiply_adds_per_step()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(library.spin, [1] * threads))  # starts the threads
        return count / seconds_of(lambda: list(pool.map(library.spin, [STEPS] * threads))) / 1e9


def _declare(library: ctypes.CDLL) -> None:
    library.spin.argtypes = (ctypes.c_long,)
    library.spin.restype = ctypes.c_float
    library.multiply_adds_per_step.restype = ctypes.c_long


def sgemm(device: torch.device = CPU) -> float:
    """GMAC/s of PyTorch's product of two square matrices in float32, once."""
    left, right = torch.randn(2, SIDE, SIDE, device=device)
    left @ right
    return SIDE**3 / seconds_of(lambda: left @ right, device) / 1e9
