"""Can averaging tell A-then-B from B-then-A, and can FAST-GRU? Four settings over several seeds on a motion set.

    faster-video make-motion SET --videos 3480 --test_share 0.138 --seed 7
    python benchmarks/motion_order.py SET OUT --seeds 0 1 2

For every seed the two backbones are trained once with the recipe `motion`, FAST-GRU once for 1:3 and once for 1:0.
Nothing is chosen on the test videos: settings and lengths are the recipe's. A setting that is done is not done again.
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

from faster_video.bundle import Bundle, load_bundle
from faster_video.datasets import VideoList, read_list
from faster_video.evaluation import Evaluation, baseline, evaluate
from faster_video.inference import Classifier
from faster_video.recipes import motion
from faster_video.training.run import Precision, RunConfig
from faster_video.training.train import train

SETTINGS = ("all cheap, average", "all expensive, average", "FAST-GRU 1:3", "FAST-GRU 1:0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--precision", default="bf16-mixed")
    options = parser.parse_args()
    for seed in options.seeds:
        run_seed(options.set, options.out, seed, options.precision)
    print_table([json.loads(path.read_text()) for path in sorted(options.out.glob("seed*.json"))])


def run_seed(videos: Path, out: Path, seed: int, precision: Precision) -> None:
    """Train and judge the four settings; the figures go to `seed<N>.json`."""
    done = out / f"seed{seed}.json"
    if done.exists():
        return
    train_list, test_list = read_list(videos / "train.csv"), read_list(videos / "test.csv")
    run = RunConfig(
        recipe=motion(), data=train_list, out=out / f"seed{seed}-mixed", seed=seed, precision=precision, workers=1
    )
    mixed = trained(run)
    all_expensive = replace(run.recipe, model=replace(run.recipe.model, pattern="1:0"))
    expensive = trained(replace(run, recipe=all_expensive, out=out / f"seed{seed}-expensive", backbones=mixed))
    bundles = (
        baseline(load_bundle(run.bundle_folder)).with_pattern("0:1"),
        baseline(load_bundle(run.bundle_folder)).with_pattern("1:0"),
        mixed,
        expensive,
    )
    judged = {name: figures(judge(bundle, test_list)) for name, bundle in zip(SETTINGS, bundles, strict=True)}
    done.write_text(json.dumps({"seed": seed, "settings": judged}, indent=2) + "\n")


def trained(run: RunConfig) -> Bundle:
    """The run's bundle, trained unless it is there."""
    return load_bundle(run.bundle_folder) if run.bundle_folder.exists() else train(run, resume=run.out.exists())


def judge(bundle: Bundle, videos: VideoList) -> Evaluation:
    return evaluate(Classifier(bundle), videos.videos, show_progress=True)


def figures(result: Evaluation) -> dict[str, float | int | None]:
    """Accuracy, the same when the order of the two motions is forgiven, and cost."""
    forgiven = [sorted(v.label.split("-then-")) == sorted((v.predicted or "").split("-then-")) for v in result.videos]
    return {
        "videos": result.counts.num_videos,
        "top1": result.counts.top1,
        "top1_order_forgiven": statistics.mean(forgiven),
        "gmacs_per_video": result.gmacs_per_video,
        "seconds_per_video": result.seconds_per_video,
    }


def print_table(seeds: list[dict[str, dict[str, dict[str, float]]]]) -> None:
    print(f"{len(seeds)} seeds, {seeds[0]['settings'][SETTINGS[0]]['videos']} test videos, chance {1 / 12:.1%}")
    print(f"{'setting':24} {'top-1':>15} {'order forgiven':>15} {'GMACs':>7} {'of all-expensive':>17}")
    costly = seeds[0]["settings"]["all expensive, average"]["gmacs_per_video"]
    for name in SETTINGS:
        rows = [seed["settings"][name] for seed in seeds]
        gmacs = rows[0]["gmacs_per_video"]
        accuracy, forgiven = (spread([row[key] for row in rows]) for key in ("top1", "top1_order_forgiven"))
        print(f"{name:24} {accuracy:>15} {forgiven:>15} {gmacs:7.3f} {gmacs / costly:17.1%}")


def spread(values: list[float]) -> str:
    """Mean and standard deviation over seeds, in per cent."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.1%} ± {100 * deviation:.1f}"


if __name__ == "__main__":
    main()
