"""The command `faster-video`: parse, call one function, print.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

import faster_video
from faster_video.config import MotionConfig, Recipe
from faster_video.errors import ConfigError, DataError, FasterVideoError
from faster_video.recipes import RECIPES, get_recipe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from faster_video.inference import Classification, Failure

PARTLY_FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 (some files failed), 2 (bad input), 130 (ctrl-C)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parser = make_parser(words)
        parsed = parser.instantiate(parser.parse_args(words))
        return COMMANDS[parsed.command](parsed[parsed.command])
    except (FasterVideoError, argparse.ArgumentError) as error:
        _complain(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; nothing must be flushed into the closed pipe on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complain(error: Exception | str) -> None:
    """One line on stderr, whatever the message holds."""
    print("faster-video: error:", " ".join(str(error).split()), file=sys.stderr)


def make_parser(words: Sequence[str]) -> ArgumentParser:
    """The whole command line; `words` because a recipe's values are the defaults of `train`."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(
        prog="faster-video",
        description="Video classification that costs a third of the arithmetic and answers while the video plays.",
        exit_on_error=False,
        version=faster_video.__version__,
    )
    commands = parser.add_subcommands(dest="command", metavar="COMMAND")
    recipe = _recipe_named_in(words)
    for name, (description, add_arguments) in _DESCRIPTIONS.items():
        command = ArgumentParser(exit_on_error=False, description=description)
        add_arguments(command, recipe)
        commands.add_subcommand(name, command, help=description)
    return parser


def _recipe_named_in(words: Sequence[str]) -> str:
    """The value of `--recipe`, looked up before the real parsing; `tiny` if there is none."""
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    finder.add_argument("--recipe", nargs="?", const="tiny", default="tiny")
    recipe: str = finder.parse_known_args([word for word in words if word != "--"])[0].recipe
    return recipe


def _add_classify(command: ArgumentParser, _recipe: str) -> None:
    command.add_argument("paths", nargs="+", type=str, metavar="PATH", help="video files, and folders of them")
    command.add_argument("--bundle", type=str, help="trained bundle; default: the small one in the package")
    _add_running(command)
    command.add_argument("--top", type=int, default=5, help="how many labels to show")
    command.add_argument("--json", action="store_true", help="print one JSON list at the end")
    command.add_argument("--jsonl", action="store_true", help="print one JSON object per line, as soon as it is known")
    command.add_argument("--plot", type=str, metavar="FILE", help="draw the timeline (.png, .pdf, .svg)")


def _add_running(command: ArgumentParser) -> None:
    command.add_argument("--pattern", type=str, help="expensive:cheap clips, such as 1:3, instead of the bundle's own")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")


def _classify(options: Namespace) -> int:
    from faster_video.inference import Classification, classify_many, find_videos, load, plot_timeline
    from faster_video.inference.picture import require_picture_path

    if options.top < 1:
        raise ConfigError(f"--top is {options.top}; it must be at least 1")
    if options.json and options.jsonl:
        raise ConfigError("--json and --jsonl are both given; choose one")
    if options.plot:
        require_picture_path(options.plot)
    paths = find_videos(options.paths)
    classifier = load(options.bundle, pattern=options.pattern, device=options.device)
    done, failed, drawn, shown = 0, 0, [], []
    for result in classify_many(classifier, paths):
        if isinstance(result, Classification):
            done += 1
            if options.plot:
                drawn.append(result)
        else:
            failed += 1
            _complain(f"{result.path}: {result.reason}")
        if options.jsonl:
            print(json.dumps(_as_dict(result, options.top)), flush=True)
        elif options.json:
            shown.append(_as_dict(result, options.top))
        elif isinstance(result, Classification):
            _print_classification(result, options.top)
    if options.json:
        print(json.dumps(shown, indent=2))
    if drawn:
        plot_timeline(drawn, options.plot)
        print(f"timeline drawn in {options.plot}", file=sys.stderr)
    if not failed:
        return 0
    return PARTLY_FAILED if done else BAD_INPUT


def _as_dict(result: "Classification | Failure", top: int) -> dict[str, object]:
    from faster_video.inference import Classification

    return result.as_dict(top) if isinstance(result, Classification) else result.as_dict()


def _print_classification(video: "Classification", top: int) -> None:
    from faster_video.inference import timeline_table

    _print(timeline_table(video))
    for label, probability in video.labels[:top]:
        print(f"{probability:7.1%}  {label}")
    print(f"{video.seconds:.2f} s of work for {video.video_seconds:.2f} s of video\n")


def _add_evaluate(command: ArgumentParser, _recipe: str) -> None:
    command.add_argument("bundle", type=str, metavar="BUNDLE", help="trained bundle; `default` is the package's own")
    command.add_argument("list", type=str, metavar="LIST", help="folder of class folders, or CSV file of path,label")
    _add_running(command)
    command.add_argument(
        "--aggregator",
        type=str,
        help="`average`: average pooling of both networks' own scores, the usual baseline",
    )
    command.add_argument("--json", action="store_true", help="print JSON, every video's prediction included")
    command.add_argument("--plot", type=str, metavar="FILE", help="draw the confusion matrix (.png, .pdf, .svg)")


