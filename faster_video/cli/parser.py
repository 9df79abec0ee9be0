"""The whole command line: which commands there are, and where the defaults of `train` come from."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

import faster_video
from faster_video.cli import (
    backbones,
    benchmark,
    calibrate,
    classify,
    cost,
    data,
    distill,
    evaluate,
    export,
    extract,
    fetch,
    gate,
    make_motion,
    plan,
    push,
    reproduce,
    serve,
    stream,
    train,
)
from faster_video.cli.defaults import Defaults
from faster_video.config import ModelConfig, Recipe
from faster_video.datasets.motion_config import USUAL_SET, get_motion_set
from faster_video.errors import ConfigError
from faster_video.recipes import get_recipe

EXIT_CODES = "Exit code: 0; 1 if some videos could not be read and others were; 2 for wrong input; 130 after ctrl-C."


class Command(Protocol):
    """What a command's module holds."""

    DESCRIPTION: str

    def add_arguments(self, command: ArgumentParser, defaults: Defaults, /) -> None:
        """Declare the options."""
        ...

    def run(self, options: Namespace, /) -> int:
        """Do it; returns the exit code."""
        ...


COMMANDS: dict[str, Command] = {
    "classify": classify,
    "stream": stream,
    "serve": serve,
    "evaluate": evaluate,
    "train": train,
    "distill": distill,
    "extract": extract,
    "calibrate": calibrate,
    "gate": gate,
    "plan": plan,
    "export": export,
    "reproduce": reproduce,
    "backbones": backbones,
    "fetch": fetch,
    "cost": cost,
    "benchmark": benchmark,
    "make-motion": make_motion,
    "data": data,
    "push": push,
}


@dataclass(frozen=True, slots=True)
class DefaultsOfTrain:
    """Where the values of a training's settings come from if they are not given."""

    recipe: str | None
    finetune: str | None
    backbones: str | None
    features: str | None
    expensive: str | None
    cheap: str | None
    aggregator: str

    @classmethod
    def named_in(cls, words: Sequence[str]) -> "DefaultsOfTrain":
        """The values of these options, looked up before the real parsing."""
        finder = argparse.ArgumentParser(add_help=False, exit_on_error=False)
        finder.add_argument("--model.aggregator", dest="aggregator", default=ModelConfig.aggregator)
        for field in fields(cls)[:-1]:
            of_reproduce = ["--start"] if field.name == "finetune" else []
            finder.add_argument(f"--{field.name}", *of_reproduce, nargs="?")
        found = finder.parse_known_args([word for word in words if word != "--"])[0]
        return cls(**vars(found))

    def make(self) -> Recipe:
        """The recipe; with a bundle to start from, of its clips, transform and model; with features, of their size."""
        frozen = "frozen_average" if self.aggregator == "average" else "frozen"
        usual = "finetune" if self.finetune else frozen if self.expensive or self.cheap else "tiny"
        recipe = get_recipe(self.recipe or usual)
        if self.expensive and self.cheap:
            from faster_video.backbones.published import allow_import, pair

            for name in (self.expensive, self.cheap):
                allow_import(name)
            theirs = pair(self.expensive, self.cheap)
            untouched = get_recipe("frozen")
            return replace(
                recipe,
                clips=theirs.clips,
                transform=theirs.transform,
                model=theirs.model,
                stage1_expensive=untouched.stage1_expensive,
                stage1_cheap=untouched.stage1_cheap,
            )
        bundle = self.finetune or self.backbones
        if bundle is not None:
            from faster_video.hub import read_bundle_config

            found = read_bundle_config(bundle)
            return replace(recipe, clips=found.clips, transform=found.transform, model=replace(found.model, gate=False))
        if self.features is not None:
            from faster_video.features import ForeignFeatures, open_features

            features = open_features(self.features, part="train")
            if isinstance(features, ForeignFeatures):
                given = features.backbone
                model = replace(recipe.model, expensive=given, cheap=given, pattern="1:0")
                return replace(recipe, model=model)
        return recipe


def parse_words(words: Sequence[str]) -> Namespace:
    """The command's options; `train` is parsed again where a --config file names the recipe or the bundle."""
    defaults = DefaultsOfTrain.named_in(words)
    motion = get_motion_set(_set_named_in(words))
    parser = make_parser(words, Defaults(recipe=defaults.make(), motion=motion))
    try:
        parsed = parser.parse_args(words)
        if parsed.command == "train":
            given = {field.name: parsed.train[field.name] for field in fields(DefaultsOfTrain)[:-1]}
            named = DefaultsOfTrain(**given, aggregator=parsed.train["model.aggregator"])
            if named != defaults:
                parser = make_parser(words, Defaults(recipe=named.make(), motion=motion))
                parsed = parser.parse_args(words)
    except UnicodeDecodeError as error:
        raise ConfigError(f"the --config file is not text: {error}") from error
    options: Namespace = parser.instantiate(parsed)
    return options


def _set_named_in(words: Sequence[str]) -> str:
    """The value of `make-motion --set`, looked up before the real parsing."""
    if "make-motion" not in words:
        return USUAL_SET
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    finder.add_argument("--set", nargs="?")
    named: str | None = finder.parse_known_args([word for word in words if word != "--"])[0].set
    return USUAL_SET if named is None else named


def make_parser(words: Sequence[str], defaults: Defaults) -> ArgumentParser:
    """The whole command line; only commands among the words have their options, since declaring all takes time."""
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
        commands.add_subcommand(name, command, help=module.DESCRIPTION)
        command.prog = f"faster-video {name}"  # instead of `faster-video [options] NAME`
        if name in words:
            module.add_arguments(command, defaults)
    return parser
