"""`faster-video train`: labelled videos to a bundle."""

import argparse
import sys
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.lists import LIST_HELP, add_list_options
from faster_video.cli.output import INTERRUPTED, print_table
from faster_video.cli.running import add_frame_cache, bundle_named, frame_cache_of
from faster_video.config import Recipe
from faster_video.errors import ConfigError
from faster_video.files import printable
from faster_video.packaged import PACKAGED
from faster_video.recipes import RECIPES, get_recipe

if TYPE_CHECKING:
    from faster_video.bundle import Bundle
    from faster_video.datasets import VideoList
    from faster_video.features import Features
    from faster_video.training.run import RunConfig

DESCRIPTION = "Train a bundle on labelled videos: both networks, then the aggregator."
FILES = ("data", "root", "validation", "validation_root", "backbones", "features", "finetune")
"""Options that name files or folders."""


def add_arguments(command: ArgumentParser, defaults: Defaults) -> None:
    """Declare the options; the recipe's values are the defaults of its own."""
    command.add_argument("--config", action="config", help="YAML file with any of these options")
    command.add_argument("--data", type=str, metavar="LIST", help=LIST_HELP)
    add_list_options(command)
    command.add_argument(
        "--data_sha256", type=str, metavar="HASH", help="refuse any other list of videos than the one with this hash"
    )
    command.add_argument(
        "--weights_sha256",
        type=str,
        metavar="HASH",
        help="refuse any other bundle to start from than the one with these weights",
    )
    command.add_argument(
        "--out", type=str, metavar="DIR", help="new folder for checkpoints, logs, bundle; default: runs/<date>-<time>"
    )
    command.add_argument(
        "--recipe",
        type=str,
        help=f"where the defaults below come from: {', '.join(sorted(RECIPES))}; default: tiny, or with --finetune "
        "finetune, or with --expensive frozen (frozen_average where scores are averaged)",
    )
    command.add_argument("--validation", type=str, metavar="LIST", help="evaluate on it at the end, into the bundle")
    command.add_argument(
        "--validation_root", type=str, metavar="DIR", help="where the videos of a validation file lie; default: --root"
    )
    _add_weights(command)
    _add_machine(command)
    command.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    command.add_class_arguments(Recipe, default=defaults.recipe)
    for action in command._actions:
        if action.help == "Path to a configuration file.":  # of one group of settings; --config does that for all
            action.help = argparse.SUPPRESS
    command.usage = "faster-video train --data LIST [--out DIR] [--recipe NAME] [options]"


def _add_weights(command: ArgumentParser) -> None:
    """What training starts from."""
    command.add_argument(
        "--finetune",
        type=str,
        metavar="BUNDLE",
        help="start from this bundle's weights with new classifiers; clips, transform and model are its own",
    )
    command.add_argument(
        "--backbones",
        type=str,
        metavar="BUNDLE",
        help="take both networks, clips and transform from this bundle; train only stage 2",
    )
    command.add_argument(
        "--features",
        type=str,
        metavar="STORE",
        help="train only stage 2, from stored features instead of --data: of the networks of --backbones, or anyone's",
    )
    command.add_argument(
        "--expensive",
        type=str,
        metavar="NETWORK",
        help="published network in the place of the expensive one (faster-video backbones), or package.module:function "
        "that makes one; with --cheap, and only stage 2 is trained",
    )
    command.add_argument("--cheap", type=str, metavar="NETWORK", help="the same in the place of the cheap one")
    command.add_argument("--seed", type=int, default=0, help="number that fixes first weights, order, clips and crops")


def _add_machine(command: ArgumentParser) -> None:
    """Where training runs, and what it bears."""
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument(
        "--devices", type=int, default=1, help="processes that share every batch: one per GPU, or several on the CPU"
    )
    command.add_argument("--nodes", type=int, default=1, help="machines, where torchrun starts this command on each")
    command.add_argument("--precision", type=str, default="32-true", help="32-true, bf16-mixed or 16-mixed (GPU)")
    command.add_argument(
        "--workers", type=int, default=-1, help="decoding processes per device; -1: the cores shared out, at most 8"
    )
    add_frame_cache(command)
    command.add_argument(
        "--most_broken", type=float, default=0.05, help="share of unreadable videos at which training stops"
    )
    command.add_argument(
        "--checkpoint_minutes", type=float, default=10.0, help="longest time between checkpoints within an epoch"
    )


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.training.launch import is_first_process
    from faster_video.training.report import summary_table
    from faster_video.training.train import train

    config = _run_config(options)
    try:
        bundle = train(config, resume=options.resume)
    except KeyboardInterrupt:
        again = f"with the same command and --resume --out {printable(config.out)}"
        print(f"interrupted; go on {again}", file=sys.stderr)
        return INTERRUPTED
    if is_first_process():
        print_table(summary_table(config.out))
        print(f"bundle written to {printable(config.bundle_folder)}, learning curves to {printable(config.out)}")
        metrics = bundle.config.provenance["metrics"]
        print("\n".join(f"{name}: {value}" for name, value in metrics.items()))
    return 0


