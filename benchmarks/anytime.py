"""One bundle for every pattern, budget and moment: any-time training, early exit, plans, the gate; over some seeds.

    python benchmarks/anytime_networks.py SINGLE LONG OUT
    python benchmarks/anytime.py OUT [--seeds 0 1 2]

Of every seed FAST-GRU is trained on 16 clips with the paper's loss after the last one, for each of five patterns and
once with patterns drawn at random; with the loss over all prefixes for 1:3; and for any time: prefixes, patterns and
numbers of clips drawn at random, for 8 passes as the others and for 24. Parts b and c have all 32 clips and a bundle
that learned the answer after the last of them under patterns drawn at random, with a gate of its own. What is chosen
(temperature, rules, settings, thresholds) is chosen on `validation` and judged on `test`, 1,197 videos each. A figure
that is there is not made again; figures are in OUT/seed<N>/figures.json, the tables are printed.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from anytime_networks import without_stage2
from anytime_report import COMPARED, MOMENTS, PATTERNS, Figures, draw, report
from torch import Tensor
from torch.nn import functional

from faster_video.budget import Budget, GateTraining, Replay, calibrate, plan, replay, train_gate
from faster_video.budget.exits import Outcome, outcome
from faster_video.budget.plan import Tried, front
from faster_video.budget.prices import Prices, gmacs_prices
from faster_video.bundle import Bundle, load_bundle, save_bundle
from faster_video.config import StageConfig
from faster_video.datasets import VideoList
from faster_video.evaluation import with_untrained_aggregator
from faster_video.features import FeatureStore
from faster_video.model import State
from faster_video.recipes import long_motion
from faster_video.training.run import RunConfig
from faster_video.training.run_directory import SETTINGS
from faster_video.training.train import train

CLIPS, WHOLE = 16, 32
"""Of part a, and of the others."""
ANY_TIME: dict[str, Any] = {
    "prefix_loss": True,
    "patterns": (*PATTERNS, "first", "random"),
    "clip_counts": (4, 8, 16, 32),
}
LONGER = 24
"""Passes of the bundle for all, which stands for five, and of one last-step bundle beside it; the others have 8."""
SHARE = 0.25
"""Of the clips that the gate is trained to send to the expensive network."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--plot", type=Path, help="picture of the front")
    options = parser.parse_args()
    found = [figures(options.out / f"seed{seed}", seed) for seed in options.seeds]
    report(found)
    if options.plot is not None:
        draw(found, options.plot)


def figures(folder: Path, seed: int) -> Figures:
    """All of one seed."""
    told = folder / "figures.json"
    if told.exists():
        found: Figures = json.loads(told.read_text())
        return found
    stores = {name: FeatureStore(folder / name) for name in ("train", "validation", "test")}
    networks = load_bundle(folder / "long" / "bundle")
    stage2 = long_motion().stage2
    train_on = partial(learned, folder, networks, stores["train"], seed)
    last = {name: train_on(f"last-{name}", name, stage2) for name in PATTERNS}
    in_time = {
        "last step": last["1:3"],
        f"last step, {LONGER} passes": train_on("last-long-1:3", "1:3", replace(stage2, epochs=LONGER)),
        "all prefixes": train_on("prefix-1:3", "1:3", replace(stage2, prefix_loss=True)),
        "any time": train_on("any", "1:3", replace(stage2, **ANY_TIME)),
        f"any time, {LONGER} passes": train_on("any-long", "1:3", replace(stage2, epochs=LONGER, **ANY_TIME)),
    }
    drawn = replace(stage2, epochs=16, patterns=(*PATTERNS[1:], "first"))
    in_time["last step, patterns drawn, 16 passes"] = train_on("patterns-16", "1:3", drawn)
    shared = list(in_time.values())[-3:]
    fixed = train_on("last-32-1:3", "1:3", replace(stage2, clip_counts=(WHOLE,))).with_num_clips(WHOLE)
    every = train_on("patterns-32", "1:3", replace(drawn, clip_counts=(WHOLE,)))
    gated = with_gate(folder, every, stores["train"], seed)
    sized = replace(networks, config=replace(networks.config, clips=long_motion().clips))
    average = with_untrained_aggregator(sized, "average").with_pattern("1:0")
    found = {
        "moments": {name: moments(bundle.with_pattern("1:3"), stores["test"]) for name, bundle in in_time.items()},
        "patterns": {
            name: [top1(one, stores["test"]) for one in (own, *(bundle.with_pattern(name) for bundle in shared))]
            for name, own in last.items()
        },
        "exits": exits(fixed, gated, average, stores),
        "gate": gates(gated, stores),
    }
    told.write_text(json.dumps(found, indent=1) + "\n")
    return found


