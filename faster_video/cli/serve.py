"""`faster-video serve`: classify for others over HTTP, with a page to try it."""

import os
from dataclasses import fields
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.running import BUNDLE_HELP, add_policy, add_precision, add_running, classifier_of
from faster_video.errors import ConfigError
from faster_video.files import printable
from faster_video.packaged import DEFAULT

DESCRIPTION = "Classify videos and streams for others over HTTP, with a page to try it in a browser."
TOKEN_VARIABLE = "FASTER_VIDEO_TOKEN"
MISSING = "serve needs packages that are not installed ({}); install them with: pip install 'faster-video[serve]'"
_INT = {
    "upload_megabytes": "largest file that is taken",
    "spool_megabytes": "of all uploads that are on disk at once",
    "decode_megabytes": "memory that decoding one file may take",
    "stream_megabytes": "memory that decoding one stream may take",
    "at_once": "files that are decoded and classified at once; default: two for each core",
    "queue": "files that may wait; requests beyond are refused with 503",
    "streams": "WebSocket streams that may be open at once",
    "connections": "connections that may be open at once",
}
_SECONDS = {
    "video_seconds": "longest video that is taken",
    "upload_seconds": "longest time that an upload may take",
    "silence_seconds": "longest time in which nothing comes of a request's head or of an upload",
    "decode_seconds": "longest time that is waited for the decoding of a file",
    "stream_silence_seconds": "longest time in which nothing comes on a stream",
}


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    from faster_video.serving.config import ServeConfig

    usual = {field.name: field.default for field in fields(ServeConfig)}
    command.add_argument("bundle", nargs="?", type=str, metavar="BUNDLE", help=f"{BUNDLE_HELP}; default: default")
    command.add_argument("--host", type=str, default=usual["host"], help="address to listen on")
    command.add_argument("--port", type=int, default=usual["port"], help="to listen on; 0 takes a free one")
    command.add_argument(
        "--names", type=str, default="", metavar="NAME,…", help="host names that clients may use for the server; * any"
    )
    command.add_argument(
        "--token_file",
        type=str,
        metavar="FILE",
        help=f"holds the token that requests must have; so may the environment's {TOKEN_VARIABLE}",
    )
    command.add_argument("--open_to_all", action="store_true", help="serve other machines without a token")
    command.add_argument(
        "--root", type=str, metavar="DIR", help="let requests name videos below this folder by their paths"
    )
    for name, text in _INT.items():
        command.add_argument(f"--{name}", type=int, default=usual[name], metavar="NUMBER", help=text)
    for name, text in _SECONDS.items():
        command.add_argument(f"--{name}", type=float, default=usual[name], metavar="SECONDS", help=text)
    add_running(command)
    add_policy(command)
    add_precision(command)


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.serving.config import ServeConfig

    config = ServeConfig(
        host=options.host,
        port=options.port,
        names=tuple(name.strip() for name in options.names.split(",") if name.strip()),
        token=_token(options.token_file),
        open_to_all=options.open_to_all,
        root=None if options.root is None else Path(options.root),
        **{name: options[name] for name in (*_INT, *_SECONDS)},
    )
    try:
        from faster_video.serving.app import make_app
        from faster_video.serving.server import listening_socket, run_server
    except ModuleNotFoundError as error:
        raise ConfigError(MISSING.format(error.name)) from error
    name = options.bundle or DEFAULT
    with listening_socket(config) as listening:  # before the bundle is loaded, in case it cannot be
        app = make_app(classifier_of(options), config, Path(name).name if Path(name).exists() else name)
        run_server(app, config, listening)
    return 0


def _token(file: str | None) -> str | None:
    """The token in a file, or in the environment; None without one."""
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text"
        raise ConfigError(f"{printable(file)}: the token cannot be read from there ({reason})") from error
