"""Networks and stored maps for `anytime.py`: two networks a seed, learned on single motions, then on long videos.

    faster-video make-motion SINGLE --set single
    faster-video make-motion LONG --set long
    python benchmarks/anytime_networks.py SINGLE LONG OUT [--seeds 0 1 2]

Of every seed OUT/seed<N> has the bundle of both networks and three stores of their maps on all 32 clips: `train`,
`validation` (on which settings are chosen) and `test`, 1,197 videos each of LONG's test list, 133 of every label. What
is there is not made again.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from faster_video.bundle import Bundle
from faster_video.config import ModelConfig, Recipe, StageConfig
from faster_video.datasets import VideoList, read_list
from faster_video.features import Extraction, FeatureStore, extract
from faster_video.recipes import long_motion
from faster_video.reproduce.pretraining import Pretraining
from faster_video.reproduce.runs import trained
from faster_video.training.run import RunConfig

JUDGED = 1197
"""Videos that are chosen on, and as many that are judged on: the list's labels take turns, nine of them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("single", type=Path)
    parser.add_argument("long", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    for seed in options.seeds:
        bundle = networks(options.single, options.long, options.out, seed)
        make_stores(bundle, options.long, options.out / f"seed{seed}", seed)


def networks(single: Path, long: Path, out: Path, seed: int) -> Bundle:
    """Both networks, pre-trained and then fine-tuned, as `reproduce --pretrain` has them."""
    recipe = without_stage2(long_motion())
    first = RunConfig(
        recipe=recipe,
        data=read_list(single / "train.csv"),
        out=out / f"seed{seed}" / "single",
        seed=seed,
        workers=0,
        frame_cache=out / "frames",
    )
    data = read_list(long / "train.csv")
    again = Pretraining(data=data, epochs=4).second_time(recipe)
    return trained(replace(first, recipe=again, data=data, finetune=trained(first), out=out / f"seed{seed}" / "long"))


def without_stage2(recipe: Recipe) -> Recipe:
    model = ModelConfig(expensive=recipe.model.expensive, cheap=recipe.model.cheap, aggregator="average", pattern="1:0")
    skipped = StageConfig(epochs=0, warmup_epochs=0)
    clips = replace(recipe.clips, num_clips=1)
    return replace(recipe, clips=clips, model=model, stage2=skipped, stage2_stored_views=0)


def make_stores(bundle: Bundle, long: Path, out: Path, seed: int) -> dict[str, FeatureStore]:
    """The maps of both networks on all clips of three lists."""
    sized = Bundle(model=bundle.model, config=replace(bundle.config, clips=long_motion().clips))
    tests = read_list(long / "test.csv")
    lists = {
        "train": read_list(long / "train.csv"),
        "validation": replace(tests, videos=tests.videos[:JUDGED]),
        "test": replace(tests, videos=tests.videos[JUDGED : 2 * JUDGED]),
    }
    return {name: made(sized, videos, out / name, seed) for name, videos in lists.items()}


def made(bundle: Bundle, videos: VideoList, out: Path, seed: int) -> FeatureStore:
    is_train = out.name == "train"
    extract(
        Extraction(
            bundle=bundle,
            data=videos,
            out=out,
            part="train" if is_train else "test",
            views=1 if is_train else 0,
            test_view=not is_train,
            networks="both",
            seed=seed,
            workers=0,
        ),
        resume=out.exists(),
    )
    return FeatureStore(out)


if __name__ == "__main__":
    main()