def _run_config(options: Namespace) -> "RunConfig":
    from faster_video.features import open_features
    from faster_video.training.run import RunConfig

    if (options.data is None) == (options.features is None):
        how_many = "neither is" if options.data is None else "both are"
        raise ConfigError(f"{how_many} given of --data LIST and --features STORE; training needs one of them")
    if options.resume and options.out is None:
        raise ConfigError("--resume is given without --out; name the folder of the run to go on with")
    if options.features is not None and (options.root, options.split) != (None, None):
        raise ConfigError("--root and --split are for --data LIST; leave them out with --features STORE")
    _require_pair(options)
    features = None if options.features is None else open_features(options.features, part="train")
    origins: dict[str, str | int] = {} if options.split is None else {"split": options.split}
    backbones, finetune = _bundle(options.backbones), _bundle(options.finetune)
    on_hub = {name: bundle.origin for name, bundle in (("backbones", backbones), ("finetune", finetune)) if bundle}
    for name in FILES:
        if options[name] is not None:
            named = options[name] if options[name] in PACKAGED else on_hub.get(name)
            origins[name] = named or str(Path(options[name]).absolute())
    origins |= {name: options[name] for name in ("expensive", "cheap") if options[name] is not None}
    recipe = Recipe(**{field.name: options[field.name] for field in fields(Recipe)})
    data = _data(options, features)
    return RunConfig(
        recipe=recipe,
        data=data,
        features=features,
        data_sha256=options.data_sha256 or "",
        weights_sha256=options.weights_sha256 or "",
        validation=_validation(options),
        backbones=backbones if options.expensive is None else _published(options, recipe, data),
        finetune=finetune,
        out=Path(options.out or datetime.now().strftime("runs/%Y%m%d-%H%M%S")),
        seed=options.seed,
        device=options.device,
        devices=options.devices,
        nodes=options.nodes,
        precision=options.precision,
        workers=options.workers,
        frame_cache=frame_cache_of(options),
        most_broken=options.most_broken,
        checkpoint_minutes=options.checkpoint_minutes,
        origins=origins,
    )


def _require_pair(options: Namespace) -> None:
    """Refuse one published network without the other, or beside another bundle's."""
    if (options.expensive is None) != (options.cheap is None):
        given, missing = ("--expensive", "--cheap") if options.cheap is None else ("--cheap", "--expensive")
        raise ConfigError(f"{given} is given without {missing}; name both networks (see faster-video backbones)")
    others = [f"--{name}" for name in ("backbones", "finetune") if options[name] is not None]
    if options.expensive is not None and others:
        raise ConfigError(
            f"--expensive and --cheap are given beside {others[0]}, which has networks of its own; choose"
        )


def _published(options: Namespace, recipe: Recipe, data: "VideoList") -> "Bundle":
    """Both published networks with their weights."""
    from faster_video.untrained import untrained_bundle

    if (recipe.model.expensive.name, recipe.model.cheap.name) != (options.expensive, options.cheap):
        raise ConfigError(
            f"--expensive and --cheap are {options.expensive} and {options.cheap}, but model.expensive and model.cheap "
            f"are {recipe.model.expensive.name} and {recipe.model.cheap.name}; leave these out"
        )
    untouched = get_recipe("frozen")
    for name in ("stage1_expensive", "stage1_cheap"):
        if getattr(recipe, name) != getattr(untouched, name):
            raise ConfigError(
                f"{name} is given beside --expensive and --cheap, but networks that were published are not trained; "
                "leave it out"
            )
    return untrained_bundle(recipe.model, recipe.clips, recipe.transform, data.labels, options.seed)


def _data(options: Namespace, features: "Features | None") -> "VideoList":
    from faster_video.datasets import VideoList, read_list

    if features is not None:
        return VideoList(Path(options.features), tuple(features.videos))
    return read_list(options.data, root=options.root, split=options.split, part="train")


def _validation(options: Namespace) -> "VideoList | None":
    """The validation list; of the same LIST as the training videos it is the other part of the same split."""
    from faster_video.datasets import read_list

    if options.validation is None:
        return None
    is_same = options.data is not None and Path(options.validation).resolve() == Path(options.data).resolve()
    shares_root = is_same or not Path(options.validation).is_dir()
    root = options.validation_root or (options.root if shares_root else None)
    return read_list(options.validation, root=root, split=options.split if is_same else None, part="test")


def _bundle(folder: str | None) -> "Bundle | None":
    return None if folder is None else bundle_named(folder)
