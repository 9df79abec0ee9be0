"""What does it cost to read a training clip, when its file is scanned anew each time and when the scan was kept?

    python benchmarks/training_clips.py LIST... [--recipe tiny] [--videos 60] [--rounds 5]

One clip per video, read, cropped and resized as in stage 1, in one process on one core; CPU time, so that other work on
the machine counts little. The rounds of both sides take turns, each side's figure is its median round, and all clips of
a round are compared: they must be equal to the bit.
"""

import argparse
from pathlib import Path
from random import Random
from statistics import median
from time import process_time

import torch
from torch import Tensor

from faster_video.datasets import LabelledVideo, read_list
from faster_video.recipes import get_recipe
from faster_video.training.samples import SampleKey, TrainingClips
from faster_video.video import ScanCache


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST")
    parser.add_argument("--recipe", default="tiny")
    parser.add_argument("--videos", type=int, default=60, help="chosen at random from each list")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for source in options.lists:
        listed = read_list(source).videos
        videos = Random(0).sample(listed, min(options.videos, len(listed)))
        compare(source.name, videos, options.recipe, options.rounds)


def compare(name: str, videos: list[LabelledVideo], recipe: str, rounds: int) -> None:
    """Print what a clip costs with a fresh scan each time, and with the scan kept."""
    fresh, kept = stage1_clips(videos, recipe), stage1_clips(videos, recipe)
    fresh.scans = ScanCache(max_bytes=0)
    read_all(kept, epoch=0)  # the first epoch fills the cache
    times: dict[str, list[float]] = {"fresh": [], "kept": []}
    for epoch in range(1, rounds + 1):
        seconds, expected = read_all(fresh, epoch)
        times["fresh"].append(seconds)
        seconds, clips = read_all(kept, epoch)
        times["kept"].append(seconds)
        if not torch.equal(clips, expected):
            raise SystemExit(f"{name}: the clips of epoch {epoch} differ")
    costs = {side: 1000 * median(seconds) / len(videos) for side, seconds in times.items()}
    print(f"{name}, {len(videos)} videos, recipe {recipe}, {len(kept.scans)} scans kept in {kept.scans.bytes} bytes")
    for side, cost in costs.items():
        print(f"  scan {side:5}: {cost:6.2f} ms per clip, {1000 / cost:6.1f} clips per second and core")
    print(f"  ratio {costs['fresh'] / costs['kept']:.2f}", flush=True)


def stage1_clips(videos: list[LabelledVideo], recipe: str) -> TrainingClips:
    """One random clip per video, as stage 1 of this recipe takes them."""
    settings = get_recipe(recipe)
    labels = sorted({video.label for video in videos})
    return TrainingClips(videos, labels, clips=settings.clips, num_clips=1, transform=settings.transform, seed=0)


def read_all(dataset: TrainingClips, epoch: int) -> tuple[float, Tensor]:
    """CPU seconds of reading every video's clip of one epoch, and the clips."""
    began = process_time()
    clips = [dataset.read(SampleKey(epoch, video, 0))[0] for video in range(len(dataset.videos))]
    return process_time() - began, torch.stack(clips)


if __name__ == "__main__":
    main()
