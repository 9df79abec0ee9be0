"""FASTER16 and FASTER32 whole, against averaging all expensive clips, on the engine and as plain PyTorch; one run.

    python benchmarks/recipes.py [--rounds 5] [--json]

256 frames of 224 px as clips in memory, random weights, 400 labels. `modules` are PyTorch's own in the layout in which
they are made: what classifying with such a network costs where nothing is done about it. The ways take turns.
"""

import argparse
import json
from collections.abc import Callable, Iterable
from functools import partial
from statistics import median

import torch
from peak import described, rates, seconds_of
from torch import Tensor

from faster_video.config import BackboneConfig, ModelConfig
from faster_video.cost import video_cost
from faster_video.engine import on_engine
from faster_video.model import Faster, build_model
from faster_video.recipes import get_recipe
from faster_video.speed import let_every_block_speak

LABELS = 400
SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about))
    ways, costs = made_ways()
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for run in ways.values():
        run()
    for _ in range(options.rounds):
        for way, run in ways.items():
            taken[way].append(seconds_of(run))
    seconds = {way: median(each) for way, each in taken.items()}
    peak = float(about["fma_peak"])
    for way, each in taken.items():
        share = costs[way] / seconds[way] / peak
        values = {"way": way, "gmacs": costs[way], "seconds": seconds[way], "efficiency": share}
        spread = f"({min(each):.2f} – {max(each):.2f})"
        text = f"{way:44} {costs[way]:7.1f} GMACs {seconds[way]:7.3f} s {spread}, {share:.2f} of the FMA peak"
        print(json.dumps(values) if options.json else text)
    for name, top, bottom in (
        (
            "FASTER16 against all clips expensive, as modules",
            "all R(2+1)D-50, 8 × 32, modules",
            "FASTER16, native",
        ),
        ("FASTER16 against itself as modules", "FASTER16, modules", "FASTER16, native"),
    ):
        report(options.json, name, seconds[top] / seconds[bottom])
    small, large = "FASTER32, native", "all R3D-50, 8 × 32, native"
    times, gmacs = seconds[small] / seconds[large], costs[small] / costs[large]
    report(options.json, "FASTER32's time as a share of all expensive on the same engine", times)
    report(options.json, "the same of GMACs", gmacs)
    report(options.json, "the one by the other", times / gmacs)
    folded = seconds["FASTER16's aggregator, native"] / seconds["FASTER16, native"]
    report(options.json, "aggregator's share of FASTER16's time", folded)


def report(as_json: bool, name: str, ratio: float) -> None:
    print(json.dumps({"ratio": name, "value": ratio}) if as_json else f"{name}: {ratio:.3f}")


def made_ways() -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    """What is timed, and its GMACs."""
    faster16, faster32 = get_recipe("faster16"), get_recipe("faster32")
    cpu = torch.device("cpu")
    ways: dict[str, Callable[[], object]] = {}
    costs: dict[str, float] = {}
    averages = {
        name: ModelConfig(expensive=BackboneConfig(name=network), aggregator="average", pattern="1:0")
        for name, network in (("R(2+1)D-50", "r2plus1d50"), ("R3D-50", "r3d50"))
    }
    for name, config, clips, engines in (
        ("FASTER16", faster16.model, faster16.clips, ("native", "modules")),
        ("FASTER32", faster32.model, faster32.clips, ("native",)),
        ("all R(2+1)D-50, 8 × 32", averages["R(2+1)D-50"], faster32.clips, ("modules",)),
        ("all R3D-50, 8 × 32", averages["R3D-50"], faster32.clips, ("native",)),
    ):
        model = random_model(config)
        quick, _ = on_engine(model, "native", cpu)
        videos = [torch.randn(1, 3, clips.frames_per_clip, SIDE, SIDE) for _ in range(clips.num_clips)]
        cost = video_cost(config, clips, SIDE, LABELS)
        for way in engines:
            run = quick if way == "native" else model
            ways[f"{name}, {way}"] = partial(classify, run, videos)
            costs[f"{name}, {way}"] = cost.gmacs
        if name == "FASTER16":
            with torch.inference_mode():
                maps = [quick.features(clip, expensive=quick.pattern.is_expensive(n)) for n, clip in enumerate(videos)]
            ways["FASTER16's aggregator, native"] = partial(fold, quick, maps)
            costs["FASTER16's aggregator, native"] = sum(
                part.gmacs * cost.runs(part) for part in cost.parts if "backbone" not in part.name
            )
    return ways, costs


def random_model(config: ModelConfig) -> Faster:
    torch.manual_seed(0)
    model = build_model(config, LABELS).eval()
    let_every_block_speak(model)
    return model


@torch.inference_mode()
def classify(model: Faster, clips: Iterable[Tensor]) -> None:
    """Clip by clip, as `Classifier` does."""
    state = None
    for clip in clips:
        scores, state = model.step(clip, state)
        scores.argmax().item()


@torch.inference_mode()
def fold(model: Faster, maps: list[Tensor]) -> None:
    """All that comes after the networks."""
    state = None
    for features in maps:
        scores, state = model.fold(features, state)
        scores.argmax().item()


if __name__ == "__main__":
    main()
