"""What every command says and how: errors on stderr, tables on stdout, exit codes."""

import re
import sys
from typing import TYPE_CHECKING

from faster_video.files import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

PARTLY_FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def complain(error: Exception | str) -> None:
    """One line on stderr, whatever the message holds."""
    print("faster-video: error:", printable(" ".join(re.split(r"[ \t\r\n]+", str(error)))), file=sys.stderr)


def exit_code(done: int, failed: int) -> int:
    """Of a command that goes on where a file is bad."""
    if not failed:
        return 0
    return PARTLY_FAILED if done else BAD_INPUT


def print_table(table: "RenderableType") -> None:
    """Draw a table for the terminal's width."""
    from rich.console import Console

    Console().print(table)


def terminal_width() -> int:
    """Columns that `print_table` has; 80 where there is no terminal."""
    from rich.console import Console

    return Console().width
