"""Is it worth starting from trained weights? Fine-tuning against training from scratch at equal steps, several seeds.

    python benchmarks/finetune.py BUNDLE TRAIN_LIST TEST_LIST OUT [--seeds 0 1 2] [any option of faster-video train]

Both sides have the bundle's networks, clips and transform, the schedule of the recipe `finetune`, and the same data;
they differ in their first weights alone, so the rate is one for fine-tuning, and not sought out for training from
scratch. Means over the seeds with the sample standard deviation.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import yaml

SETTINGS = {
    "FAST-GRU": [],
    "all expensive, average": ["--aggregator", "average", "--pattern", "1:0"],
    "all cheap, average": ["--aggregator", "average", "--pattern", "0:1"],
}
PROGRAM = "import sys; from faster_video.cli import main; sys.exit(main())"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options, training = parser.parse_known_args()
    scores: dict[str, dict[str, list[float]]] = {}
    for seed in options.seeds:
        tuned, fresh = options.out / f"tuned-{seed}", options.out / f"scratch-{seed}"
        words = ["--finetune", options.bundle, "--data", options.train, "--seed", str(seed)]
        train_once(tuned, [*words, *training])
        train_once(fresh, ["--config", str(without_bundle(tuned))])
        for start, run in (("from the bundle", tuned), ("from scratch", fresh)):
            for name, setting in SETTINGS.items():
                result = json.loads(faster_video("evaluate", str(run / "bundle"), options.test, "--json", *setting))
                scores.setdefault(start, {}).setdefault(name, []).append(100 * result["top1"])
                print(f"{start}, seed {seed}, {name}: {100 * result['top1']:.1f} %", flush=True)
    for start, by_setting in scores.items():
        for name, values in by_setting.items():
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            print(f"{start:>16}, {name}: {statistics.mean(values):.1f}{spread} %")


def train_once(out: Path, words: list[str]) -> None:
    """Nothing is done again that is done."""
    if not (out / "bundle").exists():
        faster_video("train", *words, "--out", str(out))


def without_bundle(run: Path) -> Path:
    """The configuration of a run, but for the weights that it starts from."""
    settings = yaml.safe_load((run / "config.yaml").read_text())
    del settings["finetune"]
    path = run.with_name(f"{run.name}-scratch.yaml")
    path.write_text(yaml.safe_dump(settings))
    return path


def faster_video(*words: str) -> str:
    """Run a command; what it prints."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
