"""Options of every command that runs a bundle."""

from jsonargparse import ArgumentParser


def add_running(command: ArgumentParser) -> None:
    """Which pattern, on which device."""
    command.add_argument("--pattern", type=str, help="expensive:cheap clips, such as 1:3, instead of the bundle's own")
    command.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
