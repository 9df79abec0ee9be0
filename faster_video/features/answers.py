"""What a model says of stored maps after every clip, whether a pattern or a gate chooses the networks.

Shapes: B videos of a batch, N clips per video, K classes, D channels, t h w feature map.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from faster_video.bundle import Bundle
from faster_video.features.stored import Features, StoredKey
from faster_video.model import Faster, State

Choose = Callable[[int, Tensor, State | None], Tensor]
"""Which videos of a batch see a clip with the expensive network, bool [B]: by the clip's number, its cheap maps
[B, D_cheap, t, h, w] and the state before it."""


def require_maps(bundle: Bundle, features: Features, *, both: bool) -> None:
    """Refuse features that lack what the bundle's pattern wants or, where a gate decides, both networks' maps of all
    clips. Raises `ConfigError`."""
    for ready in [bundle.with_pattern(pattern) for pattern in ("1:0", "0:1")] if both else [bundle]:
        features.require_fit(ready.model, ready.config)


@torch.inference_mode()
def stored_answers(
    model: Faster,
    features: Features,
    keys: Sequence[StoredKey],
    num_clips: int,
    *,
    device: torch.device | None = None,
    choose: Choose | None = None,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities [B, N, K] and which clips were expensive, bool [B, N], of these views.

    `choose` takes the gate's place. Where a gate or `choose` decides, both networks' maps of all clips must be stored.

    Raises:
        ConfigError: there are no such maps.
        StoreError: a file is damaged.
    """
    device = torch.device("cpu") if device is None else device
    if choose is None and model.gate_threshold is not None:
        choose = gate_choice(model)
    if choose is None:
        flags = model.pattern.flags(num_clips)
        maps = [clip.to(device) for clip in features.batch(keys, flags)]
        return _one_by_one(model, maps, flags), torch.tensor(flags).expand(len(keys), -1)
    costly, cheap = (
        [clip.to(device) for clip in features.batch(keys, [expensive] * num_clips)] for expensive in (True, False)
    )
    state: State | None = None
    answers, chosen = [], []
    for number in range(num_clips):
        wanted = choose(number, cheap[number], state)  # [B]
        evidence = torch.where(wanted[:, None, None, None, None], costly[number], model.projection(cheap[number]))
        answer, state = model.fold(evidence, state, expensive=True)
        answers.append(answer)
        chosen.append(wanted)
    return torch.stack(answers, dim=1), torch.stack(chosen, dim=1)


def _one_by_one(model: Faster, maps: Sequence[Tensor], flags: Sequence[bool]) -> Tensor:
    state: State | None = None
    answers = []
    for clip, expensive in zip(maps, flags, strict=True):
        answer, state = model.fold(clip, state, expensive=expensive)
        answers.append(answer)
    return torch.stack(answers, dim=1)


def gate_choice(model: Faster) -> Choose:
    """What the model's gate, which must be in use, chooses."""
    threshold = model.gate_threshold
    assert threshold is not None

    def choose(_number: int, cheap: Tensor, state: State | None) -> Tensor:
        if state is None:
            return torch.ones(len(cheap), dtype=torch.bool, device=cheap.device)
        return model.gate_probability(cheap, state.hidden) > threshold

    return choose
