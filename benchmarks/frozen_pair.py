"""Two frozen published networks and few labelled videos: average, GRU and FAST-GRU over patterns and seeds.

    python benchmarks/frozen_pair.py LIST TEST_LIST OUT [--seeds 0 1 2 3 4] [--places 1] [--json]

The maps of both networks on every clip are kept once (2 random views of the training videos); each setting and seed
then trains stage 2 alone, with the recipe `frozen`, and is judged on the test list. `average` trains a linear layer on
each network and averages their scores. Means over the seeds with the sample standard deviation, in per cent.
"""

import argparse
import contextlib
import io
import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev

from faster_video.backbones.published import pair
from faster_video.bundle import Bundle, load_bundle
from faster_video.datasets import VideoList, read_list
from faster_video.features import Extraction, FeatureStore, evaluate_features, extract
from faster_video.recipes import frozen, frozen_average
from faster_video.training.run import RunConfig
from faster_video.training.train import train
from faster_video.untrained import untrained_bundle

AGGREGATORS = ("average", "gru", "fast_gru")
PATTERNS = ("1:0", "1:1", "1:3", "1:7")
VIEWS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("out", type=Path)
    parser.add_argument("--expensive", default="efficientnet_lite2")
    parser.add_argument("--cheap", default="efficientnet_lite0")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--places", type=int, default=1, help="height and width that maps are averaged to")
    parser.add_argument("--aggregators", nargs="+", default=AGGREGATORS)
    parser.add_argument("--patterns", nargs="+", default=PATTERNS)
    parser.add_argument("--rate", type=float, help="learning rate, in place of the recipe's")
    parser.add_argument("--epochs", type=int, help="passes over the videos, in place of the recipe's")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    changed = {"learning_rate": options.rate, "epochs": options.epochs}
    changed = {name: value for name, value in changed.items() if value is not None}
    data, tests = read_list(options.train, part="train"), read_list(options.test, part="test")
    bundle = pair_bundle(options.expensive, options.cheap, options.places, data.labels)
    learned, judged = (
        stored(bundle, videos, options.out / name, views)
        for name, videos, views in (("train", data, VIEWS), ("test", tests, 0))
    )
    for aggregator in options.aggregators:
        for pattern in options.patterns:
            train_one = partial(trained, bundle, learned, judged, aggregator, pattern, options.out, changed)
            found = [train_one(seed) for seed in options.seeds]
            scores = [100 * top1 for top1, _ in found]
            spread = stdev(scores) if len(scores) > 1 else 0.0
            row = {"aggregator": aggregator, "pattern": pattern, "top1": mean(scores), "spread": spread}
            row |= {"of_seeds": scores, "gmacs": found[0][1]}
            all_scores = ", ".join(f"{score:.1f}" for score in scores)
            told = f"{aggregator:8} {pattern}  {mean(scores):5.1f} ± {spread:.1f} %  {found[0][1]:6.2f} GMACs  "
            print(json.dumps(row) if options.json else f"{told}({all_scores})", flush=True)


def pair_bundle(expensive: str, cheap: str, places: int, labels: list[str]) -> Bundle:
    settings = pair(expensive, cheap)
    size = (1, places, places)
    model = replace(
        settings.model,
        expensive=replace(settings.model.expensive, pooled_size=size),
        cheap=replace(settings.model.cheap, pooled_size=size),
    )
    return untrained_bundle(model, settings.clips, settings.transform, labels)


def stored(bundle: Bundle, videos: VideoList, out: Path, views: int) -> FeatureStore:
    extract(
        Extraction(bundle=bundle, data=videos, out=out, views=views, test_view=not views, networks="both"),
        resume=out.exists(),
    )
    return FeatureStore(out)


def trained(
    bundle: Bundle,
    learned: FeatureStore,
    judged: FeatureStore,
    aggregator: str,
    pattern: str,
    out: Path,
    changed: dict[str, float],
    seed: int,
) -> tuple[float, float]:
    """Top-1 on the test videos, and GMACs of a video; nothing is done again that is done."""
    recipe = frozen_average() if aggregator == "average" else frozen()
    recipe = replace(recipe, stage2=replace(recipe.stage2, **changed))  # type: ignore[arg-type]
    settings = f"{recipe.stage2.epochs}-{recipe.stage2.learning_rate:g}"
    folder = out / "runs" / f"{aggregator}-{pattern.replace(':', '_')}-{settings}-{seed}"
    told = Path(f"{folder}.json")  # its name has dots of its own
    if told.exists():
        top1, gmacs = json.loads(told.read_text())
        return top1, gmacs
    config = bundle.config
    recipe = replace(
        recipe,
        clips=config.clips,
        transform=config.transform,
        model=replace(config.model, aggregator=aggregator, pattern=pattern),
    )
    run = RunConfig(
        recipe=recipe,
        data=VideoList(Path(learned.name), learned.videos),
        features=learned,
        backbones=bundle,
        out=folder,
        seed=seed,
        device="cpu",
    )
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        train(run, resume=folder.exists())
    result = evaluate_features(load_bundle(folder / "bundle"), judged)
    assert result.gmacs_per_video is not None
    told.write_text(json.dumps([result.counts.top1, result.gmacs_per_video]))
    shutil.rmtree(folder)  # a hundred megabytes each
    return result.counts.top1, result.gmacs_per_video


if __name__ == "__main__":
    main()
