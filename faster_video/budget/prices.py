"""What a clip costs, in GMACs or in seconds, by the network that sees it; and videos, clip after clip.

Shapes: V videos, N clips per video.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from faster_video.budget.replay import Replay
from faster_video.bundle import Bundle
from faster_video.cost import clip_gmacs, video_cost
from faster_video.inference import Classifier

ROUNDS = 5
"""Timings of a video, of which the median counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """Of one clip; `first` ones have no past to be folded into."""

    first_expensive: float
    first_cheap: float
    expensive: float
    cheap: float
    gated_expensive: float
    """Of a later clip that the gate sends to the expensive network, after the cheap one has seen it."""
    gated_cheap: float
    """Of a later clip that the gate leaves to the cheap network."""

    def after_each_clip(self, videos: Replay) -> Tensor:
        """Spent on each video up to each of its clips, float64 [V, N]."""
        later = (self.gated_expensive, self.gated_cheap) if videos.gated else (self.expensive, self.cheap)
        flags = videos.expensive
        of_clip = torch.where(flags, later[0], later[1]).double()
        of_clip[:, 0] = torch.where(flags[:, 0], self.first_expensive, self.first_cheap).double()
        return of_clip.cumsum(dim=1)


def gmacs_prices(bundle: Bundle) -> Prices:
    """In GMACs (`faster_video.cost`)."""
    config = bundle.config
    cost = video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels))
    plain, gated = bundle.model.with_gate(None), bundle.model
    if gated.gate is not None:
        gated = gated.with_gate(0.5)
    return Prices(
        first_expensive=clip_gmacs(cost, plain, expensive=True, first=True),
        first_cheap=clip_gmacs(cost, plain, expensive=False, first=True),
        expensive=clip_gmacs(cost, plain, expensive=True, first=False),
        cheap=clip_gmacs(cost, plain, expensive=False, first=False),
        gated_expensive=clip_gmacs(cost, gated, expensive=True, first=False),
        gated_cheap=clip_gmacs(cost, gated, expensive=False, first=False),
    )


def seconds_prices(bundle: Bundle, device: str = "auto", engine: str = "auto") -> tuple[Prices, Prices]:
    """In seconds of `Classifier` on this machine, measured now, from decoded clips to probabilities: of clips one by
    one, as with a rule or a gate, and of a whole video's clips, which may go through the networks together.

    Decoding, which runs beside them, is not in it.

    Raises:
        ConfigError, EngineError: as `Classifier`.
    """
    networks = {True: bundle.with_pattern("1:0"), False: bundle.with_pattern("0:1")}
    alone = {flag: _timed(one, device, engine, together=False) for flag, one in networks.items()}
    whole = {flag: _timed(one, device, engine, together=True) for flag, one in networks.items()}
    one_by_one, of_videos = (
        Prices(
            first_expensive=clip[True],
            first_cheap=clip[False],
            expensive=clip[True],
            cheap=clip[False],
            # Not measured apart: to look with the cheap network and the gate takes about what a cheap clip does.
            gated_expensive=alone[True] + alone[False],
            gated_cheap=alone[False],
        )
        for clip in (alone, whole)
    )
    return one_by_one, of_videos


def _timed(bundle: Bundle, device: str, engine: str, *, together: bool) -> float:
    """Seconds of a clip in a video, median of some videos."""
    copied = replace(bundle, model=deepcopy(bundle.model))  # the classifier takes it over
    classifier = Classifier(copied, device, engine)
    config = bundle.config
    side, num_clips = config.transform.crop_size, config.clips.num_clips
    size = classifier.clips_together if together else 1
    clip = classifier.decoder.prepared([np.zeros((side, side, 3), np.uint8)] * config.clips.frames_per_clip)
    taken = []
    for _ in range(ROUNDS + 1):
        began, state = perf_counter(), None
        for start in range(0, num_clips, size):
            _, _, state = classifier.steps([clip] * min(size, num_clips - start), state)
        taken.append((perf_counter() - began) / num_clips)
    return median(taken[1:])  # the first prepares kernels and captures
