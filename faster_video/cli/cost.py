"""`faster-video cost`: multiply-adds of a recipe, part by part, without running it."""

import json

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.output import print_table
from faster_video.recipes import RECIPES, get_recipe

DESCRIPTION = "Multiply-adds of a recipe, part by part, without running it."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("--recipe", type=str, default="faster16", help=", ".join(sorted(RECIPES)))
    command.add_argument("--classes", type=int, default=400, help="how many labels; Kinetics has 400")
    command.add_argument("--pattern", type=str, help="expensive:cheap clips instead of the recipe's own")
    command.add_argument("--paper", action="store_true", help="the costs in the paper's tables beside ours")
    command.add_argument("--json", action="store_true", help="print JSON")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from dataclasses import replace

    from faster_video.cost import cost_table, video_cost
    from faster_video.paper import paper_comparison, paper_table

    if options.paper:
        cells = paper_comparison()
        if options.json:
            print(json.dumps([cell.as_dict() for cell in cells], indent=2))
        else:
            print_table(paper_table(cells))
        return 0
    recipe = get_recipe(options.recipe)
    model = recipe.model if options.pattern is None else replace(recipe.model, pattern=options.pattern)
    cost = video_cost(model, recipe.clips, recipe.transform.crop_size, options.classes)
    if options.json:
        print(json.dumps({"recipe": options.recipe} | cost.as_dict(), indent=2))
    else:
        print_table(cost_table(cost))
    return 0
