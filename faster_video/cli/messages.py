"""What argparse and jsonargparse say about a wrong command line, put plainly."""

import re
from argparse import ArgumentError
from collections.abc import Callable, Collection, Sequence


def plain_message(error: ArgumentError, commands: Collection[str], words: Sequence[str]) -> str:
    """What the parser says of these words, as one sentence: which option, its value, what is allowed."""
    message = " ".join(str(error).split())
    for clumsy, plain in _PLAIN:
        found = re.fullmatch(clumsy, message)
        if found:
            said = plain(*found.groups()).replace(_COMMANDS, ", ".join(commands))
            return said.replace(_COMMAND, _help_of(words, commands))
    return message


def _help_of(words: Sequence[str], commands: Collection[str]) -> str:
    """Whose --help has the options that the words could have."""
    if not words or words[0] not in commands:
        return "COMMAND"
    return "data check" if words[0] == "data" else words[0]


def _unknown(words: str) -> str:
    """The options among them, without what was meant to be their values; where there is none, all."""
    options = [word.partition("=")[0] for word in words.split() if word.startswith("--")]
    return f"unknown argument {', '.join(options) or words}; see faster-video {_COMMAND} --help"


_COMMANDS, _COMMAND = "{commands}", "{command}"
"""Stand for all commands, and for the one that was given."""
_KINDS = {
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "str": "text; YAML takes 1:7 for a number of minutes unless it is written '1:7'",
    "tuple": "a list such as [1, 2]",
}
_REQUIRED = {
    "calibrate.bundle": "BUNDLE",
    "calibrate.list": "LIST",
    "distill.cheap": "--cheap NETWORK",
    "distill.data": "--data PATH",
    "distill.expensive": "--expensive NETWORK",
    "distill.out": "--out DIR",
    "distill.validation": "--validation PATH",
    "evaluate.bundle": "BUNDLE",
    "evaluate.list": "LIST",
    "export.bundle": "BUNDLE",
    "extract.bundle": "BUNDLE",
    "extract.list": "LIST",
    "extract.out": "--out STORE",
    "fetch.names": "NETWORK",
    "gate.bundle": "BUNDLE",
    "gate.store": "STORE",
    "plan.budget": "--budget AMOUNT",
    "plan.bundle": "BUNDLE",
    "plan.list": "LIST",
    "reproduce.data": "--data LIST",
    "reproduce.experiment": "EXPERIMENT",
    "reproduce.out": "--out DIR",
    "stream.source": "SOURCE",
    "make-motion.out": "OUT",
    "push.bundle": "BUNDLE",
    "push.repository": "USER/NAME",
    "data.check.list": "LIST",
}
_PLAIN: tuple[tuple[str, Callable[..., str]], ...] = (
    (
        r"the following arguments are required: (.*)",
        lambda names: (
            f"not given: {', '.join(_REQUIRED.get(name, name) for name in names.split(', '))}; see "
            f"faster-video {' '.join(names.split(', ')[0].split('.')[:-1])} --help"
        ),
    ),
    (
        r'expected "command" to be one of .*',
        lambda: f"no command is given; choose one of {_COMMANDS}",
    ),
    (
        r'expected "data.action" to be one of .*',
        lambda: "no action is given; write faster-video data check LIST",
    ),
    (
        r"argument ACTION: invalid choice: '(.*)' \(.*",
        lambda name: f"unknown action {name!r}; write faster-video data check LIST",
    ),
    (
        r"argument COMMAND: invalid choice: '(.*)' \(.*",
        lambda name: f"unknown command {name!r}; choose one of {_COMMANDS}",
    ),
    (
        r'Parser key "config": .*: \'(.*)\'',
        lambda path: f"--config is {path!r}, where there is no file; give a YAML file of options",
    ),
    (
        r'Parser key "([^"]*)"(?: element \d+)?: Expected a <class \'(\w+)\'>\. Got value: (.*)',
        lambda name, kind, value: f"--{name} is {value!r}; it must be {_KINDS.get(kind, kind)}",
    ),
    (
        r'Parser key "(.*)": Expected a tuple with (\d+) elements\. Got value: (.*)',
        lambda name, count, value: f"--{name} is {value}; it must be a list of {count} numbers",
    ),
    (
        r'Parser key "(.*)": Unable to load config \'(.*)\' - .*',
        lambda name, value: f"--{name} is {value!r}; set what is in it one by one, as --{name}.… with a value",
    ),
    (r"argument (\S+): expected (?:one|at least one) argument", lambda name: f"{name} is given without a value"),
    (
        r"argument (\S+): ignored explicit argument '(.*)'",
        lambda name, value: f"{name} is given the value {value!r}, but takes none",
    ),
    (r"unrecognized arguments: (.*)", _unknown),
    (
        r"Subcommand '(.*)' does not accept option '(.*)'",
        lambda command, name: f"unknown option {name}; see faster-video {command} --help",
    ),
    (r"Problems parsing config: (.*)", lambda reason: f"the --config file is not YAML: {reason}"),
    (r"Unexpected config: (.*)", lambda text: f"the --config file holds {text!r}; it must be lines of NAME: VALUE"),
)
"""Messages of argparse and jsonargparse, and how we put them."""
