"""Streams over WebSockets: the answers of `Stream`, one state per connection, and nothing left when they end."""

import json
import struct
import time
from pathlib import Path
from threading import Thread
from typing import cast

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from inference_samples import small_bundle, write_sample
from serving_samples import Message, Served, coded_picture, messages, noise, opened, serving, wait_for
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from faster_video.inference import Classifier
from faster_video.serving.config import ServeConfig
from faster_video.streaming import Source, Stream, StreamAnswer, StreamConfig, stream_answers
from faster_video.video.view import Pixels

SPAN = 15


def sent(served: Served, first: Message, pieces: list[bytes]) -> tuple[list[Message], int]:
    with opened(served, first) as socket:
        for piece in pieces:
            socket.send(piece)
        socket.send('{"end": true}')
        return messages(socket)


def same(told: list[Message], expected: list[StreamAnswer]) -> None:
    assert len(told) == len(expected) > 0
    for message, answer in zip(told, expected, strict=True):
        values = answer.as_dict()
        for name in ("number", "expensive", "label", "smoothed_label", "clips_dropped", "resets"):
            assert message[name] == values[name], name
        for name in ("start_seconds", "end_seconds", "covered_seconds", "probability", "smoothed_probability", "gmacs"):
            assert message[name] == pytest.approx(values[name], abs=1e-5), name


def test_pictures_are_answered_as_by_a_stream_in_python(served: Served) -> None:
    pictures = noise(4 * SPAN)
    stream = Stream(served.classifier, fps=10)
    expected = [answer for picture in pictures if (answer := stream.push(picture)) is not None]
    first = {"format": "rgb", "width": 64, "height": 48, "fps": 10, "top": 2}
    (ready, *told, end), code = sent(served, first, [picture.tobytes() for picture in pictures])
    assert ready["type"] == "ready" and ready["fps"] == 10 and ready["pictures_per_clip"] == SPAN
    assert end == {"type": "end", "answers": 4, "clips_dropped": 0} and code == 1000
    same(told, expected)
    assert all(len(message["labels"]) == 2 for message in told)  # type: ignore[arg-type]


def test_times_and_settings_are_kept(served: Served) -> None:
    pictures = noise(6 * SPAN)
    seconds = [0.1 * number + 0.01 * (number % 3) for number in range(len(pictures))]
    stream = Stream(served.classifier, StreamConfig(reset_seconds=3.0, smoothing=0.2), fps=10)
    pairs = zip(pictures, seconds, strict=True)
    expected = [answer for picture, when in pairs if (answer := stream.push(picture, when)) is not None]
    first = {
        "format": "rgb",
        "width": 64,
        "height": 48,
        "fps": 10,
        "timed": True,
        "reset_seconds": 3.0,
        "smoothing": 0.2,
    }
    pieces = [struct.pack("<d", when) + picture.tobytes() for picture, when in zip(pictures, seconds, strict=True)]
    told = sent(served, first, pieces)[0][1:-1]
    same(told, expected)
    assert told[-1]["resets"] == 2


@pytest.mark.parametrize(("kind", "codec"), [("jpeg", "mjpeg"), ("png", "png")])
def test_coded_pictures_are_decoded(served: Served, kind: str, codec: str) -> None:
    coded = [coded_picture(picture, codec) for picture in noise(2 * SPAN)]
    stream = Stream(served.classifier)
    decoded = []
    for picture in coded:
        context = cast(VideoCodecContext, av.CodecContext.create(codec, "r"))
        (frame,) = [*context.decode(av.Packet(picture)), *context.decode(None)]
        decoded.append(cast(Pixels, frame.to_ndarray(format="rgb24")))
    expected = [answer for picture in decoded if (answer := stream.push(picture)) is not None]
    same(sent(served, {"format": kind}, coded)[0][1:-1], expected)