def learned(
    folder: Path, networks: Bundle, features: FeatureStore, seed: int, name: str, pattern: str, stage2: StageConfig
) -> Bundle:
    """FAST-GRU on the frozen networks' stored maps; what is there is not trained again."""
    base = long_motion()
    drawn = bool(stage2.clip_counts)
    recipe = replace(
        without_stage2(base),
        clips=base.clips if drawn else replace(base.clips, num_clips=CLIPS),
        model=replace(base.model, pattern=pattern),
        stage2=stage2,
    )
    run = RunConfig(
        recipe=recipe,
        data=VideoList(features.folder, features.videos),
        features=features,
        backbones=networks,
        out=folder / name.replace(":", "to"),
        seed=seed,
        workers=0,
    )
    done = run.bundle_folder.exists()
    bundle = load_bundle(run.bundle_folder) if done else train(run, resume=(run.out / SETTINGS).exists())
    return bundle.with_num_clips(CLIPS)


def moments(bundle: Bundle, test: FeatureStore) -> list[float]:
    """Top-1 once a share of the clips is known."""
    after = replay(bundle, test).top1_after_each_clip()
    return [float(after[round(CLIPS * share) - 1]) for share in MOMENTS]


def top1(bundle: Bundle, test: FeatureStore) -> float:
    return float(replay(bundle, test).top1_after_each_clip()[-1])


def exits(fixed: Bundle, whole: Bundle, average: Bundle, stores: dict[str, FeatureStore]) -> Figures:
    """The cheapest settings that are as good on `validation` as a fixed 1:3, and as averaging; judged on `test`."""
    validation, test = stores["validation"], stores["test"]
    prices = gmacs_prices(whole)
    found = replay(whole.with_pattern("1:3"), validation)
    calibration = calibrate(found, prices, max_drop=0.5)
    whole = replace(whole, config=replace(whole.config, calibration=calibration.calibration))
    tried = plan(whole, validation, Budget(1e9, "GMACs"), prices=(prices, prices), clip_counts=(WHOLE, 16, 8)).tried
    references = {
        "trained for 1:3": fixed,
        "all patterns, 1:3": whole.with_pattern("1:3"),
        "average, 1:0": average,
        "average, 1:0, 16 clips": average.with_num_clips(CLIPS),
    }
    told: Figures = {
        "calibration": {
            "temperature": calibration.calibration.temperature,
            "error_before": calibration.error_before,
            "error_after": calibration.error_after,
            "stop": str(calibration.calibration.stop),
            "validation": [calibration.top1, calibration.stopped_top1, calibration.cost, calibration.stopped_cost],
            "expected_drop": calibration.expected_drop,
            "test": judged_rule(whole.with_pattern("1:3"), test, prices, calibration.calibration.stop),
        },
        "references": {},
        "front": [point(whole, one, test, prices) for one in front(tried)],
    }
    for name, bundle in references.items():
        cost = gmacs_prices(bundle)
        on_validation, on_test = (whole_outcome(bundle, store, cost) for store in (validation, test))
        cheapest = min(
            (one for one in tried if one.outcome.top1 >= on_validation.top1),
            key=lambda one: one.outcome.mean_cost,
            default=max(tried, key=lambda one: one.outcome.top1),
        )
        told["references"][name] = {
            "top1": on_test.top1,
            "gmacs": on_test.mean_cost,
            "found": point(whole, cheapest, test, prices),
        }
    return told


def whole_outcome(bundle: Bundle, store: FeatureStore, prices: Prices) -> Outcome:
    videos = replay(bundle, store)
    return outcome(videos, 1.0, None, prices.after_each_clip(videos))


def judged_rule(bundle: Bundle, test: FeatureStore, prices: Prices, rule: Any) -> list[float]:
    """Top-1 and GMACs with all clips, and with the rule."""
    videos = replay(bundle, test)
    cost = prices.after_each_clip(videos)
    temperature = bundle.config.calibration.temperature
    all_clips, stopped = (outcome(videos, temperature, one, cost) for one in (None, rule))
    return [all_clips.top1, stopped.top1, all_clips.mean_cost, stopped.mean_cost]


def point(bundle: Bundle, one: Tried, test: FeatureStore, prices: Prices) -> Figures:
    """A setting on `test`."""
    setting = one.setting
    sized = bundle.with_num_clips(setting.num_clips).with_pattern(setting.pattern)
    videos = replay(sized.with_gate(setting.gate_threshold), test)
    found = outcome(videos, bundle.config.calibration.temperature, setting.stop, prices.after_each_clip(videos))
    return {"setting": str(setting), "top1": found.top1, "gmacs": found.mean_cost, "validation": one.outcome.top1}


