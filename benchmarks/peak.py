"""What this processor can do at most: float32 multiply-adds from registers (FMA peak), and as a matrix product (sgemm).

python benchmarks/peak.py [--threads N] [--json]
"""

import argparse
import json
import platform
from statistics import median

import torch

from faster_video.engine.kept import processor
from faster_video.speed import fma_peak, sgemm
from faster_video.speed.clock import seconds_of

__all__ = ["described", "rates", "seconds_of"]
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    about = rates(options.threads)
    print(json.dumps(about) if options.json else described(about))


def rates(threads: int) -> dict[str, str | float]:
    """The machine, what runs on it, and what it can do in GMAC/s, median of 5 rounds."""
    rounds = [(fma_peak(threads), sgemm()) for _ in range(ROUNDS)]
    peaks, products = zip(*rounds, strict=True)
    return {
        "processor": ", ".join(processor()[:2]),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "fma_peak": median(peaks),
        "sgemm": median(products),
    }


def described(about: dict[str, str | float]) -> str:
    """The same in words."""
    machine = f"{about['processor']}, {about['threads']} threads, Python {about['python']}, PyTorch {about['torch']}"
    return f"{machine}\nFMA peak {about['fma_peak']:.1f} GMAC/s, sgemm {about['sgemm']:.1f} GMAC/s"


if __name__ == "__main__":
    main()
