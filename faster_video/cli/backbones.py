"""`faster-video backbones`: the networks there are, ours and those published elsewhere, with what each costs."""

import json

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.output import print_table, terminal_width

DESCRIPTION = "List the clip networks, with cost, published accuracy and where their weights come from."


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument("--json", action="store_true", help="print JSON, with all that is known of each")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.catalogue import catalogue, catalogue_table

    entries = catalogue()
    if options.json:
        print(json.dumps([entry.as_dict() for entry in entries], indent=2))
    else:
        print_table(catalogue_table(entries, terminal_width()))
    return 0
