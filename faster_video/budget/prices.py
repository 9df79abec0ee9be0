"""What a clip costs, in GMACs or in seconds, by the network that sees it; and videos, clip after clip.

Shapes: V videos, N clips per video.
"""

from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from faster_video.budget.replay import Replay
from faster_video.bundle import Bundle
from faster_video.cost import count_gate, video_cost
from faster_video.inference import Classifier

ROUNDS = 7
"""Timings of a part, of which the median counts."""


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
    gate = bundle.model.gate
    gate_gmacs = 0.0 if gate is None else count_gate(gate)
    gated = {
        f"gated_{name}": 0.0
        if gate is None
        else cost.gated_gmacs(expensive=expensive, first=False, gate_gmacs=gate_gmacs)
        for name, expensive in (("expensive", True), ("cheap", False))
    }
    return Prices(
        first_expensive=cost.step_gmacs(expensive=True, first=True),
        first_cheap=cost.step_gmacs(expensive=False, first=True),
        expensive=cost.step_gmacs(expensive=True, first=False),
        cheap=cost.step_gmacs(expensive=False, first=False),
        **gated,
    )


@torch.inference_mode()
def seconds_prices(classifier: Classifier) -> Prices:
    """In seconds of the networks on the classifier's device and engine, measured now; decoding runs beside them."""
    config, model = classifier.bundle.config, classifier.model
    side = config.transform.crop_size
    clip = torch.zeros(1, 3, config.clips.frames_per_clip, side, side, device=classifier.device)
    maps = {expensive: model.features(clip, expensive=expensive) for expensive in (True, False)}
    state = model.fold(maps[True], None, expensive=True)[1]

    def seconds(run: object) -> float:
        assert callable(run)
        run()
        taken = []
        for _ in range(ROUNDS):
            began = perf_counter()
            run()
            if classifier.device.type == "cuda":
                torch.cuda.synchronize(classifier.device)
            taken.append(perf_counter() - began)
        return median(taken)

    network = {flag: seconds(lambda flag=flag: model.features(clip, expensive=flag)) for flag in (True, False)}
    first = {flag: seconds(lambda flag=flag: model.fold(maps[flag], None, expensive=flag)) for flag in (True, False)}
    later = {flag: seconds(lambda flag=flag: model.fold(maps[flag], state, expensive=flag)) for flag in (True, False)}
    gate = 0.0 if model.gate is None else seconds(lambda: model.gate_probability(maps[False], state.hidden))
    return Prices(
        first_expensive=network[True] + first[True],
        first_cheap=network[False] + first[False],
        expensive=network[True] + later[True],
        cheap=network[False] + later[False],
        gated_expensive=network[True] + later[True] + network[False] + gate,
        gated_cheap=network[False] + later[False] + gate,
    )
