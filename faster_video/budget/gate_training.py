"""A gate learned on stored maps of both networks: accuracy against the share of clips that it sends to the expensive
one.

The model stays as it is. Decisions are drawn (Gumbel noise) and gradients go through them as through their
probabilities (straight-through); the price of an expensive clip rises until the share wanted is met.

Shapes: B videos of a batch, N clips per video, K classes, D channels, t h w feature map.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from faster_video.budget.replay import replay
from faster_video.bundle import Bundle
from faster_video.config import require_at_least, require_at_most
from faster_video.errors import ConfigError, DataError
from faster_video.evaluation import require_known_labels
from faster_video.features.answers import require_maps
from faster_video.features.stored import Features, StoredKey
from faster_video.gate import Gate
from faster_video.model import Faster

PRICE_RATE = 0.05
"""How far the price of an expensive clip moves per step, for each unit of share that is too much."""
BISECTIONS = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class GateTraining:
    """How a gate is learned."""

    share: float = 0.25
    """Of all clips that the expensive network is to see, the first of each video included."""
    epochs: int = 6
    batch_size: int = 32
    learning_rate: float = 3e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"share is {self.share}; it must lie between 0 and 1, such as 0.25")
        require_at_least("epochs", self.epochs, 1)
        require_at_most("epochs", self.epochs, 1000)
        require_at_least("batch_size", self.batch_size, 1)
        require_at_least("seed", self.seed, 0)
        if not 0 < self.learning_rate <= 1:
            raise ConfigError(f"learning_rate is {self.learning_rate}; it must be above 0 and at most 1")


def train_gate(
    bundle: Bundle,
    features: Features,
    wanted: GateTraining,
    *,
    show: Callable[[int, float, float], None] = lambda _epoch, _loss, _share: None,
) -> tuple[Bundle, float]:
    """The bundle with a gate in use, and its threshold; of the first views, `share` of the clips are then expensive.

    `features` hold random views to learn from, both networks' maps of all clips. `show` is told every epoch, its mean
    loss and its share of expensive clips.

    Raises:
        ConfigError: the bundle averages scores or has one clip, or the features are not of its networks or lack maps.
        DataError: there are no random views.
        StoreError: a file is damaged.
    """
    if bundle.config.model.aggregator == "average":
        raise ConfigError("this bundle averages scores; a gate looks at what an aggregator has learned, as of fast_gru")
    if bundle.config.clips.num_clips < 2:
        raise ConfigError("num_clips is 1; a gate decides about the clips after the first")
    num_clips = bundle.config.clips.num_clips
    if wanted.share * num_clips <= 1:
        raise ConfigError(
            f"share is {wanted.share}, but the first of {num_clips} clips is always expensive; give more than "
            f"{1 / num_clips:.3g}"
        )
    keys = [
        StoredKey(video, view)
        for view in range(features.views)
        for video in range(len(features.videos))
        if features.has(StoredKey(video, view))
    ]
    if not keys:
        raise DataError(f"{features.name}: holds no random views to learn from; extract with --views 1 or more")
    require_maps(bundle, features, both=True)
    require_known_labels(features.videos, bundle.labels)
    gated = _with_new_gate(bundle, wanted.seed)
    with _frozen(bundle.model):
        _learn(gated, features, keys, wanted, show)
    gated.model.eval()
    threshold = _threshold(gated, features, wanted.share)
    return gated.with_gate(threshold), threshold


def _with_new_gate(bundle: Bundle, seed: int) -> Bundle:
    model = bundle.model.with_gate(None)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        model.gate = Gate(model.expensive.channels, model.cheap.channels)
    config = replace(bundle.config, model=replace(bundle.config.model, gate=True))
    return replace(bundle, model=model, config=config)


@contextmanager
def _frozen(model: Faster) -> Iterator[None]:
    """No gradients for its weights."""
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    try:
        for weight in learned:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in learned:
            weight.requires_grad_(True)


def _learn(
    bundle: Bundle,
    features: Features,
    keys: list[StoredKey],
    wanted: GateTraining,
    show: Callable[[int, float, float], None],
) -> None:
    model, num_clips = bundle.model, bundle.config.clips.num_clips
    assert model.gate is not None
    number_of = {label: number for number, label in enumerate(bundle.labels)}
    optimizer = torch.optim.AdamW(model.gate.parameters(), lr=wanted.learning_rate)
    steps = wanted.epochs * -(-len(keys) // wanted.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    noise = torch.Generator().manual_seed(wanted.seed)
    price = 0.0
    for epoch in range(wanted.epochs):
        shuffled = Random(f"{wanted.seed}/gate/{epoch}").sample(keys, len(keys))
        losses, shares, batches = 0.0, 0.0, 0
        for start in range(0, len(shuffled), wanted.batch_size):
            chosen = shuffled[start : start + wanted.batch_size]
            costly, cheap = (features.batch(chosen, [expensive] * num_clips) for expensive in (True, False))
            labels = torch.tensor([number_of[features.videos[key.video].label] for key in chosen])
            loss, share = _objective(model, costly, cheap, labels, noise)
            optimizer.zero_grad()
            (loss + price * share).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            price = max(0.0, price + PRICE_RATE * (float(share.detach()) - wanted.share))
            losses, shares, batches = losses + float(loss.detach()), shares + float(share.detach()), batches + 1
        show(epoch, losses / batches, shares / batches)


def _objective(
    model: Faster, costly: tuple[Tensor, ...], cheap: tuple[Tensor, ...], labels: Tensor, noise: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the answers after every clip, and the share of clips that were expensive."""
    assert model.gate is not None
    answer, state = model.fold(costly[0], None, expensive=True)
    losses, opened = [functional.nll_loss(answer, labels)], [torch.ones(len(labels))]
    for number in range(1, len(costly)):
        decision = model.gate(model.aggregator.output(state.hidden), cheap[number], answer)  # [B]
        uniform = torch.rand(len(labels), generator=noise).clamp(1e-6, 1 - 1e-6)
        soft = (decision + torch.logit(uniform)).sigmoid()
        gate = (soft > 0.5).float() - soft.detach() + soft  # 0 or 1, with the gradient of `soft`
        weight = gate[:, None, None, None, None]
        evidence = weight * costly[number] + (1 - weight) * model.projection(cheap[number])
        answer, state = model.fold(evidence, state, expensive=True)
        losses.append(functional.nll_loss(answer, labels))
        opened.append(gate)
    return torch.stack(losses).mean(), torch.stack(opened).mean()


def _threshold(bundle: Bundle, features: Features, share: float) -> float:
    """Above which the gate opens for this share of the clips of the first views, as near as bisecting comes."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        found = replay(bundle.with_gate(middle), features, view=0)
        low, high = (middle, high) if float(found.expensive.double().mean()) > share else (low, middle)
    return (low + high) / 2
