"""Processes that decode and break off in the midst of what they say: whoever waits for them is not kept."""

import json
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from inference_samples import small_bundle
from serving_samples import wait_for

from faster_video.errors import DecodeError
from faster_video.serving import child, decoders
from faster_video.serving.config import ServeConfig
from faster_video.serving.decoders import DecodePool, DecodeProcess
from faster_video.serving.wire import Header, send

SECONDS = 2.0
"""That a process gets for a file."""
TOO_LONG = "decoding it took longer than the 2 seconds that it may take"


def half(ready: Path, connection: Connection, *_: object) -> None:
    """Half a message, whatever is asked."""
    ready.touch()
    connection.recv_bytes()
    break_off(connection)


def one_and_a_half(ready: Path, connection: Connection, *_: object) -> None:
    """A whole clip and, when told to stop, half a message."""
    clips, transform = small_bundle().config.clips, small_bundle().config.transform
    ready.touch()
    connection.recv_bytes()
    header: Header = {"number": 0, "start_seconds": 0.0, "end_seconds": 1.0, "video_seconds": 1.0}
    side = transform.crop_size
    send(connection, header, np.zeros((clips.frames_per_clip, side, side, 3), np.uint8))
    connection.recv_bytes()
    break_off(connection)


def endless(ready: Path, connection: Connection, *_: object) -> None:
    """Clips, whatever is asked."""
    clips, transform = small_bundle().config.clips, small_bundle().config.transform
    side = transform.crop_size
    pixels = np.zeros((clips.frames_per_clip, side, side, 3), np.uint8)
    ready.touch()
    connection.recv_bytes()
    with suppress(OSError):
        for number in count():
            header: Header = {"number": number, "start_seconds": 0.0, "end_seconds": 1.0, "video_seconds": 1.0}
            send(connection, header, pixels)


def break_off(connection: Connection) -> None:
    text = json.dumps({"number": 0}).encode()
    os.write(connection.fileno(), struct.pack("!i", len(text)) + text[:-5])
    time.sleep(600)


Started = Callable[[Callable[..., None]], AbstractContextManager[DecodeProcess]]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """A process that runs this instead of our decoder; it must have been ended in the block."""

    @contextmanager
    def process(main: Callable[..., None]) -> Iterator[DecodeProcess]:
        ready = tmp_path / "ready"
        stub = SimpleNamespace(main=partial(main, ready), __name__=child.__name__)
        monkeypatch.setattr(decoders, "child", stub)
        config = small_bundle().config
        limits = ServeConfig(decode_seconds=SECONDS)
        with closing(DecodePool(config.clips, config.transform, limits)) as pool, pool.process() as found:
            wait_for(ready.exists)
            yield found
            assert not found.is_usable
            wait_for(lambda: not found._process.is_alive())

    return process


def test_half_a_clip_ends_the_process(started: Started) -> None:
    with started(half) as found, pytest.raises(DecodeError, match=TOO_LONG):
        next(found.clips_of(Path("a.mp4"), lambda: True))


def test_half_a_word_after_a_stop_ends_it(started: Started) -> None:
    with started(one_and_a_half) as found, closing(found.clips_of(Path("a.mp4"), lambda: True)) as clips:  # type: ignore[type-var]
        assert next(clips).number == 0


def test_half_a_picture_of_a_stream_ends_it(started: Started) -> None:
    with started(half) as found:
        found.begin_stream({})
        with pytest.raises(DecodeError, match=TOO_LONG):
            while found.picture(SECONDS) is None:
                pass


def test_one_that_goes_on_after_a_stop_is_not_listened_to_for_ever(started: Started) -> None:
    with started(endless) as found:
        clips = found.clips_of(Path("a.mp4"), lambda: True)
        assert next(clips).number == 0
        clips.close()  # type: ignore[attr-defined]
