"""Clip networks on each engine beside PyTorch's own modules, in one run, against the FMA peak measured in the same run.

python benchmarks/engine.py [--only NAME] [--case N] [--ways WAY …] [--json]

Every row: random weights, full width, 224 px; the ways take turns, median of --rounds. `2-D` is a trial with R2D-26:
the same network as images. Beside each way the seconds to the first maps, with an empty cache and
once more by a new network with the same weights, whose code is kept.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median

import torch
from peak import described, rates, seconds_of
from torch import Tensor
from two_dimensional import ImageNetwork

from faster_video.backbones import BACKBONES, ClipResNet
from faster_video.cost import count_gmacs
from faster_video.engine import ENGINES
from faster_video.speed import let_every_block_speak

CASES = (
    ("r2d26", 1, 8),
    ("r2d26", 4, 16),
    ("r2d26", 14, 16),
    ("r2plus1d50", 1, 8),
    ("r2plus1d50", 1, 16),
    ("r2plus1d50", 1, 32),
    ("r3d50", 1, 8),
    ("r3d50", 1, 32),
)
"""Network, clips at once, frames of each."""
MODULES, IMAGES = "modules", "2-D"
WAYS = (MODULES, *ENGINES, IMAGES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(BACKBONES))
    parser.add_argument("--case", type=int, choices=range(len(CASES)), help="this one only")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about), flush=True)
    for number, (name, count, frames) in enumerate(CASES):
        if options.only in (None, name) and options.case in (None, number):
            case = Case(network=name, clips=count, frames=frames, side=options.side)
            ways = [way for way in WAYS if way in {MODULES, *options.ways} and (way != IMAGES or name == "r2d26")]
            for row in measured(case, ways, options.rounds, float(about["fma_peak"])):
                print(json.dumps(asdict(row)) if options.json else line(row), flush=True)


@dataclass(frozen=True, kw_only=True)
class Case:
    network: str
    clips: int
    frames: int
    side: int


@dataclass(frozen=True, kw_only=True)
class Row:
    case: Case
    gmacs: float
    way: str
    seconds: float
    fastest: float
    slowest: float
    times_modules: float
    efficiency: float
    difference: float
    """Largest, from the modules' maps, as a share of their largest value."""
    seconds_cold: float
    """To the first maps, of a network that nothing is kept of."""
    seconds_kept: float
    """The same once more."""


@torch.inference_mode()
def measured(case: Case, ways: list[str], rounds: int, peak: float) -> list[Row]:
    """One row per way of running this network."""
    network = BACKBONES[case.network](400, 1.0).eval()
    let_every_block_speak(network)
    clips = torch.randn(case.clips, 3, case.frames, case.side, case.side)
    gmacs = count_gmacs(network, clips)
    with tempfile.TemporaryDirectory() as empty:
        os.environ["XDG_CACHE_HOME"] = empty
        cold = {way: seconds_of(partial(prepared, way, network, clips)) for way in ways}
        runs: dict[str, Callable[[Tensor], Tensor]] = {}
        kept = {way: seconds_of(partial(prepared, way, network, clips, runs)) for way in ways}
    wanted = network(clips)
    differences = {way: float((run(clips) - wanted).abs().max() / wanted.abs().max()) for way, run in runs.items()}
    assert max(differences.values()) < 1e-4, differences
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            seconds[way].append(seconds_of(partial(runs[way], clips)))
    usual = median(seconds[MODULES])
    return [
        Row(
            case=case,
            gmacs=gmacs,
            way=way,
            seconds=median(taken),
            fastest=min(taken),
            slowest=max(taken),
            times_modules=usual / median(taken),
            efficiency=gmacs / median(taken) / peak,
            difference=differences[way],
            seconds_cold=cold[way],
            seconds_kept=kept[way],
        )
        for way, taken in seconds.items()
    ]


def prepared(
    way: str, network: ClipResNet, clips: Tensor, runs: dict[str, Callable[[Tensor], Tensor]] | None = None
) -> None:
    """Make the network on this engine, to its first maps; put into `runs` if it is to be kept."""
    run = made(way, network)
    run(clips)
    if runs is not None:
        runs[way] = run


def made(way: str, network: ClipResNet) -> Callable[[Tensor], Tensor]:
    if way == MODULES:
        return network
    return ImageNetwork(network) if way == IMAGES else ENGINES[way](deepcopy(network))


def line(row: Row) -> str:
    what = f"{row.case.network}, {row.case.clips} × {row.case.frames} frames ({row.gmacs:.1f} GMACs)"
    time = f"{row.seconds:.3f} s ({row.fastest:.3f} – {row.slowest:.3f})"
    preparing = f"first maps after {row.seconds_cold:.1f} s, kept {row.seconds_kept:.2f} s"
    speed = f"{row.times_modules:.2f} × modules, {row.efficiency:.2f} of the FMA peak"
    return f"{what:40} {row.way:8} {time:24} {speed}; {preparing}; {row.difference:.0e}"


if __name__ == "__main__":
    main()
