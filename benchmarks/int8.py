"""What int8 costs in accuracy on made-up videos that the package's bundle never saw, and what it gains in time.

    faster-video make-motion SET_N --set long --videos 400 --seed N     # for several N, and one to calibrate with
    python benchmarks/int8.py --calibrate SET_0 --tests SET_1 SET_2 SET_3 [--json]
    python benchmarks/int8.py --times [--json]

Accuracy: every video of every set, in float32 (native) and in int8 (openvino); seconds are those of the
networks, the sum over a set. Times: each network at full width and 224 px, random weights, calibrated with
random clips; the ways take turns, median of 5.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev

import torch
from peak import described, rates, seconds_of
from torch import Tensor

from faster_video.backbones import BACKBONES
from faster_video.bundle import load_bundle
from faster_video.datasets import read_list
from faster_video.engine import ENGINES, Calibration, OpenVinoNetwork
from faster_video.inference import Classification, Classifier
from faster_video.packaged import PACKAGED
from faster_video.speed import let_every_block_speak

CASES = (("r2d26", 1, 16), ("r2plus1d50", 1, 8), ("r3d50", 1, 8))
"""Network, clips at once, frames of each."""
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calibrate", type=Path)
    parser.add_argument("--tests", type=Path, nargs="+", default=[])
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about), flush=True)
    rows = times() if options.times else accuracies(options.calibrate, options.tests)
    for row in rows:
        print(
            json.dumps(row) if options.json else ", ".join(f"{key} {value}" for key, value in row.items()), flush=True
        )


def accuracies(calibrate: Path, sets: list[Path]) -> list[dict[str, object]]:
    """One row per set, and what they come to."""
    ways = {
        "native": Classifier(load_bundle(PACKAGED["motion"]), "cpu", "native"),
        "int8": Classifier(load_bundle(PACKAGED["motion"]), "cpu", precision="int8", calibrate=calibrate),
    }
    rows: list[dict[str, object]] = []
    losses = []
    for folder in sets:
        videos = [video for part in ("train", "test") for video in read_list(folder / f"{part}.csv").videos]
        shares, seconds, told = {}, {}, {}
        for way, classifier in ways.items():
            found = list(classifier.classify_many([video.path for video in videos]))
            read = [each for each in found if isinstance(each, Classification)]
            assert len(read) == len(videos)
            told[way] = [each.label for each in read]
            shares[way] = mean(each.label == video.label for each, video in zip(read, videos, strict=True))
            seconds[way] = sum(each.seconds_model for each in read)
        losses.append(shares["native"] - shares["int8"])
        agreeing = mean(one == other for one, other in zip(told["native"], told["int8"], strict=True))
        rows.append(
            {"set": folder.name, "videos": len(videos)}
            | {f"top1_{way}": round(share, 4) for way, share in shares.items()}
            | {f"seconds_{way}": round(taken, 2) for way, taken in seconds.items()}
            | {"same_label": round(agreeing, 4)}
        )
    spread = stdev(losses) if len(losses) > 1 else 0.0
    return [*rows, {"loss": round(mean(losses), 4), "standard deviation": round(spread, 4), "sets": len(losses)}]


@torch.inference_mode()
def times() -> list[dict[str, object]]:
    """Seconds of one run, and how often int8 is done in that time."""
    rows: list[dict[str, object]] = []
    for name, count, frames in CASES:
        network = BACKBONES[name](400, 1.0).eval()
        let_every_block_speak(network)
        clips = torch.randn(count, 3, frames, 224, 224)
        random = Calibration(key="random", count=4, clips=[torch.randn(1, 3, frames, 224, 224) for _ in range(4)])
        runs: dict[str, Callable[[Tensor], Tensor]] = {
            "native": ENGINES["native"](network),
            "openvino": OpenVinoNetwork(network),
            "int8": OpenVinoNetwork(network, random),
        }
        taken: dict[str, list[float]] = {way: [] for way in runs}
        for round_number in range(ROUNDS + 1):
            for way, run in runs.items():
                seconds = seconds_of(partial(run, clips))
                if round_number:  # the first makes what is kept
                    taken[way].append(seconds)
        usual = {way: median(all_taken) for way, all_taken in taken.items()}
        rows.append(
            {"network": name, "clips": count, "frames": frames}
            | {f"seconds_{way}": round(seconds, 4) for way, seconds in usual.items()}
            | {f"int8_times_{way}": round(usual[way] / usual["int8"], 2) for way in ("native", "openvino")}
        )
    return rows


if __name__ == "__main__":
    main()
