"""What this processor can do at most: float32 multiply-adds from registers (FMA peak), and as a matrix product (sgemm).

python benchmarks/peak.py [--threads N] [--json]
"""

import argparse
import ctypes
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from faster_video.inference.engine.kept import processor

SOURCE = Path(__file__).with_suffix(".c")
STEPS = 20_000_000
ROUNDS = 5
SIDE = 2048
"""Of the square matrices."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    about = rates(options.threads)
    print(json.dumps(about) if options.json else described(about))


def rates(threads: int) -> dict[str, str | float]:
    """The machine, what runs on it, and what it can do in GMAC/s."""
    return {
        "processor": ", ".join(processor()[:2]),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "fma_peak": fma_peak(threads),
        "sgemm": sgemm(),
    }


def described(about: dict[str, str | float]) -> str:
    """The same in words."""
    machine = f"{about['processor']}, {about['threads']} threads, Python {about['python']}, PyTorch {about['torch']}"
    return f"{machine}\nFMA peak {about['fma_peak']:.1f} GMAC/s, sgemm {about['sgemm']:.1f} GMAC/s"


def fma_peak(threads: int) -> float:
    """GMAC/s of all threads together, median of 5 rounds; needs a C compiler."""
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/peak.so"
        words = [
            os.environ.get("CC", "cc"),
            "-O3",
            "-march=native",
            "-ffp-contract=fast",
            "-fPIC",
            "-shared",
            "-o",
            library,
            str(SOURCE),
        ]
        subprocess.run(words, check=True)
        kernels = ctypes.CDLL(library)
    kernels.spin.argtypes = (ctypes.c_long,)
    count: int = threads * STEPS * kernels.multiply_adds_per_step()
    with ThreadPoolExecutor(threads) as pool:
        return (
            median(count / seconds_of(lambda: list(pool.map(kernels.spin, [STEPS] * threads))) for _ in range(ROUNDS))
            / 1e9
        )


def sgemm() -> float:
    """GMAC/s of PyTorch's product of two square matrices, median of 5 rounds."""
    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    left @ right
    rates = [SIDE**3 / seconds_of(lambda: left @ right) / 1e9 for _ in range(ROUNDS)]
    return median(rates)


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = perf_counter()
    work()
    return perf_counter() - began


if __name__ == "__main__":
    main()