@pytest.mark.parametrize(("container", "codec"), [("mpegts", "mpeg4"), ("webm", "libvpx"), ("matroska", "mjpeg")])
def test_pieces_of_a_stream_are_answered_as_the_whole(
    served: Served, tmp_path: Path, container: str, codec: str
) -> None:
    path = tmp_path / f"a.{container}"
    with av.open(str(path), "w", format=container) as file:
        track = cast(VideoStream, file.add_stream(codec, rate=25))
        track.width, track.height = 64, 48
        track.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for picture in noise(3 * SPAN):
            file.mux(track.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(track.encode())
    with Source(str(path)) as source:
        expected = list(stream_answers(Stream(served.classifier, fps=source.fps), source))
    whole = path.read_bytes()
    pieces = [whole[start : start + 777] for start in range(0, len(whole), 777)]
    (ready, *told, end), code = sent(served, {"format": "chunks"}, pieces)
    assert ready["fps"] is None and end["type"] == "end" and code == 1000
    same(told, expected)


def test_each_connection_has_a_state_of_its_own_and_they_share_batches(served: Served) -> None:
    of_users = [noise(4 * SPAN, seed=seed) for seed in range(4)]
    first = {"format": "rgb", "width": 64, "height": 48}
    alone = [sent(served, first, [picture.tobytes() for picture in pictures])[0] for pictures in of_users]
    together: dict[int, list[Message]] = {}

    def one(number: int) -> None:
        together[number] = sent(served, first, [picture.tobytes() for picture in of_users[number]])[0]

    served.wait_for_no_streams()
    threads = [Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        for message, other in zip(together[number], expected, strict=True):
            assert message.get("label") == other.get("label")
            assert message.get("probability") == pytest.approx(other.get("probability"), abs=1e-5)


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        ("hello", "the first message: Invalid JSON"),
        ("{}", "format: Field required"),
        ('{"format": "gif"}', "format: Input should be 'jpeg'"),
        ('{"format": "rgb"}', "format is rgb, which needs width and height, in pixels"),
        ('{"format": "rgb", "width": 0, "height": 3}', "width: Input should be greater than or equal to 1"),
        ('{"format": "rgb", "width": 1e9, "height": 3}', "width: Input should be less than or equal to 16384"),
        ('{"format": "jpeg", "fps": 0}', "fps: Input should be greater than 0"),
        ('{"format": "jpeg", "fps": NaN}', "fps: Input should be a finite number"),
        ('{"format": "jpeg", "smoothing": 2}', "smoothing is 2.0; it must be at most 0.99"),
        ('{"format": "jpeg", "window_seconds": 1, "reset_seconds": 1}', "window_seconds is 1.0 and reset_seconds"),
        ('{"format": "jpeg", "path": "/etc/passwd"}', "path: Extra inputs are not permitted"),
        ("[" * 100_000, "the first message has 100000 characters"),
    ],
)
def test_a_wrong_beginning_gets_a_sentence(served: Served, first: str, sentence: str) -> None:
    with opened(served, first) as socket:
        ((message,), code) = messages(socket)
    assert code == 1003 and message["type"] == "error" and str(message["detail"]).startswith(sentence)


@pytest.mark.parametrize(
    ("first", "piece", "sentence"),
    [
        ({"format": "jpeg"}, b"hello", "picture 0"),
        ({"format": "jpeg"}, b"", "picture 0 is no jpeg that can be read"),
        ({"format": "png"}, coded_picture(noise(1)[0]), "picture 0"),
        (
            {"format": "rgb", "width": 4, "height": 2},
            b"123",
            "picture 0 has 3 bytes; 4 by 2 pixels of 3 colours are 24",
        ),
        ({"format": "chunks"}, b"hello" * 100, "cannot be read to its end: damaged, or not as its format asks"),
        ({"format": "rgb", "width": 4, "height": 2, "timed": True}, b"1234567", "a timed picture begins with 8 bytes"),
        (
            {"format": "rgb", "width": 4, "height": 2, "timed": True},
            struct.pack("<d", float("nan")) + bytes(24),
            "seconds is nan; a frame must be shown later",
        ),
        ({"format": "jpeg"}, '{"seconds": 3}', 'a text message after the first must be {"end": true}'),
    ],
)
def test_what_cannot_be_decoded_ends_the_stream_with_a_sentence(
    served: Served, first: Message, piece: bytes | str, sentence: str
) -> None:
    with opened(served, first) as socket:
        socket.send(piece)
        if isinstance(piece, bytes):
            socket.send('{"end": true}')
        told, code = messages(socket)
    assert code == 1003 and str(told[-1]["detail"]).startswith(sentence)
    assert sent(served, {"format": "jpeg"}, [coded_picture(picture) for picture in noise(SPAN)])[1] == 1000


