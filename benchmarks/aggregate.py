"""FAST-GRU for inference against the plain modules, for the maps of FASTER16 and FASTER32 at 224 px; one run.

    python benchmarks/aggregate.py [--rounds 7] [--json]

Random weights and maps. The ways take turns:

    modules, step by step     `FastGru.step` clip by clip: PyTorch's modules
    modules, all at once      `FastGru.forward`: what is taken of the clips is one product for all clips
    eager and native          `FusedFastGru` with each engine's equations, in both ways

Then FASTER16 whole on the native engine, networks and all, and what of it comes after the networks.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from peak import described, rates, seconds_of
from torch import Tensor

from faster_video.aggregators import FastGru
from faster_video.cost import count_gmacs
from faster_video.engine.fused import EagerEquations, FusedFastGru
from faster_video.engine.native_gru import NativeEquations
from faster_video.speed import benchmark, fma_peak

CASES = {"FASTER16": (16, 2), "FASTER32": (8, 4)}
"""Clips, and steps in time of each one's map."""
CHANNELS, SIDE = 2048, 7
USUAL = "modules, step by step"
WANTED = 0.10
"""Of FASTER16's time at most."""


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about))
    for name, (clips, length) in CASES.items():
        for row in measured(clips, length, options.rounds):
            text = (
                f"{name}, {clips} clips: {row['way']:21} {row['seconds']:.3f} s "
                f"({row['fastest']:.3f} – {row['slowest']:.3f}), {row['times_usual']:.2f} × modules, "
                f"{row['efficiency']:.2f} of the FMA peak of {row['fma_peak']:.1f}"
            )
            print(json.dumps({"recipe": name, "clips": clips} | row) if options.json else text)
    whole = benchmark(recipe="faster16", rounds=options.rounds, engine="native")
    networks, folding = whole.parts[:2], whole.parts[2]
    share = folding.seconds.median / whole.seconds_model.median
    if options.json:
        print(json.dumps({"share": share, "share_of_gmacs": folding.gmacs / whole.gmacs} | whole.as_dict()))
        return
    print(
        f"FASTER16 whole: {whole.seconds_model.median:.3f} s, networks "
        f"{' + '.join(f'{part.seconds.median:.3f}' for part in networks)}, what comes after them "
        f"{folding.seconds.median:.3f}: {share:.3f} of the time, wanted at most {WANTED}; "
        f"{folding.gmacs / whole.gmacs:.3f} of the GMACs; {whole.efficiency_of(folding.gmacs, folding.seconds):.2f} "
        "of the FMA peak"
    )


def measured(num_clips: int, length: int, rounds: int) -> list[dict[str, str | float]]:
    """One row per way; the FMA peak has its turn too."""
    gru = FastGru(CHANNELS).eval()
    forms: dict[str, FastGru | FusedFastGru] = {
        "modules": gru,
        "eager": FusedFastGru(EagerEquations(gru)),
        "native": FusedFastGru(NativeEquations(gru)),
    }
    clips = torch.randn(1, num_clips, length, SIDE, SIDE, CHANNELS).movedim(-1, 2)  # channels last, as networks give
    ways: dict[str, Callable[[], Tensor]] = {}
    for name, form in forms.items():
        ways[f"{name}, step by step"] = partial(step_by_step, form, clips)
        ways[f"{name}, all at once"] = partial(all_at_once, form, clips)
    wanted = ways[USUAL]()
    for way, run in ways.items():
        assert torch.allclose(run(), wanted, atol=1e-4), way
    taken: dict[str, list[float]] = {way: [] for way in ways}
    peaks = []
    for _ in range(rounds):
        peaks.append(fma_peak(torch.get_num_threads()))
        for way, run in ways.items():
            taken[way].append(seconds_of(run))
    gmacs = count_gmacs(gru.step, clips[:, 1], clips[:, 0]) * (num_clips - 1)
    usual, peak = median(taken[USUAL]), median(peaks)
    return [
        {
            "way": way,
            "gmacs": gmacs,
            "seconds": median(each),
            "fastest": min(each),
            "slowest": max(each),
            "times_usual": usual / median(each),
            "fma_peak": peak,
            "efficiency": gmacs / median(each) / peak,
        }
        for way, each in taken.items()
    ]


def step_by_step(form: FastGru | FusedFastGru, clips: Tensor) -> Tensor:
    """The last state: clips [B, N, D, t, h, w] to [B, D, t, h, w]."""
    hidden = form.start(clips[:, 0])
    for clip in clips[:, 1:].unbind(dim=1):
        hidden = form.step(clip, hidden)
    return hidden


def all_at_once(form: FastGru | FusedFastGru, clips: Tensor) -> Tensor:
    """The same, all clips given together."""
    states: Tensor = form(clips)
    return states[:, -1]


if __name__ == "__main__":
    main()
