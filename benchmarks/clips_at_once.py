"""How many clips at a time are quickest through a frozen network on a processor, one thread?

    python benchmarks/clips_at_once.py [--recipe long_motion] [--rounds 5]

Random networks and random clips of the recipe's size; all numbers of clips take turns in every round, each figure is
the median over the rounds. `features.make.MOST_CPU_GMACS` was chosen by it.
"""

import argparse
from functools import partial
from statistics import median
from time import perf_counter

import torch

from faster_video.cost import count_gmacs
from faster_video.features.make import MOST_CPU_GMACS
from faster_video.model import build_model
from faster_video.recipes import get_recipe

MOST_CLIPS = 256
"""A batch of 8 views of 32 clips has no more."""
NUMBERS = (7, 14, 28, 56, 128, MOST_CLIPS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="long_motion")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = get_recipe(options.recipe)
    model = build_model(recipe.model, 9).eval().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    frames, side = recipe.clips.frames_per_clip, recipe.transform.crop_size
    for expensive in (True, False):
        features = partial(model.features, expensive=expensive)
        gmacs = count_gmacs(features, torch.randn(1, 3, frames, side, side))
        chosen = min(MOST_CLIPS, max(1, int(MOST_CPU_GMACS / gmacs)))
        numbers = sorted({*NUMBERS, chosen})
        times: dict[int, list[float]] = {number: [] for number in numbers}
        for _ in range(options.rounds):
            for number in numbers:
                clips = torch.randn(number, 3, frames, side, side)
                clips = clips.contiguous(memory_format=torch.channels_last_3d)
                with torch.inference_mode():
                    began = perf_counter()
                    features(clips)
                    times[number].append((perf_counter() - began) / number)
        costs = {number: 1000 * median(seconds) for number, seconds in times.items()}
        name = "expensive" if expensive else "cheap"
        print(f"{options.recipe}, {name}, {frames} x {side} x {side}, ms a clip by clips at once (chosen: {chosen}):")
        print(", ".join(f"{number}: {cost:.2f}" for number, cost in costs.items()))
        against = ", ".join(f"{costs[number] / costs[chosen]:.2f} with {number}" for number in (28, MOST_CLIPS))
        print(f"a clip takes, in times of what it takes with {chosen}: {against}", flush=True)


if __name__ == "__main__":
    main()
