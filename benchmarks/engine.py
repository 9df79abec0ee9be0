"""Clip networks on each engine beside PyTorch's own modules, in one run, against the FMA peak measured in the same run.

python benchmarks/engine.py [--only NAME] [--json]

Every row: one clip (of R2D-26 also four), random weights, full width, 224 px; the ways take turns, median of --rounds.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median

import torch
from peak import described, rates, seconds_of
from torch import Tensor

from faster_video.backbones import BACKBONES
from faster_video.cost import count_gmacs
from faster_video.inference.engine import ENGINES
from faster_video.speed import let_every_block_speak

CASES = (
    ("r2d26", 1, 8),
    ("r2d26", 4, 16),
    ("r2plus1d50", 1, 8),
    ("r2plus1d50", 1, 16),
    ("r2plus1d50", 1, 32),
    ("r3d50", 1, 8),
    ("r3d50", 1, 32),
)
"""Network, clips at once, frames of each."""
MODULES = "modules"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(BACKBONES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about))
    for name, count, frames in CASES:
        if options.only in (None, name):
            for row in measured(name, count, frames, options.side, options.rounds, float(about["fma_peak"])):
                print(json.dumps(asdict(row)) if options.json else line(row))


@dataclass(frozen=True, kw_only=True)
class Row:
    network: str
    clips: int
    frames: int
    side: int
    gmacs: float
    way: str
    seconds: float
    fastest: float
    slowest: float
    times_modules: float
    efficiency: float


@torch.inference_mode()
def measured(name: str, count: int, frames: int, side: int, rounds: int, peak: float) -> list[Row]:
    """One row per way of running this network."""
    network = BACKBONES[name](400, 1.0).eval()
    let_every_block_speak(network)
    clips = torch.randn(count, 3, frames, side, side)
    gmacs = count_gmacs(network, clips)
    ways: dict[str, Callable[[Tensor], Tensor]] = {MODULES: network}
    ways |= {engine: make(network) for engine, make in ENGINES.items()}
    wanted = network(clips)
    for way, run in ways.items():
        difference = float((run(clips) - wanted).abs().max() / wanted.abs().max())
        assert difference < 1e-4, (way, difference)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            seconds[way].append(seconds_of(partial(run, clips)))
    usual = median(seconds[MODULES])
    return [
        Row(
            network=name,
            clips=count,
            frames=frames,
            side=side,
            gmacs=gmacs,
            way=way,
            seconds=median(taken),
            fastest=min(taken),
            slowest=max(taken),
            times_modules=usual / median(taken),
            efficiency=gmacs / median(taken) / peak,
        )
        for way, taken in seconds.items()
    ]


def line(row: Row) -> str:
    what = f"{row.network}, {row.clips} × {row.frames} frames ({row.gmacs:.1f} GMACs)"
    time = f"{row.seconds:.3f} s ({row.fastest:.3f} – {row.slowest:.3f})"
    return f"{what:40} {row.way:8} {time:24} {row.times_modules:.2f} × modules, {row.efficiency:.2f} of the FMA peak"


if __name__ == "__main__":
    main()
