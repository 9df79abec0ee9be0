"""A whole video through the exported graphs, with onnxruntime and with OpenVINO, beside this package's engine; one run.

    python benchmarks/export.py [--recipe faster16] [--rounds 5] [--json]

Random weights, 400 labels; the clips lie in memory, decoded and normalised. The ways take turns, median of --rounds; a
runtime that is not installed is left out. Beside each way the seconds to load it: the engine's with what it keeps, the
others' from the exported files.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from peak import described, rates, seconds_of
from torch import nn

from faster_video.bundle import Bundle
from faster_video.cost import VideoCost, video_cost
from faster_video.engine import on_engine
from faster_video.export import export_bundle
from faster_video.export.run_video import answers, load_graphs
from faster_video.recipes import get_recipe
from faster_video.speed import random_bundle

ENGINE = "engine native"
RUNTIMES = {"onnxruntime": "onnx", "openvino": "openvino"}
"""And the format that each runs."""
Clips = NDArray[np.float32]
Way = Callable[[], NDArray[np.float32]]
"""To the probabilities [N, K] after every clip."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="faster16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about), flush=True)
    bundle = random_bundle(get_recipe(options.recipe))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        nn.init.normal_(bundle.model.classifier.linear.weight, std=3.0)  # so that labels differ in their probability
    cost = cost_of(bundle)
    print_once(options.json, {"recipe": options.recipe, "pattern": str(cost.pattern), "gmacs": cost.gmacs})
    clips = random_clips(bundle)
    with tempfile.TemporaryDirectory() as folder:
        ways, loading = made_ways(bundle, clips, Path(folder))
        wanted = ways[ENGINE]()
        differences = {way: float(np.abs(run() - wanted).max()) for way, run in ways.items()}
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, run in ways.items():
                taken[way].append(seconds_of(run))
    usual = median(taken[ENGINE])
    for way, each in taken.items():
        values: dict[str, str | float] = {
            "way": way,
            "seconds": median(each),
            "fastest": min(each),
            "slowest": max(each),
            "times_engine": median(each) / usual,
            "efficiency": cost.gmacs / median(each) / float(about["fma_peak"]),
            "seconds_loading": loading[way],
            "difference": differences[way],
            "highest": float(wanted.max()),
        }
        print(json.dumps(values) if options.json else line(values), flush=True)


def cost_of(bundle: Bundle) -> VideoCost:
    config = bundle.config
    return video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels))


def random_clips(bundle: Bundle) -> Clips:
    """[N, 1, C, T, S, S]"""
    clips, side = bundle.config.clips, bundle.config.transform.crop_size
    generator = np.random.default_rng(0)
    return generator.standard_normal((clips.num_clips, 1, 3, clips.frames_per_clip, side, side), np.float32)


def made_ways(bundle: Bundle, clips: Clips, folder: Path) -> tuple[dict[str, Way], dict[str, float]]:
    """What is timed, ready to run, and the seconds that loading took."""
    ways: dict[str, Way] = {}
    loading = {}
    for runtime, form in RUNTIMES.items():  # first, as the engine takes over the model
        if find_spec(runtime) is not None:
            way = f"{runtime} {version(runtime)}"
            export_bundle(bundle, folder / form, form)
            loading[way] = seconds_of(partial(load_into, ways, way, partial(graphs_way, folder / form, clips)))
    loading[ENGINE] = seconds_of(partial(load_into, ways, ENGINE, partial(engine_way, bundle, clips)))
    return ways, loading


def load_into(ways: dict[str, Way], name: str, make: Callable[[], Way]) -> None:
    ways[name] = make()


def graphs_way(folder: Path, clips: Clips) -> Way:
    """From the exported files alone."""
    about = json.loads((folder / "graphs.json").read_text("utf-8"))
    run = load_graphs(folder, about)
    return lambda: np.stack([probabilities for _, probabilities in answers(run, about, clips)])


def engine_way(bundle: Bundle, clips: Clips) -> Way:
    """As `faster-video classify` computes it."""
    model, _ = on_engine(bundle.model, "native", torch.device("cpu"))
    tensors = torch.from_numpy(clips)

    @torch.inference_mode()
    def run() -> NDArray[np.float32]:
        state, found = None, []
        for clip in tensors:
            answer, state = model.step(clip, state)
            found.append(answer[0].exp().numpy())
        return np.stack(found)

    return run


def print_once(as_json: bool, values: dict[str, str | float]) -> None:
    print(json.dumps(values) if as_json else ", ".join(f"{name} {value}" for name, value in values.items()), flush=True)


def line(values: dict[str, str | float]) -> str:
    time = f"{values['seconds']:.3f} s ({values['fastest']:.3f} – {values['slowest']:.3f})"
    shares = f"{values['times_engine']:.2f} × the engine's time, {values['efficiency']:.2f} of the FMA peak"
    loading = f"loaded in {values['seconds_loading']:.2f} s"
    difference = f"differs by {values['difference']:.0e} from probabilities of up to {values['highest']:.2f}"
    return f"{values['way']:20} {time:26} {shares}; {loading}; {difference}"


if __name__ == "__main__":
    main()
