"""What can be written on the command line: every command's options, and their help."""

import argparse
from collections.abc import Callable, Sequence

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

import faster_video
from faster_video.config import MotionConfig, Recipe
from faster_video.errors import ConfigError
from faster_video.recipes import RECIPES, get_recipe

EXIT_CODES = "Exit code: 0; 1 if some videos could not be read and others were; 2 for wrong input; 130 after ctrl-C."


def parse_words(words: Sequence[str]) -> Namespace:
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
        epilog=EXIT_CODES,
    )
    commands = parser.add_subcommands(dest="command", metavar="COMMAND")
    for name, (description, add_arguments) in DESCRIPTIONS.items():
        command = ArgumentParser(exit_on_error=False, description=description, epilog=EXIT_CODES)
        add_arguments(command, recipe)
        commands.add_subcommand(name, command, help=description)
        command.prog = f"faster-video {name}"  # instead of `faster-video [options] NAME`
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
    command.add_argument("--seed", type=int, default=0, help="number that fixes first weights, order, clips and crops")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    command.add_argument("--precision", type=str, default="32-true", help="32-true, bf16-mixed or 16-mixed (GPU)")
    command.add_argument("--workers", type=int, default=-1, help="decoding processes; -1: one per core, at most 8")
    command.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    command.add_class_arguments(Recipe, default=get_recipe(recipe))
    for action in command._actions:
        if action.help == "Path to a configuration file.":  # of one group of settings; --config does that for all
            action.help = argparse.SUPPRESS
    command.usage = "faster-video train --data LIST --out DIR [--recipe NAME] [options]"


def _add_cost(command: ArgumentParser, _recipe: str) -> None:
    command.add_argument("--recipe", type=str, default="faster16", help=", ".join(sorted(RECIPES)))
    command.add_argument("--classes", type=int, default=400, help="how many labels; Kinetics has 400")
    command.add_argument("--pattern", type=str, help="expensive:cheap clips instead of the recipe's own")
    command.add_argument("--paper", action="store_true", help="the costs in the paper's tables beside ours")
    command.add_argument("--json", action="store_true", help="print JSON")


def _add_make_motion(command: ArgumentParser, _recipe: str) -> None:
    command.add_argument("out", type=str, metavar="OUT", help="new folder for the videos and lists")
    command.add_argument("--workers", type=int, default=-1, help="processes; -1: one per core")
    command.add_class_arguments(MotionConfig)


DESCRIPTIONS: dict[str, tuple[str, Callable[[ArgumentParser, str], None]]] = {
    "classify": ("Label video files and folders, with the answer after every clip.", _add_classify),
    "evaluate": ("Accuracy, confusion and cost of a bundle on labelled videos.", _add_evaluate),
    "train": ("Train a bundle on labelled videos: both networks, then the aggregator.", _add_train),
    "cost": ("Multiply-adds of a recipe, part by part, without running it.", _add_cost),
    "make-motion": ("Write made-up labelled videos whose label is an order of motions.", _add_make_motion),
}
