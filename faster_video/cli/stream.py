"""`faster-video stream`: a camera, a pipe, an address or a file, with an answer after every clip."""

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.cli.defaults import Defaults
from faster_video.cli.output import BAD_INPUT, PARTLY_FAILED, complain
from faster_video.cli.running import BUNDLE_HELP, add_policy, add_precision, add_running, classifier_of
from faster_video.errors import ConfigError, StreamError
from faster_video.files import printable

if TYPE_CHECKING:
    from faster_video.inference import Classifier
    from faster_video.streaming import SegmentFile, Source, Stream, StreamAnswer, StreamConfig

DESCRIPTION = "Watch a camera, a pipe, an address or a file, with an answer after every clip."
SAVE_SECONDS = 1.0
"""Shortest time between two writings of the state."""


def add_arguments(command: ArgumentParser, _defaults: Defaults) -> None:
    """Declare the options."""
    command.add_argument(
        "source",
        type=str,
        metavar="SOURCE",
        help="video file, camera such as /dev/video0, rtsp:// or http:// address, or - for standard input",
    )
    command.add_argument("--bundle", type=str, help=f"{BUNDLE_HELP}; default: default")
    add_running(command)
    add_policy(command, stops=False)
    add_precision(command)
    command.add_argument(
        "--every_seconds",
        type=float,
        metavar="SECONDS",
        help="between the starts of two clips; default: one after the other",
    )
    command.add_argument("--reset_seconds", type=float, metavar="SECONDS", help="forget the past after so long")
    command.add_argument(
        "--window_seconds",
        type=float,
        metavar="SECONDS",
        help="answer about the last half to whole of this: two states take turns",
    )
    command.add_argument(
        "--cut_threshold",
        type=float,
        metavar="SHARE",
        help="forget the past where two frames differ by more than this share of brightness; begin with 0.25",
    )
    command.add_argument(
        "--smoothing", type=float, default=0.5, help="share of the past in the smoothed probabilities, clip by clip"
    )
    command.add_argument(
        "--live",
        action="store_true",
        help="drop clips instead of falling behind; cameras and addresses are always live",
    )
    command.add_argument(
        "--timeout_seconds", type=float, default=10.0, metavar="SECONDS", help="longest silence of the source"
    )
    command.add_argument(
        "--segments", type=str, metavar="FILE", help="write stretches of one label to a new file (.vtt, .jsonl)"
    )
    command.add_argument(
        "--state",
        type=str,
        metavar="FILE",
        help="go on with the stream that is saved there, if one is, and save it there",
    )
    command.add_argument("--jsonl", action="store_true", help="print one JSON object per clip")


def run(options: Namespace) -> int:
    """Do it; returns the exit code."""
    from faster_video.streaming import SegmentFile, Source, is_live
    from faster_video.streaming.segments import require_segment_path

    config = _config(options)
    if options.segments is not None:
        require_segment_path(options.segments)
    live = options.live or is_live(options.source)
    classifier = classifier_of(options)
    with ExitStack() as opened:
        source = opened.enter_context(Source(options.source, live=live, timeout_seconds=options.timeout_seconds))
        stream = _stream(options, config, classifier, source)
        segments = None if options.segments is None else opened.enter_context(SegmentFile(options.segments))
        opened.callback(_tell_losses, stream, source)
        return _watch(options, stream, source, segments)


def _watch(options: Namespace, stream: "Stream", source: "Source", segments: "SegmentFile | None") -> int:
    """All answers until the source ends; the exit code."""
    from faster_video.streaming import stream_answers

    before, saved_at = stream.answers, 0.0
    try:
        for answer in stream_answers(stream, source):
            _print(answer, as_json=options.jsonl)
            if segments is not None:
                segments.add(answer)
            if time.monotonic() - saved_at > SAVE_SECONDS:  # here, and never in the middle of a clip's work
                _save(stream, options.state)
                saved_at = time.monotonic()
    except StreamError as error:
        complain(error)
        _save(stream, options.state)
        return PARTLY_FAILED if stream.answers > before else BAD_INPUT
    _save(stream, options.state)
    if stream.answers == before and before:
        print("nothing is new since the state was saved", file=sys.stderr)
        return 0
    if not stream.answers:
        complain(f"{printable(options.source)}: ended before a clip was whole")
        return BAD_INPUT
    return 0


def _config(options: Namespace) -> "StreamConfig":
    from faster_video.streaming import StreamConfig

    return StreamConfig(
        every_seconds=options.every_seconds,
        reset_seconds=options.reset_seconds,
        window_seconds=options.window_seconds,
        cut_threshold=options.cut_threshold,
        smoothing=options.smoothing,
    )


def _stream(options: Namespace, config: "StreamConfig", classifier: "Classifier", source: "Source") -> "Stream":
    """The one that was saved, or a new one."""
    from faster_video.streaming import Stream, restore_stream

    if options.state is None or not Path(options.state).exists():
        return Stream(classifier, config, fps=source.fps)
    stream = restore_stream(classifier, options.state)
    if stream.config != config:
        raise ConfigError(
            f"{printable(options.state)}: was saved with other settings ({stream.config}); give the same, or name "
            "another file to begin anew"
        )
    return stream


def _save(stream: "Stream", path: str | None) -> None:
    """Write the state, if it is wanted."""
    from safetensors import SafetensorError

    from faster_video.streaming import save_stream

    if path is None:
        return
    try:
        save_stream(stream, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{printable(path)}: cannot be written ({reason})") from error


def _print(answer: "StreamAnswer", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer.as_dict()), flush=True)
        return
    network = "expensive" if answer.expensive else "cheap"
    print(
        f"{answer.end_seconds:9.2f} s  {network:9} {answer.probability:6.1%}  {printable(answer.label):24} "
        f"smoothed {answer.smoothed_probability:6.1%} {printable(answer.smoothed_label):24} "
        f"{answer.gmacs:8.1f} GMACs  {answer.latency_seconds * 1000:6.0f} ms",
        flush=True,
    )


def _tell_losses(stream: "Stream", source: "Source") -> None:
    if stream.clips_dropped or source.frames_dropped:
        told = f"{stream.clips_dropped} clips and {source.frames_dropped} frames were passed over"
        print(f"{told}: the networks were slower than the source", file=sys.stderr)
