"""Parse, call one function, print; whatever goes wrong is one line on stderr."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from faster_video.cli.messages import plain_message
from faster_video.cli.output import BAD_INPUT, INTERRUPTED, complain
from faster_video.cli.parser import COMMANDS, parse_words
from faster_video.errors import FasterVideoError, FasterVideoWarning


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 (some files failed), 2 (bad input), 130 (ctrl-C)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    usual, warnings.formatwarning = warnings.formatwarning, _plain_warning
    try:
        parsed = parse_words(words)
        code = COMMANDS[parsed.command].run(parsed[parsed.command])
        sys.stdout.flush()  # here, where a closed pipe is caught, and not when Python ends
        return code
    except FasterVideoError as error:
        complain(error)
        return BAD_INPUT
    except argparse.ArgumentError as error:
        complain(plain_message(error, COMMANDS, words))
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; nothing must be flushed into the closed pipe on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        warnings.formatwarning = usual


def program() -> NoReturn:
    """What a shell starts: `main`, and the end of the process with its code."""
    code = main()
    if "pyarrow" in sys.modules:
        # When all is done and Python has ended, its threads abort the process now and then (pyarrow 26, Ray 2.60).
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    sys.exit(code)


def _plain_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Ours are sentences for the user; those of others are for whoever looks at their code."""
    if issubclass(category, FasterVideoWarning):
        return f"faster-video: {message}\n"
    return _format_warning(message, category, filename, lineno, line)


_format_warning = warnings.formatwarning
