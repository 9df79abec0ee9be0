"""From a file to its label against the networks alone, and against decoding first and computing then; one run.

    python benchmarks/pipeline.py VIDEO [--recipe faster16] [--rounds 5] [--json]

VIDEO is looped to 300 frames of 340×256 at 30 a second, H.264. The recipe has random weights. The ways take turns:

    networks      the model over clips that lie in memory, decoded and normalised
    file to label `Classifier.classify`, which decodes the next clips while the networks compute
    one by one    decode a clip, compute it, decode the next
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from memory import looped_frames
from peak import described, rates
from recipes import classify
from torch import Tensor

from faster_video.inference import Classifier
from faster_video.recipes import get_recipe
from faster_video.speed import random_bundle
from faster_video.video import write_video

FRAMES, WIDTH, HEIGHT, FPS = 300, 340, 256, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--recipe", default="faster16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about))
    classifier = Classifier(random_bundle(get_recipe(options.recipe)), "cpu")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ten-seconds.mp4"
        write_video(path, looped_frames(options.video, FRAMES, WIDTH, HEIGHT), FPS)
        clips = list(decoded_clips(classifier, path))
        taken: dict[str, list[float]] = {"networks": [], "file to label": [], "one by one": [], "decoding": []}
        classifier.classify(path)  # compiles, plans and fills caches
        for _ in range(options.rounds):
            began = perf_counter()
            classify(classifier.model, clips)
            taken["networks"].append(perf_counter() - began)
            result = classifier.classify(path)
            taken["file to label"].append(result.seconds)
            began = perf_counter()
            classify(classifier.model, decoded_clips(classifier, path))
            taken["one by one"].append(perf_counter() - began)
            began = perf_counter()
            list(decoded_clips(classifier, path))
            taken["decoding"].append(perf_counter() - began)
    networks = median(taken["networks"])
    found = {way: {"seconds": median(each), "ratio": median(each) / networks} for way, each in taken.items()}
    gmacs = classifier.cost.gmacs
    values = {
        "recipe": options.recipe,
        "engine": classifier.engine,
        "gmacs": gmacs,
        "efficiency": gmacs / networks / float(about["fma_peak"]),
        "ways": found,
    }
    if options.json:
        print(json.dumps(values))
        return
    print(
        f"{options.recipe}, {gmacs:.1f} GMACs, engine {classifier.engine}, {values['efficiency']:.2f} of the FMA peak"
    )
    for way, each in found.items():
        spread = f"({min(taken[way]):.3f} – {max(taken[way]):.3f})"
        print(f"{way:14} {each['seconds']:.3f} s {spread}, {each['ratio']:.3f} × networks")


def decoded_clips(classifier: Classifier, path: Path) -> Iterator[Tensor]:
    """[1, C, T, S, S] each, decoded when they are asked for."""
    return (clip.pixels for clip in classifier.decoder.read(path))


if __name__ == "__main__":
    main()
