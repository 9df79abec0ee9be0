"""The process that decodes what users send: it has limits, and no more of the server than a pipe.

What goes through the pipe is bytes: of a JSON header, then of pixels. Nothing that comes from here is unpickled.

Shapes: T frames of a clip, S side of the crop.
"""

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from faster_video.config import ClipConfig, TransformConfig
from faster_video.inference.decoding import read_clips
from faster_video.serving.child_stream import decode_stream
from faster_video.serving.config import MEGABYTE
from faster_video.serving.reasons import failure_of
from faster_video.serving.wire import FILE, STOP, STREAM, Header, send


def main(connection: Connection, clips: ClipConfig, transform: TransformConfig, megabytes: int) -> None:
    """Do what the pipe asks for, one thing after the other, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends this process
    torch.set_num_threads(1)
    limit_memory(megabytes)
    yield_memory()
    refuse_files()
    try:
        while True:
            request = json.loads(connection.recv_bytes())
            if request["do"] == FILE:
                _decode_file(connection, request, clips, transform, megabytes)
            elif request["do"] == STREAM:
                decode_stream(connection, request, transform, megabytes)
    except (EOFError, OSError):  # the server is gone, or wants no more
        return


def limit_memory(megabytes: int) -> None:
    """Let the process have so much more than it has now; on systems that know no such limit nothing happens."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return
    used = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    most = used + megabytes * MEGABYTE
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def yield_memory() -> None:
    """Where the machine has no memory left, have the system end this process, and not the server."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def refuse_files() -> None:
    """Neither write files nor leave a memory image when it crashes."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _decode_file(
    connection: Connection, request: Header, clips: ClipConfig, transform: TransformConfig, megabytes: int
) -> None:
    """Send all clips of a file, uint8 [T, S, S, 3] each, until there are no more or none are wanted."""
    path = Path(str(request["path"]))
    try:
        for clip in read_clips(path, clips, transform, most_seconds=float(str(request["most_seconds"]))):
            pixels = np.stack(clip.pictures)  # [T, S, S, 3]
            header: Header = {
                "number": clip.number,
                "start_seconds": clip.start_seconds,
                "end_seconds": clip.end_seconds,
                "video_seconds": clip.video_seconds,
            }
            send(connection, header, pixels)
            if _is_stopped(connection):
                break
        send(connection, {"end": True})
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:  # whatever a file does to the decoder, the server hears of it
        send(connection, failure_of(error, path, megabytes))


def _is_stopped(connection: Connection) -> bool:
    return connection.poll() and json.loads(connection.recv_bytes()).get("do") == STOP
