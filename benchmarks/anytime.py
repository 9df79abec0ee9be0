"""One bundle for every pattern, budget and moment: any-time training, early exit, plans, the gate; over some seeds.

    python benchmarks/anytime_networks.py SINGLE LONG OUT
    python benchmarks/anytime.py OUT [--seeds 0 1 2]

Of every seed FAST-GRU is trained on 16 clips with the paper's loss after the last one for each of five patterns, with
the loss over all prefixes for 1:3, and once for all: prefixes, patterns and numbers of clips drawn at random. What is
chosen (temperature, rules, settings, thresholds) is chosen on `validation` and judged on `test`, 1,197 videos
each. A figure that is there is not made again; figures are in OUT/seed<N>/figures.json, the tables are printed.
"""

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from anytime_networks import without_stage2
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

CLIPS = 16
PATTERNS = ("1:0", "1:1", "1:3", "1:7", "1:15")
MOMENTS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the clips after which answers are judged."""
ANY_TIME: dict[str, Any] = {
    "prefix_loss": True,
    "patterns": (*PATTERNS, "first", "random"),
    "clip_counts": (4, 8, 16, 32),
}
SHARE = 0.25
"""Of the clips that the gate is trained to send to the expensive network."""
COMPARED = ("1:1", "1:3", "1:7")
"""Patterns whose cost the gate and novelty may have."""
Figures = dict[str, Any]


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
    last = {name: learned(folder, networks, stores["train"], f"last-{name}", name, stage2, seed) for name in PATTERNS}
    prefix = learned(folder, networks, stores["train"], "prefix-1:3", "1:3", replace(stage2, prefix_loss=True), seed)
    any_time = learned(folder, networks, stores["train"], "any", "1:3", replace(stage2, **ANY_TIME), seed)
    sized = replace(networks, config=replace(networks.config, clips=long_motion().clips))
    gated = with_gate(folder, any_time, stores["train"], seed)
    average = with_untrained_aggregator(sized, "average").with_pattern("1:0")
    found = {
        "moments": moments(last["1:3"], prefix, any_time, stores["test"]),
        "patterns": patterns(last, any_time, stores["test"]),
        "exits": exits(last["1:3"], gated, average, stores),
        "gate": gates(gated, stores),
    }
    told.write_text(json.dumps(found, indent=1) + "\n")
    return found


def learned(
    folder: Path, networks: Bundle, features: FeatureStore, name: str, pattern: str, stage2: StageConfig, seed: int
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


def moments(last: Bundle, prefix: Bundle, any_time: Bundle, test: FeatureStore) -> Figures:
    """Top-1 under 1:3 once a share of the clips is known."""
    bundles = {"last step": last, "all prefixes": prefix, "any time": any_time.with_pattern("1:3")}
    return {
        name: [float(replay(bundle, test).top1_after_each_clip()[round(CLIPS * share) - 1]) for share in MOMENTS]
        for name, bundle in bundles.items()
    }


def patterns(last: dict[str, Bundle], any_time: Bundle, test: FeatureStore) -> Figures:
    """Top-1 of bundles trained for each pattern, under theirs, and of the one for all."""
    return {
        name: [float(replay(bundle, test).top1_after_each_clip()[-1]) for bundle in (own, any_time.with_pattern(name))]
        for name, own in last.items()
    }


def exits(last: Bundle, any_time: Bundle, average: Bundle, stores: dict[str, FeatureStore]) -> Figures:
    """The cheapest settings that are as good on `validation` as a fixed 1:3, and as averaging; judged on `test`."""
    validation, test = stores["validation"], stores["test"]
    prices = gmacs_prices(any_time)
    whole = any_time.with_num_clips(long_motion().clips.num_clips)
    found = replay(whole.with_pattern("1:3"), validation)
    calibration = calibrate(found, prices, max_drop=0.5)
    whole = replace(whole, config=replace(whole.config, calibration=calibration.calibration))
    tried = plan(whole, validation, Budget(1e9, "GMACs"), prices=(prices, prices)).tried
    references = {
        "last step, 1:3": last,
        "any time, 1:3": any_time.with_pattern("1:3"),
        "average, 1:0, 32 clips": average,
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


def with_gate(folder: Path, any_time: Bundle, features: FeatureStore, seed: int) -> Bundle:
    """The any-time bundle with a gate, which is not in use."""
    place = folder / "gated"
    if not place.exists():
        gated, _ = train_gate(any_time, features, GateTraining(share=SHARE, seed=seed))
        save_bundle(gated.with_gate(None), place)
    return load_bundle(place).with_num_clips(CLIPS)


def gates(gated: Bundle, stores: dict[str, FeatureStore]) -> Figures:
    """Gate, novelty and chance at the cost of fixed patterns, the thresholds chosen on `validation`."""
    prices = gmacs_prices(gated)
    told: Figures = {}
    for name in COMPARED:
        fixed = {part: replay(gated.with_pattern(name), stores[part]) for part in ("validation", "test")}
        limit = float(prices.after_each_clip(fixed["validation"])[:, -1].mean())
        row = {"fixed": judged(fixed["test"], prices)}
        ways: dict[str, Callable[[float, FeatureStore], Replay]] = {
            "gate": lambda value, store: replay(gated.with_gate(value), store),
            "novelty": lambda value, store: replay(gated, store, novelty(value)),
            "chance": lambda value, store: replay(gated, store, chance(value)),
        }
        for way, run in ways.items():
            value = threshold_for(run, stores["validation"], prices, limit)
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


def threshold_for(
    run: Callable[[float, FeatureStore], Replay], store: FeatureStore, prices: Prices, limit: float
) -> float:
    """Above which so many clips are expensive that a video costs `limit`, as near as bisecting comes."""
    low, high = 0.0, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        cost = float(prices.after_each_clip(run(middle, store))[:, -1].mean())
        low, high = (middle, high) if cost > limit else (low, middle)
    return high


def correct(videos: Replay) -> Tensor:
    return videos.log_probabilities[:, -1].argmax(dim=-1) == videos.labels


def judged(videos: Replay, prices: Prices) -> Figures:
    return {
        "top1": float(correct(videos).double().mean()),
        "gmacs": float(prices.after_each_clip(videos)[:, -1].mean()),
        "expensive": float(videos.expensive.double().mean()),
    }


def report(found: list[Figures]) -> None:
    print(f"{len(found)} seeds; top-1 in % on 1,197 test videos of 9 labels, mean ± standard deviation over the seeds")
    print("\na. 1:3, 16 clips: after " + ", ".join(f"{share:.0%}" for share in MOMENTS) + " of the clips")
    for name in found[0]["moments"]:
        rows = [one["moments"][name] for one in found]
        print(f"{name:14}", *(spread(column) for column in zip(*rows, strict=True)), sep="  ")
    print("\nunder every pattern, 16 clips: trained for it (last step); one bundle for all (any time); difference")
    for name in PATTERNS:
        own, shared = zip(*(one["patterns"][name] for one in found), strict=True)
        points = [100 * (b - a) for a, b in zip(own, shared, strict=True)]
        print(f"{name:14}  {spread(own)}  {spread(shared)}  {numbers(points)}")
    print("\nb. calibration (any time, 1:3, 32 clips), rule with at most 0.5 points lost, chosen on validation")
    for one in found:
        told = one["exits"]["calibration"]
        whole, stopped, cost, less = told["test"]
        print(
            f"temperature {told['temperature']:.2f}, error {told['error_before']:.3f} -> {told['error_after']:.3f}; "
            f"stop {told['stop']}; test: {100 * whole:.1f} -> {100 * stopped:.1f} % at {less / cost:.0%} of the GMACs; "
            f"expected drop {told['expected_drop']:+.2f}"
        )
    print("\nthe cheapest setting as good on validation, on test: reference, found, share of the reference's GMACs")
    for name in found[0]["exits"]["references"]:
        rows = [one["exits"]["references"][name] for one in found]
        ratio = [row["found"]["gmacs"] / row["gmacs"] for row in rows]
        top1s = [spread([row["top1"] for row in rows]), spread([row["found"]["top1"] for row in rows])]
        gmacs = [mean(row["gmacs"] for row in rows), mean(row["found"]["gmacs"] for row in rows)]
        print(f"{name:24}  {top1s[0]} at {gmacs[0]:.3f}  {top1s[1]} at {gmacs[1]:.3f}  {spread(ratio)} of the GMACs")
        for row in rows:
            print(f"{'':26}{row['found']['setting']}")
    print("\nc. at the cost of a fixed pattern, 16 clips (any time): top-1, GMACs, points over fixed (± over videos)")
    for name in COMPARED:
        for way in ("fixed", "gate", "novelty", "chance"):
            rows = [one["gate"][name][way] for one in found]
            line = f"{name:5} {way:8} {spread([row['top1'] for row in rows])}  {mean(row['gmacs'] for row in rows):.4f}"
            line += f"  {mean(row['expensive'] for row in rows):.0%} of the clips expensive"
            if way != "fixed":
                points = [row["difference"] for row in rows]
                line += f"  {numbers(points)} (± {mean(row['over_videos'] for row in rows):.1f})"
            print(line)


def spread(values: Iterable[float]) -> str:
    values = [100 * value for value in values]
    return f"{mean(values):5.1f} ± {stdev(values) if len(values) > 1 else 0:.1f}"


def numbers(points: list[float]) -> str:
    return f"{mean(points):+.1f} (" + ", ".join(f"{point:+.1f}" for point in points) + ")"


def draw(found: list[Figures], path: Path) -> None:
    """Every seed's front on test, and the references."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    colours = ("#0072B2", "#D55E00", "#009E73")
    for seed, (one, colour) in enumerate(zip(found, colours, strict=False)):
        points = sorted(one["exits"]["front"], key=lambda point: point["gmacs"])
        places = [p["gmacs"] for p in points], [100 * p["top1"] for p in points]
        axes.plot(*places, color=colour, marker="o", markersize=3, linewidth=1.2, label=f"planned, seed {seed}")
    marks = dict(zip(found[0]["exits"]["references"], "s^DP", strict=True))
    for name, mark in marks.items():
        rows = [one["exits"]["references"][name] for one in found]
        places = [row["gmacs"] for row in rows], [100 * row["top1"] for row in rows]
        axes.plot(*places, linestyle="", marker=mark, markersize=8, color="#333333", alpha=0.7, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("GMACs a video, in the mean")
    axes.set_ylabel("top-1 on 1,197 test videos, %")
    axes.grid(color="#EEEEEE")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=9)
    figure.savefig(path)


if __name__ == "__main__":
    main()
