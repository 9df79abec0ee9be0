"""`faster-video stream`: a camera, a pipe, an address or a file, with an answer after every clip."""

import json
import os
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
from faster_video.files import printable, remove_unfinished

if TYPE_CHECKING:
    from faster_video.inference import Classifier
    from faster_video.streaming import SegmentFile, SegmentMark, Source, Stream, StreamAnswer, StreamConfig

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
        "--late_seconds",
        type=float,
        metavar="SECONDS",
        help="of a live source, drop a clip whose first frame waited longer; default: twice as long as a clip lasts",
    )
    command.add_argument(
        "--timeout_seconds", type=float, default=10.0, metavar="SECONDS", help="longest silence of the source"
    )
    _add_output(command)


def _add_output(command: ArgumentParser) -> None:
    """Declare where answers go."""
    command.add_argument(
        "--segments",
        type=str,
        metavar="FILE",
        help="write stretches of one label to a new file (.vtt, .jsonl), or with --state go on with it",
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
    mark = _segment_mark(options)
    if options.segments is not None:
        require_segment_path(options.segments, mark)
    classifier = classifier_of(options)
    with ExitStack() as opened:
        live = options.live or is_live(options.source)
        source = opened.enter_context(Source(options.source, live=live, timeout_seconds=options.timeout_seconds))
        stream = _stream(options, config, classifier, source)
        segments = None
        if options.segments is not None:
            mark = _begun(stream, options.state) if mark is None else mark
            segments = opened.enter_context(SegmentFile(options.segments, mark))
        opened.callback(_tell_losses, stream)
        return _watch(options, stream, source, segments)


def _watch(options: Namespace, stream: "Stream", source: "Source", segments: "SegmentFile | None") -> int:
    """All answers until the source ends; the exit code."""
    from faster_video.streaming import stream_answers

    before, saved_at = stream.answers, float("-inf")
    if _is_finished(stream, options.source):
        print(f"{printable(options.source)}: was finished when the state was saved; nothing is new", file=sys.stderr)
        return 0
    try:
        for answer in stream_answers(stream, source, late_seconds=options.late_seconds):
            _print(answer, as_json=options.jsonl)
            if segments is not None:
                segments.add(answer)
            if time.monotonic() - saved_at > SAVE_SECONDS:  # here, and never in the middle of a clip's work
                _save(stream, options.state, segments)
                saved_at = time.monotonic()
    except StreamError as error:
        complain(error)
        _save(stream, options.state, segments)
        return PARTLY_FAILED if stream.answers > before else BAD_INPUT
    _save(stream, options.state, segments)
    if stream.answers > before:
        return 0
    if before:
        print("nothing is new since the state was saved", file=sys.stderr)
        return 0
    reason = "all clips were passed over" if stream.clips_dropped else "ended before a clip was whole"
    complain(f"{printable(options.source)}: {reason}")
    return BAD_INPUT


def _is_finished(stream: "Stream", source: str) -> bool:
    """Whether the stream has seen all of a file that is still the same."""
    from faster_video.streaming.identity import SourceMark

    return (
        stream.ended
        and stream.source is not None
        and stream.source.size is not None
        and stream.source == SourceMark.of(source)
    )


def _segment_mark(options: Namespace) -> "SegmentMark | None":
    """How far the segments were when the state was saved."""
    from faster_video.streaming import restore_segments

    if options.segments is None or options.state is None or not Path(options.state).exists():
        return None
    return restore_segments(options.state)


def _begun(stream: "Stream", state: str | None) -> "SegmentMark | None":
    """Save that a file of segments is begun, before it is: a run that is killed then can go on."""
    from faster_video.streaming import SegmentMark

    if state is None:
        return None
    mark = SegmentMark()
    _write_state(stream, state, mark)
    return mark


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
    from faster_video.streaming.identity import require_source

    if options.state is not None:
        _clear_unfinished(options.state)
    if options.state is None or not Path(options.state).exists():
        return Stream(classifier, config, fps=source.fps)
    stream = restore_stream(classifier, options.state)
    require_source(stream.source, options.source)
    if stream.config != config:
        raise ConfigError(
            f"{printable(options.state)}: was saved with other settings ({stream.config}); give the same, or name "
            "another file to begin anew"
        )
    return stream


def _clear_unfinished(state: str) -> None:
    """Delete what a killed run was writing in the place of the state."""
    try:
        remove_unfinished(Path(state))
    except OSError as error:
        raise ConfigError(f"{printable(state)}: cannot be written ({error.strerror or error})") from error


def _save(stream: "Stream", path: str | None, segments: "SegmentFile | None") -> None:
    """Write the state, if it is wanted."""
    if path is not None:
        _write_state(stream, path, None if segments is None else segments.mark())


def _write_state(stream: "Stream", path: str, mark: "SegmentMark | None") -> None:
    from faster_video.streaming import save_stream

    try:
        save_stream(stream, path, mark)
    except OSError as error:
        raise ConfigError(f"{printable(path)}: cannot be written ({error.strerror or error})") from error


def _print(answer: "StreamAnswer", *, as_json: bool) -> None:
    network = "expensive" if answer.expensive else "cheap"
    line = (
        f"{answer.end_seconds:9.2f} s  {network:9} {answer.probability:6.1%}  {printable(answer.label):24} "
        f"smoothed {answer.smoothed_probability:6.1%} {printable(answer.smoothed_label):24} "
        f"{answer.gmacs:8.1f} GMACs  {answer.latency_seconds * 1000:6.0f} ms"
    )
    try:
        print(json.dumps(answer.as_dict()) if as_json else line, flush=True)
    except BrokenPipeError:
        raise  # whoever read has seen enough
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python writes the rest when it ends
        raise ConfigError(f"standard output cannot be written ({error.strerror})") from error


def _tell_losses(stream: "Stream") -> None:
    if stream.clips_dropped:
        print(
            f"{stream.clips_dropped} clips were passed over: the networks were slower than the source", file=sys.stderr
        )