def with_gate(folder: Path, bundle: Bundle, features: FeatureStore, seed: int) -> Bundle:
    """The bundle with a gate, which is not in use."""
    place = folder / "gated-32"
    if not place.exists():
        gated, _ = train_gate(bundle.with_num_clips(WHOLE), features, GateTraining(share=SHARE, epochs=3, seed=seed))
        save_bundle(gated.with_gate(None), place)
    return load_bundle(place).with_num_clips(WHOLE)


def gates(gated: Bundle, stores: dict[str, FeatureStore]) -> Figures:
    """Gate, novelty and chance at the cost of fixed patterns, the thresholds chosen on `validation`."""
    prices = gmacs_prices(gated)
    told: Figures = {}
    for name in COMPARED:
        fixed = {part: replay(gated.with_pattern(name), stores[part]) for part in ("validation", "test")}
        limit = float(prices.after_each_clip(fixed["validation"])[:, -1].mean())
        row = {"fixed": judged(fixed["test"], prices)}
        share = (limit - prices.first_expensive) / (WHOLE - 1) - prices.gated_cheap
        share /= prices.gated_expensive - prices.gated_cheap  # of the later clips, at this cost
        thresholds = {
            "gate": gate_threshold(gated, stores["validation"], prices, limit),
            "novelty": float(novelties(gated, stores["validation"]).quantile(1 - share)),
            "chance": 1 - share,
        }
        ways: dict[str, Callable[[float, FeatureStore], Replay]] = {
            "gate": lambda value, store: replay(gated.with_gate(value), store),
            "novelty": lambda value, store: replay(gated, store, novelty(value)),
            "chance": lambda value, store: replay(gated, store, chance(value)),
        }
        for way, run in ways.items():
            value = thresholds[way]
            videos = run(value, stores["test"])
            row[way] = judged(videos, prices) | {"threshold": value}
            right = [correct(one).double() for one in (videos, fixed["test"])]
            difference = right[0] - right[1]
            row[way]["difference"] = 100 * float(difference.mean())
            row[way]["over_videos"] = 196 * float(difference.std()) / len(difference) ** 0.5
        told[name] = row
    return told


def novelty(threshold: float) -> Callable[[int, Tensor, State | None], Tensor]:
    """Clips whose cheap map differs from the last one's (1 − cosine of their means over the places), and the first."""
    before: list[Tensor] = []

    def choose(number: int, cheap: Tensor, _state: State | None) -> Tensor:
        now = cheap.mean(dim=(2, 3, 4))  # [B, D_cheap]
        if number == 0:
            before[:] = [now]
            return torch.ones(len(cheap), dtype=torch.bool)
        differs = 1 - functional.cosine_similarity(now, before[0], dim=1)
        before[:] = [now]
        return differs > threshold

    return choose


def chance(threshold: float) -> Callable[[int, Tensor, State | None], Tensor]:
    """Clips drawn at random, at the gate's cost: what choosing is worth."""
    generator = torch.Generator().manual_seed(0)

    def choose(number: int, cheap: Tensor, _state: State | None) -> Tensor:
        drawn = torch.rand(len(cheap), generator=generator)
        return drawn > (-1.0 if number == 0 else threshold)

    return choose


def gate_threshold(gated: Bundle, store: FeatureStore, prices: Prices, limit: float) -> float:
    """Above which the gate opens so often that a video costs `limit`, as near as bisecting comes."""
    low, high = 0.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        cost = float(prices.after_each_clip(replay(gated.with_gate(middle), store))[:, -1].mean())
        low, high = (middle, high) if cost > limit else (low, middle)
    return high


def novelties(bundle: Bundle, store: FeatureStore) -> Tensor:
    """By how much each clip but the first of each video differs from the one before, all in one."""
    seen: list[Tensor] = []
    before: list[Tensor] = []

    def choose(number: int, cheap: Tensor, _state: State | None) -> Tensor:
        now = cheap.mean(dim=(2, 3, 4))  # [B, D_cheap]
        if number:
            seen.append(1 - functional.cosine_similarity(now, before[0], dim=1))
        before[:] = [now]
        return torch.zeros(len(cheap), dtype=torch.bool)

    replay(bundle, store, choose)
    return torch.cat(seen)


def correct(videos: Replay) -> Tensor:
    return videos.log_probabilities[:, -1].argmax(dim=-1) == videos.labels


def judged(videos: Replay, prices: Prices) -> Figures:
    return {
        "top1": float(correct(videos).double().mean()),
        "gmacs": float(prices.after_each_clip(videos)[:, -1].mean()),
        "expensive": float(videos.expensive.double().mean()),
    }


if __name__ == "__main__":
    main()
