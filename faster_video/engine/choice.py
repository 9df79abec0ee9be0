"""Which engine `auto` takes where the kernels cannot be had: that with which the work at hand is done soonest."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is going to be computed, as far as it is known beforehand."""

    clip_size: torch.Size | None = None
    """Of every clip, [C, T, H, W]."""
    gmacs: float | None = None
    """Of all videos together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What an engine costs and what it gains; benchmarks/results/engines_tried.txt."""

    seconds_to_prepare: float
    """Both networks, where they are not kept from before."""
    times_eager: float


EAGER_GMACS_PER_SECOND = 30.0
"""Of one thread; a thread with AVX2 on the machine where the speeds were measured."""
SPEEDS = {
    "eager": Speed(seconds_to_prepare=0, times_eager=1),
    "compiled": Speed(seconds_to_prepare=35, times_eager=1.3),
    "openvino": Speed(seconds_to_prepare=4, times_eager=1.35),
}


def soonest(gmacs: float | None, threads: int, is_ready: Mapping[str, bool]) -> str:
    """The engine, of those named in `is_ready` and `eager`, that ends first; of unknown work what needs no preparing.

    `is_ready` says of each engine that can be had here whether its networks are kept from before.
    """

    def seconds(engine: str) -> float:
        speed = SPEEDS[engine]
        computing = (1.0 if gmacs is None else gmacs) / (EAGER_GMACS_PER_SECOND * threads * speed.times_eager)
        return computing + (0 if is_ready.get(engine) else speed.seconds_to_prepare)

    usable = [engine for engine in is_ready if gmacs is not None or is_ready[engine]]
    return min(["eager", *usable], key=seconds)
