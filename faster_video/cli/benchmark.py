"""`faster-video benchmark`: what this machine does with a recipe or a bundle."""

import json

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.output import print_table
from faster_video.cli.running import BUNDLE_HELP, add_running
from faster_video.recipes import RECIPES

DESCRIPTION = "What this machine does with a recipe or a bundle: seconds, and the share of what it can do at most."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("bundle", type=str, nargs="?", metavar="BUNDLE", help=f"{BUNDLE_HELP}; default: default")
    command.add_argument(
        "--recipe", type=str, help=f"a recipe with random weights instead: {', '.join(sorted(RECIPES))}"
    )
    command.add_argument("--video", type=str, metavar="FILE", help="default: an H.264 file that is made up")
    add_running(command)
    command.add_argument("--rounds", type=int, default=5, help="measurements, of which the median is given")
    command.add_argument("--json", action="store_true", help="print JSON")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.speed import benchmark, benchmark_table

    found = benchmark(
        recipe=options.recipe,
        bundle=options.bundle,
        video=options.video,
        pattern=options.pattern,
        rounds=options.rounds,
        device=options.device,
        engine=options.engine,
    )
    if options.json:
        print(json.dumps(found.as_dict(), indent=2))
    else:
        print_table(benchmark_table(found))
    return 0
