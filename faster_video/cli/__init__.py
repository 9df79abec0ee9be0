"""The command `faster-video`: a module per command, each with its options and what it calls.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

from faster_video.cli.main import main, program

__all__ = ["main", "program"]
