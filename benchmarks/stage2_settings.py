"""What matters in stage 2: aggregators at several learning rates, FAST-GRU longer, with other first gates, normalised.

    faster-video extract BUNDLE LONG/train.csv --out STORE --pattern first --clips 16 --views 1
    python benchmarks/stage2_settings.py BUNDLE STORE [--seeds 0 1]

Three quarters of the store's videos are learned from (random views), the others judged (test views): settings are
chosen so, and no test video is looked at. Stage 1 has seen clips of all of them, so that the level is a little high;
the differences are what counts. Each line: setting, seed, mean loss of the last epoch, top-1 in per cent.

Shapes: B videos, N clips per video, D channels, t h w feature map.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import cos, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from faster_video.aggregators import FastGru
from faster_video.bundle import load_bundle_config
from faster_video.config import ModelConfig
from faster_video.features import TEST, FeatureStore, StoredKey, labels_of
from faster_video.model import Faster, build_model

BATCH = 32
Places = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One way to train stage 2."""

    aggregator: str = "fast_gru"
    learning_rate: float = 3e-3
    epochs: int = 8
    weight_decay: float = 0.02
    first_update_bias: float = 0.0
    """Of the update gate, before training; below 0 the past is kept at first. 0 leaves PyTorch's own."""
    normalised: bool = False
    """Layer norm over the channels of x_t."""


def settings() -> Iterator[Setting]:
    """Those that are compared."""
    for rate in (1e-3, 3e-3):
        for name in ("fast_gru", "concat", "lstm", "gru"):
            yield Setting(aggregator=name, learning_rate=rate)
    usual = Setting()
    yield replace(usual, learning_rate=6e-3)
    yield replace(usual, epochs=16)
    yield replace(usual, first_update_bias=-2)
    yield replace(usual, first_update_bias=2)
    yield replace(usual, normalised=True)
    yield replace(usual, weight_decay=0.2)


class NormalisedFastGru(FastGru):
    """Sees x_t with its channels normalised at every place."""

    def forward(self, clips: Tensor) -> Tensor:
        """[B, N, D, t, h, w] to the same."""
        return super().forward(functional.layer_norm(clips.movedim(2, -1), (clips.shape[2],)).movedim(-1, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", help="whose networks made the store")
    parser.add_argument("store")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    store, networks = FeatureStore(options.store), load_bundle_config(options.bundle).model
    for setting in settings():
        for seed in options.seeds:
            loss, top1 = tried(store, networks, setting, seed)
            print(f"{setting}, seed {seed}: loss {loss:.3f}, top-1 {100 * top1:.1f}", flush=True)


def tried(store: FeatureStore, networks: ModelConfig, setting: Setting, seed: int) -> tuple[float, float]:
    """Mean loss of the last epoch, and the share of the held-out videos that are right."""
    torch.manual_seed(seed)
    names = labels_of(store)
    model = make_model(networks, len(names), setting)
    labels = torch.tensor([names.index(video.label) for video in store.videos])
    held = held_out(labels)
    loss = learn(store, model, labels, np.flatnonzero(~held), setting, seed)
    return loss, share_right(store, model, labels, np.flatnonzero(held))


def held_out(labels: Tensor) -> NDArray[np.bool_]:
    """Every fourth video of each label."""
    seen: dict[int, int] = {}
    held = np.zeros(len(labels), dtype=bool)
    for place, label in enumerate(labels.tolist()):
        held[place] = seen.get(label, 0) % 4 == 3
        seen[label] = seen.get(label, 0) + 1
    return held


def make_model(networks: ModelConfig, num_classes: int, setting: Setting) -> Faster:
    """Fresh; its backbones are not used."""
    model = build_model(replace(networks, aggregator=setting.aggregator, pattern="first"), num_classes)
    if setting.normalised:
        model = model.with_aggregator(NormalisedFastGru(model.expensive.channels))
    if setting.first_update_bias:
        assert isinstance(model.aggregator, FastGru)
        bias = model.aggregator.update_gate.restore.bias
        assert bias is not None
        nn.init.constant_(bias, setting.first_update_bias)
    return model


def learn(
    store: FeatureStore,
    model: Faster,
    labels: Tensor,
    videos: Places,
    setting: Setting,
    seed: int,
) -> float:
    """Stage 2 with a warm-up of one epoch, then a cosine."""
    frozen = ("expensive.", "cheap.")
    weights = [weight for name, weight in model.named_parameters() if not name.startswith(frozen)]
    optimizer = torch.optim.AdamW(weights, weight_decay=setting.weight_decay, fused=True)
    order, flags = np.random.default_rng(seed), model.pattern.flags(store.config.clips.num_clips)
    steps = len(videos) // BATCH
    losses: list[float] = []
    model.train()
    for epoch in range(setting.epochs):
        shuffled = order.permutation(videos)
        for step in range(steps):
            done = (epoch * steps + step + 1) / steps  # in epochs
            after = (done - 1) / max(1, setting.epochs - 1)
            for group in optimizer.param_groups:
                group["lr"] = setting.learning_rate * (done if done < 1 else (1 + cos(pi * after)) / 2)
            chosen = np.sort(shuffled[step * BATCH : (step + 1) * BATCH])
            maps = store.batch([StoredKey(int(video), 0) for video in chosen], flags)
            optimizer.zero_grad()
            loss = functional.nll_loss(model.fold_all(maps)[:, -1], labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
    return float(np.mean(losses[-steps:]))


@torch.inference_mode()
def share_right(store: FeatureStore, model: Faster, labels: Tensor, videos: Places) -> float:
    model.eval()
    right, flags = 0, model.pattern.flags(store.config.clips.num_clips)
    for first in range(0, len(videos), 100):
        chosen = videos[first : first + 100]
        maps = store.batch([StoredKey(int(video), TEST) for video in chosen], flags)
        right += int((model.fold_all(maps)[:, -1].argmax(dim=1) == labels[chosen]).sum())
    return right / len(videos)


if __name__ == "__main__":
    main()