def test_no_more_streams_than_allowed(served: Served) -> None:
    open_ones = [opened(served, {"format": "jpeg"}) for _ in range(4)]
    assert all(json.loads(socket.recv(timeout=120))["type"] == "ready" for socket in open_ones)
    with opened(served, {"format": "jpeg"}) as socket:
        ((message,), code) = messages(socket)
    assert code == 1013 and "as many streams are open as may (4)" in str(message["detail"])
    for socket in open_ones:
        socket.close()
    wait_for(lambda: served.counted("faster_video_streams") == 0)
    assert sent(served, {"format": "jpeg"}, [coded_picture(noise(1)[0])])[1] == 1000


def test_a_stream_that_says_nothing_is_ended() -> None:
    with serving(ServeConfig(port=0, silence_seconds=2, stream_silence_seconds=1)) as server:
        with connect(f"ws://{server.address}/v1/stream") as socket:
            told, code = messages(socket)
            assert code == 1003 and str(told[0]["detail"]).startswith("nothing came; the first message")
        with opened(server, {"format": "jpeg"}) as socket:
            told, code = messages(socket)
            assert code == 1008 and told[-1]["detail"] == "nothing came for 1 seconds"


def slow_down(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have every answer of a stream take so much longer."""
    usual = Stream._answer

    def slow(stream: Stream, *others: object) -> StreamAnswer:
        time.sleep(seconds)
        return usual(stream, *others)  # type: ignore[arg-type]

    patch.setattr(Stream, "_answer", slow)


def test_a_live_stream_that_is_too_fast_loses_its_oldest_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_down(monkeypatch, 0.3)
    pictures = [picture.tobytes() for picture in noise(30 * SPAN)]
    first = {"format": "rgb", "width": 64, "height": 48, "fps": 1000, "live": True}
    with serving(classifier=Classifier(small_bundle(), "cpu", "eager")) as server:
        live, whole = (sent(server, first | {"live": flag}, pictures)[0][-1] for flag in (True, False))
    assert int(str(live["clips_dropped"])) + int(str(live["answers"])) == 30 and int(str(live["answers"])) < 15
    assert whole == {"type": "end", "answers": 30, "clips_dropped": 0}


def test_a_stream_is_made_to_wait_for_as_long_as_its_networks_need(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_down(monkeypatch, 0.5)
    large = noise(1, 480, 640)[0].tobytes()  # a megabyte, so that the way to the server fills
    with serving(ServeConfig(port=0, silence_seconds=1, stream_silence_seconds=2)) as server:
        first = {"format": "rgb", "width": 640, "height": 480}
        (_, *told, end), code = sent(server, first, [large] * (6 * SPAN))
        assert len(told) == end["answers"] == 6 and code == 1000


def test_the_token_comes_in_the_first_message_or_in_the_header() -> None:
    with serving(ServeConfig(port=0, token="secret")) as server:
        for more in ({}, {"token": "wrong"}):
            with opened(server, {"format": "jpeg", **more}) as socket:
                told, code = messages(socket)
            assert code == 1008 and "needs the server's token" in str(told[0]["detail"])
        with opened(server, {"format": "jpeg", "token": "secret"}) as socket:
            assert json.loads(socket.recv(timeout=120))["type"] == "ready"
        headers = {"Authorization": "Bearer secret"}
        with connect(f"ws://{server.address}/v1/stream", additional_headers=headers) as socket:
            socket.send('{"format": "jpeg"}')
            assert json.loads(socket.recv(timeout=120))["type"] == "ready"


def test_pages_of_other_sites_open_no_stream(served: Served) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://{served.address}/v1/stream", origin=Origin("http://evil.example"))
    with connect(f"ws://{served.address}/v1/stream", origin=Origin(f"http://{served.address}")) as socket:
        socket.send('{"format": "jpeg"}')
        assert json.loads(socket.recv(timeout=120))["type"] == "ready"


def test_a_file_sent_as_a_stream_needs_its_index_at_the_beginning(served: Served, tmp_path: Path) -> None:
    whole = write_sample(tmp_path / "a.mp4", 2000).read_bytes()
    told, code = sent(served, {"format": "chunks"}, [whole])
    assert code == 1003 and str(told[-1]["detail"]).endswith("an MP4 whose index comes first")
