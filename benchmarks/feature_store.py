"""Stage 2 from a feature store against stage 2 from pixels: the same views, the same steps, in the same run.

    python benchmarks/feature_store.py LIST BUNDLE_OR_RECIPE [--videos 200] [--epochs 2] [--out FILE]

For every side it prints seconds per epoch, and for both the largest relative difference of a step's loss. Both sides
train the same fresh aggregator with the same optimiser on the same keys; pixels are decoded by one process per core
and go through both frozen backbones, as training without a store does. A recipe's backbones have fresh weights:
neither time nor agreement depends on what they have learned.
"""

import argparse
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from torch.nn import functional

from faster_video.bundle import Bundle, BundleConfig, load_bundle
from faster_video.config import Recipe, StageConfig
from faster_video.cost import video_cost
from faster_video.datasets import VideoList, read_list
from faster_video.features import Extraction, FeatureStore, extract
from faster_video.model import build_model
from faster_video.recipes import RECIPES, get_recipe
from faster_video.training.batches import Batches
from faster_video.training.learners import AggregatorLearner
from faster_video.training.samples import Batch, SampleKey, TrainingClips, Unreadable
from faster_video.training.sources import FrozenSource, PixelSource
from faster_video.training.state import make_optimizer
from faster_video.training.stored import StoreSource


def bundle_of(name: str, data: VideoList) -> tuple[Bundle, StageConfig]:
    """A bundle, or a recipe's model with fresh weights; and how stage 2 learns."""
    recipe = get_recipe(name) if name in RECIPES else Recipe()
    if name not in RECIPES:
        return load_bundle(name), get_recipe("motion").stage2
    torch.manual_seed(0)
    config = BundleConfig(labels=data.labels, model=recipe.model, clips=recipe.clips, transform=recipe.transform)
    return Bundle(model=build_model(recipe.model, len(data.labels)).eval(), config=config), recipe.stage2


class Side:
    """One way to get the batches, and what training on them gave."""

    def __init__(self, bundle: Bundle, stage: StageConfig) -> None:
        self.learner = AggregatorLearner(deepcopy(bundle.model))
        self.optimizer = make_optimizer(self.learner, stage)
        for group in self.optimizer.param_groups:
            group["lr"] = stage.peak_learning_rate
        self.losses: list[float] = []
        self.seconds: list[float] = []
        self.waiting: list[float] = []
        self.cpu: list[float] = []

    def epoch(self, batches: Iterable[Batch | list[Unreadable]]) -> None:
        """Learn from one epoch's batches."""
        began = since = time.perf_counter()
        cpu = cpu_seconds()
        waited = 0.0
        for batch in batches:
            waited += time.perf_counter() - since
            assert isinstance(batch, Batch) and isinstance(batch.inputs, tuple)
            loss = functional.nll_loss(self.learner(batch.inputs), batch.labels)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.losses.append(float(loss.detach()))
            since = time.perf_counter()
        self.seconds.append(time.perf_counter() - began)
        self.waiting.append(waited)
        self.cpu.append(cpu_seconds() - cpu)


def cpu_seconds() -> float:
    """Of this process and of its decoding processes that have ended, on all cores."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list")
    parser.add_argument("model", metavar="BUNDLE_OR_RECIPE")
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=2, help="of the pixel side; the store does four times as many")
    parser.add_argument("--aggregator", default=None)
    options = parser.parse_args()
    data = read_list(options.list)
    step = max(1, len(data.videos) // options.videos)
    data = replace(data, videos=data.videos[::step][: options.videos])
    bundle, stage = bundle_of(options.model, data)
    if options.aggregator:
        config = replace(bundle.config, model=replace(bundle.config.model, aggregator=options.aggregator))
        bundle = Bundle(model=build_model(config.model, len(config.labels)).eval(), config=config)
    workers = os.cpu_count() or 1
    load = "/".join(f"{value:.2f}" for value in os.getloadavg())
    print(
        f"# {time.strftime('%Y-%m-%d %H:%M')}, {platform.processor() or platform.machine()}, {workers} cores, "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, load before {load}"
    )
    print(
        f"{options.model} with {bundle.config.model.aggregator} on {len(data.videos)} videos of {options.list}, "
        f"batches of {stage.batch_size}, {options.epochs} epochs"
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "store"
        began = time.perf_counter()
        extract(Extraction(bundle=bundle, data=data, out=out, views=options.epochs, workers=workers), announce=print)
        print(f"extract: {time.perf_counter() - began:.1f} s for {options.epochs} random views and the test view")
        compare(bundle, stage, data, FeatureStore(out), epochs=options.epochs, workers=workers)


def compare(
    bundle: Bundle, stage: StageConfig, data: VideoList, store: FeatureStore, *, epochs: int, workers: int
) -> None:
    """Both sides over the same keys."""
    config = bundle.config
    clips = TrainingClips(
        data.videos,
        data.labels,
        clips=config.clips,
        num_clips=config.clips.num_clips,
        transform=config.transform,
        seed=store.config.seed,
    )
    stage = replace(stage, epochs=epochs, warmup_epochs=0, views_per_video=1)
    model = deepcopy(bundle.model).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    frozen = FrozenSource(model, PixelSource(clips, workers=workers), torch.device("cpu"))
    stored = StoreSource(
        store, pattern=bundle.model.pattern, num_clips=config.clips.num_clips, views_per_video=1, labels=data.labels
    )
    batches = list(Batches(len(data.videos), stage, seed=0))
    per_epoch = len(batches) // epochs
    of_epoch: list[list[list[SampleKey]]] = [
        batches[epoch * per_epoch : (epoch + 1) * per_epoch] for epoch in range(epochs)
    ]
    pixels, features = Side(bundle, stage), Side(bundle, stage)
    for keys in of_epoch:
        features.epoch(stored(keys))
    for keys in of_epoch:
        pixels.epoch(frozen(keys))
    again = Side(bundle, stage)
    for _ in range(4):
        for keys in of_epoch:
            again.epoch(stored(keys))
    differences = [abs(a - b) / abs(b) for a, b in zip(features.losses, pixels.losses, strict=True)]
    print(
        f"losses of {len(differences)} steps: largest relative difference {max(differences):.2e}; "
        f"from pixels {pixels.losses[0]:.5f} … {pixels.losses[-1]:.5f}, "
        f"from the store {features.losses[0]:.5f} … {features.losses[-1]:.5f}"
    )
    print(f"pixels: seconds per epoch {_numbers(pixels.seconds)}, of them waiting {_numbers(pixels.waiting)}")
    print(
        f"store:  seconds per epoch {_numbers(features.seconds)} (the first checks SHA-256), then "
        f"{_numbers(again.seconds)}, of them reading {_numbers(again.waiting)}"
    )
    print(f"CPU seconds per epoch on all cores: pixels {_numbers(pixels.cpu)}, store {_numbers(again.cpu)}")
    print(
        f"ratio of epoch times: {min(pixels.seconds) / median(again.seconds):.1f} (median of the store's epochs), "
        f"{min(pixels.seconds) / min(again.seconds):.1f} (quickest); "
        f"of CPU times {min(pixels.cpu) / median(again.cpu):.1f}"
    )
    cost = video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels))
    learned = sum(cost.runs(part) * part.gmacs for part in cost.parts if "backbone" not in part.name)
    print(
        f"arithmetic of a video: {cost.gmacs - learned:.3f} GMACs of frozen backbones, {learned:.3f} of what learns "
        f"(about three times that with gradients): a ratio of {(cost.gmacs + 2 * learned) / (3 * learned):.1f}\n"
    )


def _numbers(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
