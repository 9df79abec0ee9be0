"""`faster-video train`: labelled videos to a bundle."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.output import INTERRUPTED
from faster_video.config import Recipe
from faster_video.recipes import RECIPES

DESCRIPTION = "Train a bundle on labelled videos: both networks, then the aggregator."


def add_arguments(command: ArgumentParser, recipe: Recipe) -> None:
    """Declare the options."""
    command.add_argument("--config", action="config", help="YAML file with any of these options")
    command.add_argument(
        "--data",
        type=str,
        required=True,
        metavar="LIST",
        help="folder of class folders, or CSV file of path,label",
    )
    command.add_argument(
        "--out", type=str, required=True, metavar="DIR", help="new folder for checkpoints, logs, bundle"
    )
    command.add_argument(
        "--recipe",
        type=str,
        default="tiny",
        help=f"where the defaults below come from: {', '.join(sorted(RECIPES))}",
    )
    command.add_argument("--validation", type=str, metavar="LIST", help="evaluate on it at the end, into the bundle")
    command.add_argument(
        "--backbones", type=str, metavar="BUNDLE", help="take both networks from this bundle; train only stage 2"
    )
    command.add_argument("--seed", type=int, default=0, help="number that fixes first weights, order, clips and crops")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument("--precision", type=str, default="32-true", help="32-true, bf16-mixed or 16-mixed (GPU)")
    command.add_argument("--workers", type=int, default=-1, help="decoding processes; -1: one per core, at most 8")
    command.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    command.add_class_arguments(Recipe, default=recipe)
    for action in command._actions:
        if action.help == "Path to a configuration file.":  # of one group of settings; --config does that for all
            action.help = argparse.SUPPRESS
    command.usage = "faster-video train --data LIST --out DIR [--recipe NAME] [options]"


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.bundle import load_bundle
    from faster_video.datasets import read_list
    from faster_video.training.run import RunConfig
    from faster_video.training.train import train

    run = RunConfig(
        recipe=Recipe(**{field.name: options[field.name] for field in fields(Recipe)}),
        data=read_list(options.data),
        validation=None if options.validation is None else read_list(options.validation),
        backbones=None if options.backbones is None else load_bundle(options.backbones),
        out=Path(options.out),
        seed=options.seed,
        device=options.device,
        precision=options.precision,
        workers=options.workers,
    )
    try:
        bundle = train(run, resume=options.resume)
    except KeyboardInterrupt:
        print(f"interrupted; go on with the same command and --resume ({run.out})", file=sys.stderr)
        return INTERRUPTED
    metrics = bundle.config.provenance["metrics"]
    print(f"bundle written to {run.bundle_folder}")
    print("\n".join(f"{name}: {value}" for name, value in metrics.items()))
    return 0
