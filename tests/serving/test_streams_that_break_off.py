"""Streams whose decoder hangs or whose client goes: they end, and nothing is left of them."""

import json
import struct
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from ended import has_ended
from inference_samples import small_bundle, write_sample
from serving_samples import (
    Served,
    coded_picture,
    decoding_processes,
    messages,
    noise,
    opened,
    serving,
    wait_for,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from faster_video.inference import Classifier
from faster_video.serving.config import ServeConfig
from faster_video.serving.decoders import DecodePool
from faster_video.serving.sockets import MOST_THREADS
from faster_video.serving.watching import Watching

SPAN = 15


@pytest.mark.parametrize("ends", [False, True])
def test_a_decoder_that_hangs_ends_its_stream(ends: bool) -> None:
    others = set(decoding_processes())
    with serving(ServeConfig(port=0, decode_seconds=1)) as server:
        resting = set(decoding_processes()) - others
        with opened(server, {"format": "chunks"}) as socket:
            assert json.loads(socket.recv(timeout=120))["type"] == "ready"
            wait_for(lambda: len(set(decoding_processes()) - others - resting) == 1)
            (process,) = set(decoding_processes()) - others - resting
            process.suspend()
            socket.send(b"x" * 20_000)
            if ends:
                socket.send('{"end": true}')
            told, code = messages(socket)
        assert code == 1003 and "took longer than the 1 seconds" in str(told[-1]["detail"])
        wait_for(lambda: has_ended(process))


def test_a_client_that_goes_after_the_end_of_its_stream_is_noticed() -> None:
    with serving() as server:
        socket = opened(server, {"format": "jpeg"})
        assert json.loads(socket.recv(timeout=120))["type"] == "ready"
        for picture in noise(40 * SPAN):
            socket.send(coded_picture(picture))
        socket.send('{"end": true}')
        socket.socket.close()
        wait_for(lambda: server.counted("faster_video_streams") == 0)


@pytest.mark.slow
def test_answers_that_nobody_reads_end_the_stream() -> None:
    bundle = small_bundle()
    wordy = replace(bundle, config=replace(bundle.config, labels=[label * 2000 for label in bundle.labels]))
    classifier = Classifier(wordy, "cpu", "eager")  # whose answers soon fill what the system keeps for a reader
    with serving(ServeConfig(port=0, silence_seconds=1, stream_silence_seconds=3600), classifier) as server:
        bare = server.socket()
        bare.setsockopt(1, 8, 4096)  # SO_RCVBUF
        with connect(f"ws://{server.address}/v1/stream", sock=bare, max_queue=1, legacy=True) as socket:
            first = {"format": "rgb", "width": 8, "height": 8, "top": 7, "every_seconds": 0.04}
            socket.send(json.dumps(first))
            with suppress(ConnectionClosed, TimeoutError):
                for _ in range(20_000):
                    socket.send(bytes(8 * 8 * 3))
            wait_for(lambda: server.counted("faster_video_streams") == 0)


@pytest.mark.parametrize("way", ["close", "abort", "in the middle"])
def test_nothing_is_left_of_streams_that_are_dropped(served: Served, way: str) -> None:
    socket = opened(served, {"format": "jpeg"})
    assert json.loads(socket.recv(timeout=120))["type"] == "ready"
    for picture in noise(2 * SPAN):
        socket.send(coded_picture(picture))
    if way == "close":
        socket.close()
    elif way == "abort":
        socket.socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: reset instead of a farewell
        socket.socket.close()
    else:
        socket.socket.sendall(b"\x82\xfe\xff\xff")  # the beginning of a frame
        socket.socket.close()
    wait_for(lambda: served.counted("faster_video_streams") == 0)


def test_streams_that_do_not_get_to_begin_keep_no_file_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write_sample(tmp_path / "a.mp4")
    go, usual = Event(), Watching.begin
    begun: list[Watching] = []

    def slow(watching: Watching, pool: DecodePool) -> None:
        begun.append(watching)
        assert go.wait(300)
        usual(watching, pool)

    monkeypatch.setattr(Watching, "begin", slow)
    with serving(ServeConfig(port=0, streams=40)) as server, ExitStack() as sockets:
        sockets.callback(go.set)
        for _ in range(40):  # more than asyncio has threads of its own
            sockets.enter_context(closing(opened(server, {"format": "jpeg"})))
        wait_for(lambda: len(begun) == MOST_THREADS)
        assert server.classify(video.read_bytes())[0] == 200
        go.set()  # before they are closed
