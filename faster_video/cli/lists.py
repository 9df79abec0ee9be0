"""Options of every command that takes a LIST."""

from jsonargparse import ArgumentParser

LIST_HELP = "folder of class folders, file of path,label or path label, or list of Kinetics, UCF-101 or HMDB-51"


def add_list_options(command: ArgumentParser) -> None:
    """Where the videos of a list file lie, and which official split of it is meant."""
    command.add_argument("--root", type=str, metavar="DIR", help="folder under which the videos of a list file lie")
    command.add_argument("--split", type=int, metavar="N", help="official split of UCF-101 or HMDB-51; default: 1")
