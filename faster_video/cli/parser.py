"""The whole command line: which commands there are, and where the defaults of `train` come from."""

import argparse
from collections.abc import Sequence
from typing import Protocol

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

import faster_video
from faster_video.cli import classify, cost, evaluate, make_motion, train
from faster_video.config import Recipe
from faster_video.errors import ConfigError
from faster_video.recipes import get_recipe

EXIT_CODES = "Exit code: 0; 1 if some videos could not be read and others were; 2 for wrong input; 130 after ctrl-C."


class Command(Protocol):
    """What a command's module holds."""

    DESCRIPTION: str

    def add_arguments(self, command: ArgumentParser, recipe: Recipe, /) -> None:
        """Declare the options; the recipe's values are the defaults of those that train."""
        ...

    def run(self, options: Namespace, /) -> int:
        """Do it; returns the exit code."""
        ...


COMMANDS: dict[str, Command] = {
    "classify": classify,
    "evaluate": evaluate,
    "train": train,
    "cost": cost,
    "make-motion": make_motion,
}


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
    for name, module in COMMANDS.items():
        command = ArgumentParser(exit_on_error=False, description=module.DESCRIPTION, epilog=EXIT_CODES)
        module.add_arguments(command, get_recipe(recipe))
        commands.add_subcommand(name, command, help=module.DESCRIPTION)
        command.prog = f"faster-video {name}"  # instead of `faster-video [options] NAME`
    return parser


def _recipe_named_in(words: Sequence[str]) -> str:
    """The value of `--recipe`, looked up before the real parsing; `tiny` if there is none."""
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    finder.add_argument("--recipe", nargs="?", const="tiny", default="tiny")
    recipe: str = finder.parse_known_args([word for word in words if word != "--"])[0].recipe
    return recipe