def _evaluate(options: Namespace) -> int:
    from faster_video.bundle import load_bundle
    from faster_video.datasets import read_list
    from faster_video.evaluation import baseline, evaluate, evaluation_table, plot_confusion
    from faster_video.inference import DEFAULT_BUNDLE, Classifier
    from faster_video.inference.picture import require_picture_path

    if options.plot:
        require_picture_path(options.plot)
    videos = read_list(options.list)
    bundle = load_bundle(DEFAULT_BUNDLE if options.bundle == "default" else options.bundle)
    if options.aggregator == "average":
        bundle = baseline(bundle)
    elif options.aggregator not in (None, bundle.config.model.aggregator):
        raise ConfigError(
            f"--aggregator is {options.aggregator!r}; this bundle was trained with {bundle.config.model.aggregator!r}, "
            "and besides that only 'average' needs no training"
        )
    if options.pattern is not None:
        bundle = bundle.with_pattern(options.pattern)
    result = evaluate(Classifier(bundle, options.device), videos.videos, show_progress=True)
    if len(result.unreadable) == len(result.videos):
        raise DataError(
            f"{options.list}: none of its {len(result.videos)} videos could be read; the first: "
            f"{result.unreadable[0].path}: {result.unreadable[0].unreadable}"
        )
    if options.json:
        print(json.dumps(result.as_dict(), indent=2))
    else:
        _print(evaluation_table(result))
    if options.plot:
        plot_confusion(result, options.plot)
        print(f"confusion matrix drawn in {options.plot}", file=sys.stderr)
    return 0


def _add_train(command: ArgumentParser, recipe: str) -> None:
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
    command.add_argument("--seed", type=int, default=0, help="fixes first weights, order, clips and crops")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument("--precision", type=str, default="32-true", help="32-true, bf16-mixed or 16-mixed (GPU)")
    command.add_argument("--workers", type=int, default=-1, help="decoding processes; -1: one per core, at most 8")
    command.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    command.add_class_arguments(Recipe, default=get_recipe(recipe))
    command.usage = "faster-video train --data LIST --out DIR [--recipe NAME] [options]"


def _train(options: Namespace) -> int:
    from faster_video.bundle import load_bundle
    from faster_video.datasets import read_list
    from faster_video.training.train import RunConfig, train

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


def _add_cost(command: ArgumentParser, _recipe: str) -> None:
    command.add_argument("--recipe", type=str, default="faster16", help=", ".join(sorted(RECIPES)))
    command.add_argument("--classes", type=int, default=400, help="how many labels; Kinetics has 400")
    command.add_argument("--pattern", type=str, help="expensive:cheap clips instead of the recipe's own")
    command.add_argument("--paper", action="store_true", help="the costs in the paper's tables beside ours")
    command.add_argument("--json", action="store_true", help="print JSON")


def _cost(options: Namespace) -> int:
    from dataclasses import replace

    from faster_video.cost import cost_table, video_cost
    from faster_video.paper import paper_comparison, paper_table

    if options.paper:
        cells = paper_comparison()
        if options.json:
            print(json.dumps([cell.as_dict() for cell in cells], indent=2))
        else:
            _print(paper_table(cells))
        return 0
    recipe = get_recipe(options.recipe)
    model = recipe.model if options.pattern is None else replace(recipe.model, pattern=options.pattern)
    cost = video_cost(model, recipe.clips, recipe.transform.crop_size, options.classes)
    if options.json:
        print(json.dumps({"recipe": options.recipe} | cost.as_dict(), indent=2))
    else:
        _print(cost_table(cost))
    return 0


def _add_make_motion(command: ArgumentParser, _recipe: str) -> None:
    command.add_argument("out", type=str, metavar="OUT", help="new folder for the videos and lists")
    command.add_argument("--workers", type=int, default=-1, help="processes; -1: one per core")
    command.add_class_arguments(MotionConfig)


def _make_motion(options: Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from faster_video.datasets.motion_set import write_motion_set

    config = MotionConfig(**{field.name: options[field.name] for field in fields(MotionConfig)})
    workers = (os.cpu_count() or 1) if options.workers < 0 else options.workers
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("writing videos", total=config.videos)
        write_motion_set(options.out, config, workers=workers, show=lambda count: progress.advance(task, count))
    print(f"{config.videos} videos of {len(config.labels)} labels, train.csv and test.csv in {options.out}")
    return 0


def _print(table: "RenderableType") -> None:
    from rich.console import Console

    Console().print(table)


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "classify": _classify,
    "evaluate": _evaluate,
    "train": _train,
    "cost": _cost,
    "make-motion": _make_motion,
}
_DESCRIPTIONS: dict[str, tuple[str, Callable[[ArgumentParser, str], None]]] = {
    "classify": ("Label video files and folders, with the answer after every clip.", _add_classify),
    "evaluate": ("Accuracy, confusion and cost of a bundle on labelled videos.", _add_evaluate),
    "train": ("Train a bundle on labelled videos: both networks, then the aggregator.", _add_train),
    "cost": ("Multiply-adds of a recipe, part by part, without running it.", _add_cost),
    "make-motion": ("Write made-up labelled videos whose label is an order of motions.", _add_make_motion),
}
