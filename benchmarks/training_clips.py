"""What does it cost to read a training clip: file scanned anew each time, scan kept, or frames kept?

    python benchmarks/training_clips.py LIST... [--recipe tiny] [--videos 60] [--rounds 5]

One clip per video, read, cropped and resized as in stage 1, in one process on one core; CPU time, so that other work on
the machine counts little. The rounds of all sides take turns, each side's figure is its median round, and all clips of
a round are compared: they must be equal to the bit.
"""

import argparse
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import torch
from torch import Tensor

from faster_video.datasets import LabelledVideo, read_list
from faster_video.recipes import get_recipe
from faster_video.training.samples import SampleKey, TrainingClips
from faster_video.video import FrameCache, ScanCache


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
        with TemporaryDirectory() as folder:
            compare(source.name, videos, options.recipe, options.rounds, Path(folder))


def compare(name: str, videos: list[LabelledVideo], recipe: str, rounds: int, folder: Path) -> None:
    """Print what a clip costs with a fresh scan each time, with the scan kept, and with all frames kept in `folder`."""
    sides = {
        "fresh scan": stage1_clips(videos, recipe),
        "scan kept": stage1_clips(videos, recipe),
        "frames kept": stage1_clips(videos, recipe, frame_cache=folder),
    }
    sides["fresh scan"].files = FrameCache(None, ScanCache(max_bytes=0))
    for dataset in sides.values():
        read_all(dataset, epoch=0)  # the first epoch fills the caches
    times: dict[str, list[float]] = {side: [] for side in sides}
    for epoch in range(1, rounds + 1):
        read = {side: read_all(dataset, epoch) for side, dataset in sides.items()}
        for side, (seconds, clips) in read.items():
            times[side].append(seconds)
            if not torch.equal(clips, read["fresh scan"][1]):
                raise SystemExit(f"{name}: the clips of epoch {epoch} differ")
    costs = {side: 1000 * median(seconds) / len(videos) for side, seconds in times.items()}
    scans, kept = sides["scan kept"].scans, list(folder.iterdir())
    print(f"{name}, {len(videos)} videos, recipe {recipe}, {len(scans)} scans kept in {scans.bytes} bytes,")
    print(f"the frames of {len(kept)} videos in {sum(file.stat().st_size for file in kept)} bytes")
    for side, cost in costs.items():
        ratio = costs["fresh scan"] / cost
        print(f"  {side:11}: {cost:6.2f} ms per clip, {1000 / cost:6.1f} clips per second and core, ratio {ratio:.2f}")
    print(flush=True)


def stage1_clips(videos: list[LabelledVideo], recipe: str, frame_cache: Path | None = None) -> TrainingClips:
    """One random clip per video, as stage 1 of this recipe takes them."""
    settings = get_recipe(recipe)
    return TrainingClips(
        videos,
        sorted({video.label for video in videos}),
        clips=settings.clips,
        num_clips=1,
        transform=settings.transform,
        seed=0,
        frame_cache=frame_cache,
    )


def read_all(dataset: TrainingClips, epoch: int) -> tuple[float, Tensor]:
    """CPU seconds of reading every video's clip of one epoch, and the clips."""
    began = process_time()
    clips = [dataset.read(SampleKey(epoch, video, 0))[0] for video in range(len(dataset.videos))]
    return process_time() - began, torch.stack(clips)


if __name__ == "__main__":
    main()
