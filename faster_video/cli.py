"""The command `faster-video`: parse, call one function, print.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

import faster_video
from faster_video.config import MotionConfig, Recipe, require_at_least
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
        parsed = _parse(words)
        code = COMMANDS[parsed.command](parsed[parsed.command])
        sys.stdout.flush()  # here, where a closed pipe is caught, and not when Python ends
        return code
    except FasterVideoError as error:
        _complain(error)
        return BAD_INPUT
    except argparse.ArgumentError as error:
        _complain(_plain(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; nothing must be flushed into the closed pipe on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complain(error: Exception | str) -> None:
    """One line on stderr, whatever the message holds."""
    from faster_video.video.container import printable

    print("faster-video: error:", printable(" ".join(str(error).split())), file=sys.stderr)


def _plain(error: argparse.ArgumentError) -> str:
    """What the parser says, as one sentence: which option, its value, what is allowed."""
    message = " ".join(str(error).split())
    for clumsy, plain in _PLAIN:
        found = re.fullmatch(clumsy, message)
        if found:
            return plain(*found.groups())
    return message


def _parse(words: Sequence[str]) -> Namespace:
    """The command's options; `train` is parsed again where a --config file names the recipe."""
    recipe = _recipe_named_in(words)
    parser = make_parser(recipe)
    try:
        parsed = parser.parse_args(words)
        if parsed.command == "train" and parsed.train.recipe != recipe:
            parser = make_parser(parsed.train.recipe)
            parsed = parser.parse_args(words)
    except UnicodeDecodeError as error:
        raise ConfigError(f"the --config file is not text: {error}") from error
    options: Namespace = parser.instantiate(parsed)
    return options


def make_parser(recipe: str) -> ArgumentParser:
    """The whole command line; the recipe's values are the defaults of `train`."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(
        prog="faster-video",
        description="Video classification that costs a third of the arithmetic and answers while the video plays.",
        exit_on_error=False,
        version=faster_video.__version__,
    )
    commands = parser.add_subcommands(dest="command", metavar="COMMAND")
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
    from faster_video.inference.timeline import MOST_VIDEOS
    from faster_video.video.container import printable

    if options.top < 1:
        raise ConfigError(f"--top is {options.top}; it must be at least 1")
    if options.json and options.jsonl:
        raise ConfigError("--json and --jsonl are both given; choose one")
    if options.plot is not None:
        require_picture_path(options.plot)
    paths = find_videos(options.paths)
    classifier = load(options.bundle, pattern=options.pattern, device=options.device)
    done, failed, shown = 0, 0, []
    drawn: list[Classification] = []
    for result in classify_many(classifier, paths):
        if isinstance(result, Classification):
            done += 1
            if options.plot is not None and len(drawn) < MOST_VIDEOS:
                drawn.append(result)
        else:
            failed += 1
            _complain(f"{printable(result.path)}: {result.reason}")
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
        of_all = f" of the first {len(drawn)} of {done} videos" if done > len(drawn) else ""
        print(f"timeline{of_all} drawn in {printable(options.plot)}", file=sys.stderr)
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
    from faster_video.video.container import printable

    if options.plot is not None:
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
    result = evaluate(Classifier(bundle, options.device), videos.videos, show_progress=sys.stderr.isatty())
    if len(result.unreadable) == len(result.videos):
        raise DataError(
            f"{printable(options.list)}: none of its {len(result.videos)} videos could be read; the first: "
            f"{printable(result.unreadable[0].path)}: {result.unreadable[0].unreadable}"
        )
    if options.json:
        print(json.dumps(result.as_dict(), indent=2))
    else:
        _print(evaluation_table(result))
    if options.plot is not None:
        plot_confusion(result, options.plot)
        print(f"confusion matrix drawn in {printable(options.plot)}", file=sys.stderr)
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
    from faster_video.video.container import printable

    config = MotionConfig(**{field.name: options[field.name] for field in fields(MotionConfig)})
    require_at_least("workers", options.workers, -1)
    workers = (os.cpu_count() or 1) if options.workers < 0 else options.workers
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("writing videos", total=config.videos)
        write_motion_set(options.out, config, workers=workers, show=lambda count: progress.advance(task, count))
    print(f"{config.videos} videos of {len(config.labels)} labels, train.csv and test.csv in {printable(options.out)}")
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
_KINDS = {
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "str": "text; YAML takes 1:7 for a number of minutes unless it is written '1:7'",
    "tuple": "a list such as [1, 2]",
}
_REQUIRED = {
    "classify.paths": "PATH",
    "evaluate.bundle": "BUNDLE",
    "evaluate.list": "LIST",
    "train.data": "--data LIST",
    "train.out": "--out DIR",
    "make-motion.out": "OUT",
}
_PLAIN: tuple[tuple[str, Callable[..., str]], ...] = (
    (
        r"the following arguments are required: (.*)",
        lambda names: (
            f"not given: {', '.join(_REQUIRED.get(name, name) for name in names.split(', '))}; see "
            f"faster-video {names.split('.')[0]} --help"
        ),
    ),
    (
        r'expected "command" to be one of .*',
        lambda: f"no command is given; choose one of {', '.join(COMMANDS)}",
    ),
    (
        r"argument COMMAND: invalid choice: '(.*)' \(.*",
        lambda name: f"unknown command {name!r}; choose one of {', '.join(COMMANDS)}",
    ),
    (
        r'Parser key "config": .*: \'(.*)\'',
        lambda path: f"--config is {path!r}, where there is no file; give a YAML file of options",
    ),
    (
        r'Parser key "(.*)": Expected a <class \'(\w+)\'>\. Got value: (.*)',
        lambda name, kind, value: f"--{name} is {value!r}; it must be {_KINDS.get(kind, kind)}",
    ),
    (
        r'Parser key "(.*)": Expected a tuple with (\d+) elements\. Got value: (.*)',
        lambda name, count, value: f"--{name} is {value}; it must be a list of {count} numbers",
    ),
    (
        r'Parser key "(.*)": Unable to load config \'(.*)\' - .*',
        lambda name, value: f"--{name} is {value!r}; set what is in it one by one, as --{name}.… with a value",
    ),
    (r"argument (\S+): expected one argument", lambda name: f"{name} is given without a value"),
    (
        r"argument (\S+): ignored explicit argument '(.*)'",
        lambda name, value: f"{name} is given the value {value!r}, but takes none",
    ),
    (
        r"unrecognized arguments: (.*)",
        lambda words: f"unknown argument {words}; see faster-video COMMAND --help",
    ),
    (
        r"Subcommand '(.*)' does not accept option '(.*)'",
        lambda command, name: f"unknown option {name}; see faster-video {command} --help",
    ),
    (r"Problems parsing config: (.*)", lambda reason: f"the --config file is not YAML: {reason}"),
    (r"Unexpected config: (.*)", lambda text: f"the --config file holds {text!r}; it must be lines of NAME: VALUE"),
)
"""Messages of argparse and jsonargparse, and how we put them."""
