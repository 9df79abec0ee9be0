"""`faster-video cost`: multiply-adds of a recipe or a bundle, part by part, without running it."""

import json
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.output import print_table
from faster_video.cli.running import BUNDLE_HELP
from faster_video.errors import ConfigError
from faster_video.recipes import RECIPES, get_recipe

if TYPE_CHECKING:
    from rich.table import Table

    from faster_video.bundle import BundleConfig
    from faster_video.config import ModelConfig
    from faster_video.cost import VideoCost

DESCRIPTION = "Multiply-adds of a recipe or a bundle, part by part, without running it; and the presets of a bundle."
RECIPE, CLASSES = "faster16", 400
"""Where neither bundle nor others are given."""


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument(
        "bundle", type=str, nargs="?", metavar="BUNDLE", help=f"{BUNDLE_HELP}, in the place of a recipe"
    )
    command.add_argument("--recipe", type=str, help=f"{', '.join(sorted(RECIPES))}; default: {RECIPE}")
    command.add_argument("--classes", type=int, help=f"labels of a recipe; default: {CLASSES}, as Kinetics has")
    command.add_argument("--pattern", type=str, help="expensive:cheap clips instead of the recipe's or bundle's own")
    command.add_argument("--paper", action="store_true", help="the costs in the paper's tables beside ours")
    command.add_argument("--json", action="store_true", help="print JSON")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    if options.bundle is not None:
        _require_alone(options)
    if options.paper:
        _show_paper(options)
    elif options.bundle is None:
        _show_recipe(options)
    else:
        _show_bundle(options)
    return 0


def _require_alone(options: Namespace) -> None:
    """Refuse what a bundle says itself, and tables in which it is not."""
    for name, value in (("--recipe", options.recipe), ("--classes", options.classes)):
        if value is not None:
            raise ConfigError(f"BUNDLE is {options.bundle!r} and {name} is {value!r}; choose one")
    if options.paper:
        raise ConfigError(f"BUNDLE is {options.bundle!r} and --paper is given; choose one")


def _show_paper(options: Namespace) -> None:
    from faster_video.paper import paper_comparison, paper_table

    cells = paper_comparison()
    if options.json:
        print(json.dumps([cell.as_dict() for cell in cells], indent=2))
    else:
        print_table(paper_table(cells))


def _show_recipe(options: Namespace) -> None:
    from faster_video.cost import cost_table, video_cost

    name = RECIPE if options.recipe is None else options.recipe
    recipe, classes = get_recipe(name), CLASSES if options.classes is None else options.classes
    model = _under(recipe.model, options.pattern)
    cost = video_cost(model, recipe.clips, recipe.transform.crop_size, classes)
    if options.json:
        print(json.dumps({"recipe": name} | cost.as_dict(), indent=2))
    else:
        print_table(cost_table(cost))


def _show_bundle(options: Namespace) -> None:
    """What it costs by its own pattern, and what else it offers; its weights are not read."""
    from faster_video.cost import cost_table, video_cost
    from faster_video.hub import read_bundle_config

    config = read_bundle_config(options.bundle)
    model = _under(config.model, options.pattern)
    cost = video_cost(model, config.clips, config.transform.crop_size, len(config.labels))
    if options.json:
        print(json.dumps(_as_dict(options.bundle, config, cost), indent=2))
        return
    print_table(cost_table(cost))
    for table in _offered_tables(config):
        print_table(table)


def _under(model: "ModelConfig", pattern: str | None) -> "ModelConfig":
    from dataclasses import replace

    return model if pattern is None else replace(model, pattern=pattern)


def _as_dict(name: str, config: "BundleConfig", cost: "VideoCost") -> dict[str, object]:
    from dataclasses import asdict

    offered = {
        "gate": config.model.gate,
        "calibration": asdict(config.calibration),
        "presets": {name: asdict(preset) for name, preset in config.presets.items()},
    }
    return {"bundle": name} | cost.as_dict() | offered


def _offered_tables(config: "BundleConfig") -> "list[Table]":
    """Gate and calibration, and the presets; none where the bundle has none."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    from faster_video.files import printable
    from faster_video.offered import PRESET_HEADINGS, offered_settings, preset_rows

    settings = [(name, value) for name, value in offered_settings(config).items() if value]
    tables = []
    for headings, rows in (((), settings), (PRESET_HEADINGS, preset_rows(config))):
        if not rows:
            continue
        table = Table(*headings, box=SIMPLE, pad_edge=False, show_header=bool(headings))
        for row in rows:
            table.add_row(*(Text(printable(cell).replace("`", "")) for cell in row))
        tables.append(table)
    return tables
