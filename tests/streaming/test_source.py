"""Sources that are cut off, damaged, stuck or odd end with a sentence or go on, and nothing hangs."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from inference_samples import small_bundle, write_sample

from faster_video.errors import ConfigError, StreamError
from faster_video.inference import Classifier
from faster_video.streaming import Source, Stream, StreamAnswer, is_file, is_live, stream_answers
from faster_video.streaming.source import arriving

FRAMES = 75


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("videos") / "a.mp4", num_frames=FRAMES)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(small_bundle(), "cpu", "eager")


def write_transport_stream(path: Path, sizes: list[tuple[int, int]], frames: int = FRAMES) -> Path:
    """MPEG-TS of parts whose pictures have these heights and widths, one after the other, as a camera sends it."""
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        for height, width in sizes:
            part = path.with_suffix(".part.ts")
            with av.open(str(part), "w", format="mpegts") as container:
                stream = container.add_stream("mpeg2video", rate=25)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                for _ in range(frames):
                    picture = generator.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
                    picture = picture.repeat(8, axis=0).repeat(8, axis=1)
                    container.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
                container.mux(stream.encode())
            file.write(part.read_bytes())
            part.unlink()
    return path


def answers(classifier: Classifier, name: str, **settings: float) -> list[StreamAnswer]:
    with Source(name, **settings) as source:  # type: ignore[arg-type]
        return list(stream_answers(Stream(classifier, fps=source.fps), source))


def test_a_file_tells_its_frames_and_their_times(video: Path) -> None:
    with Source(str(video)) as source:
        assert source.fps == 25
        assert [item.seconds for item in source] == pytest.approx([number / 25 for number in range(FRAMES)])


def test_what_can_wait_and_what_cannot() -> None:
    kinds = {"a.mp4": (True, False), "-": (False, False), "rtsp://host/x": (False, True), "/dev/null": (False, True)}
    assert {name: (is_file(name), is_live(name)) for name in kinds} == kinds


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.mp4", "none.mp4: No such file or directory"),
        ("file:///etc/passwd", "addresses that begin with file:// are not opened; use http, "),
        ("concat://a|b", "addresses that begin with concat:// are not opened"),
        ("/dev/null", "/dev/null: "),
        (".", ".: is a folder, not a video file"),
        ("http://127.0.0.1:9/x.mp4", "http://127.0.0.1:9/x.mp4: Connection refused"),
    ],
)
def test_what_cannot_be_opened_is_said(name: str, sentence: str) -> None:
    with pytest.raises(StreamError) as caught:
        Source(name)
    assert sentence in str(caught.value)


def test_a_timeout_that_is_none_is_refused(video: Path) -> None:
    with pytest.raises(ConfigError, match="timeout_seconds is 0; it must be a number above 0"):
        Source(str(video), timeout_seconds=0)


def test_text_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("hello " * 1000)
    with pytest.raises(StreamError, match=r"a\.mp4: not a video file that can be read"):
        Source(str(tmp_path / "a.mp4"))


def test_a_change_of_resolution_is_gone_along_with(classifier: Classifier, tmp_path: Path) -> None:
    path = write_transport_stream(tmp_path / "a.ts", [(64, 96), (128, 96), (48, 160)])
    got = answers(classifier, str(path))
    assert 3 * FRAMES // 15 - 1 <= len(got) <= 3 * FRAMES // 15  # a decoder may lose a picture or two at a change
    assert all(before.end_seconds < after.end_seconds for before, after in pairwise(got))


def test_damaged_packets_cost_themselves(classifier: Classifier, tmp_path: Path) -> None:
    path = write_transport_stream(tmp_path / "a.ts", [(64, 96)], frames=300)
    packets = bytearray(path.read_bytes())
    generator = np.random.default_rng(1)
    for start in range(188 * 20, len(packets) - 188, 188):
        if generator.random() < 0.05:
            packets[start + 8 : start + 180] = generator.bytes(172)
    path.write_bytes(packets)
    got = answers(classifier, str(path))
    assert 10 <= len(got) <= 20


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_source_that_ends_in_a_packet_keeps_its_answers(classifier: Classifier, tmp_path: Path, share: float) -> None:
    path = write_transport_stream(tmp_path / "a.ts", [(64, 96)], frames=150)
    whole = answers(classifier, str(path))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    cut = answers(classifier, str(path))
    assert 0 < len(cut) < len(whole)
    assert [answer.label for answer in cut[:-1]] == [answer.label for answer in whole[: len(cut) - 1]]


@contextmanager
def server(length: int, send: Callable[[BaseHTTPRequestHandler], object]) -> Iterator[str]:
    """An HTTP server on this machine that promises so many bytes and answers every request with `send`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            send(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.daemon_threads = True
        threading.Thread(target=found.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{found.server_port}/a.ts"
        finally:
            found.shutdown()


def test_an_address_is_watched(classifier: Classifier, tmp_path: Path) -> None:
    path = write_transport_stream(tmp_path / "a.ts", [(64, 96)])
    with server(path.stat().st_size, lambda handler: handler.wfile.write(path.read_bytes())) as address:
        got = answers(classifier, address)
    assert [answer.probabilities for answer in got] == [
        answer.probabilities for answer in answers(classifier, str(path))
    ]


@contextmanager
def folder_server(folder: Path) -> Iterator[str]:
    """An HTTP server on this machine that gives out the files of a folder."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as found:
        found.daemon_threads = True
        threading.Thread(target=found.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{found.server_port}"
        finally:
            found.shutdown()


def test_a_playlist_is_followed_to_its_server_and_never_to_files_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    write_transport_stream(tmp_path / "served" / "open.ts", [(64, 96)])
    secret = write_transport_stream(tmp_path / "secret.ts", [(64, 96)])
    places = {
        "own": "open.ts",
        "url": secret.as_uri(),
        "file": f"file:{secret}",
        "path": str(secret),
        "above": "../secret.ts",
        "joined": f"concat:{secret}",
        "part": f"subfile,,start,0,end,9999,,:{secret}",
    }
    for name, place in places.items():
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3.0,\n{place}\n#EXT-X-ENDLIST\n"
        (tmp_path / "served" / f"{name}.m3u8").write_text(playlist)
    with folder_server(tmp_path / "served") as address:
        with Source(f"{address}/own.m3u8") as source:
            assert sum(1 for _ in source) == FRAMES
        for name in places.keys() - {"own"}:
            with pytest.raises(StreamError, match=f"{name}.m3u8: "):
                Source(f"{address}/{name}.m3u8")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ffconcat", "ffconcat version 1.0\nfile open.ts\n"),
        ("a.ans", "text that would be drawn as a picture\n" * 50),
        ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 33\n"),
    ],
)
def test_an_address_leads_to_pictures_and_nothing_else(tmp_path: Path, name: str, content: str) -> None:
    write_transport_stream(tmp_path / "open.ts", [(64, 96)])
    (tmp_path / name).write_text(content)
    with folder_server(tmp_path) as address, pytest.raises(StreamError, match=f"{name}: Invalid (data|argument)"):
        Source(f"{address}/{name}", timeout_seconds=3)


def test_an_rtsp_address_is_among_what_is_opened() -> None:
    with pytest.raises(StreamError, match="Connection refused"):
        Source("rtsp://127.0.0.1:9/x")


def test_pictures_one_after_the_other_are_watched(tmp_path: Path) -> None:
    """As cameras send them over HTTP."""
    with av.open(str(tmp_path / "a.mpjpeg"), "w", format="mpjpeg") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(FRAMES):
            picture = np.full((48, 64, 3), number, np.uint8)
            container.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    found = []
    # Such a stream has no end of its own.
    with folder_server(tmp_path) as address, Source(f"{address}/a.mpjpeg") as source, suppress(StreamError):
        for item in source:
            found.append(item)  # noqa: PERF402 - those before the error
    assert len(found) == FRAMES


def test_an_address_that_falls_silent_ends_with_its_answers(classifier: Classifier, tmp_path: Path) -> None:
    path = write_transport_stream(tmp_path / "a.ts", [(64, 96)], frames=150)
    silent = threading.Event()

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(path.read_bytes()[: path.stat().st_size * 2 // 3])
        handler.wfile.flush()
        silent.wait(30)

    with server(path.stat().st_size, send) as address:
        got: list[StreamAnswer] = []
        with (
            Source(address, timeout_seconds=2) as source,
            pytest.raises(StreamError, match="nothing came for 2 seconds"),
        ):
            for answer in stream_answers(Stream(classifier, fps=source.fps), source):
                got.append(answer)  # noqa: PERF402 - those before the error
        silent.set()
    assert len(got) >= 4


def test_an_address_that_never_says_anything_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(StreamError, match="nothing came for 1 seconds"),
    ):
        Source(f"http://127.0.0.1:{listening.getsockname()[1]}/a.ts", timeout_seconds=1)


def test_cameras_and_addresses_are_live_unless_told_otherwise(tmp_path: Path, video: Path) -> None:
    path = write_transport_stream(tmp_path / "a.ts", [(64, 96)])
    with server(path.stat().st_size, lambda handler: handler.wfile.write(path.read_bytes())) as address:
        for live, wanted in ((None, True), (False, False), (True, True)):
            with Source(address, live=live) as source:
                assert source.live is wanted
    for live, wanted in ((None, False), (True, True)):
        with Source(str(video), live=live) as source:
            assert source.live is wanted


class Packet:
    """Of a decoder that keeps a picture back."""

    is_corrupt = False

    def __init__(self, pts: int | None, brings: list[int | None]) -> None:
        self.pts, self._brings = pts, brings

    def decode(self) -> list[VideoFrame]:
        frames = [VideoFrame(16, 16, "rgb24") for _ in self._brings]
        for frame, pts in zip(frames, self._brings, strict=True):
            frame.pts = pts
        return frames


def test_a_frame_comes_when_its_packet_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Container:
        def demux(self, _: object) -> Iterator[Packet]:
            nonlocal now
            for packet in (Packet(0, []), Packet(2, [0]), Packet(1, [1]), Packet(3, [2, None]), Packet(None, [3])):
                now += 1
                yield packet

    monkeypatch.setattr("faster_video.streaming.source.perf_counter", lambda: now)
    found = [(item.frame.pts, item.arrived) for item in arriving(Container(), None)]  # type: ignore[arg-type]
    assert found == [(0, 1), (1, 3), (2, 2), (None, 4), (3, 4)]


def test_a_pipe_is_read_and_a_silent_one_given_up(tmp_path: Path) -> None:
    path = write_transport_stream(tmp_path / "a.ts", [(64, 96)])
    program = (
        "import sys\nfrom faster_video.streaming import Source\nfrom faster_video.errors import StreamError\n"
        "try:\n    with Source('-', timeout_seconds=2) as source:\n        for n, item in enumerate(source): pass\n"
        "    print('ended', n + 1)\nexcept StreamError as error:\n    print(error)\n"
    )
    with path.open("rb") as file:
        told = subprocess.run([sys.executable, "-c", program], stdin=file, capture_output=True, text=True, timeout=300)
    assert told.stdout == f"ended {FRAMES}\n"
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        child = subprocess.Popen([sys.executable, "-c", program], stdin=reading, stdout=subprocess.PIPE, text=True)
        os.close(reading)
        pipe.write(path.read_bytes()[:20_000])
        pipe.flush()
        output, _ = child.communicate(timeout=300)
    assert output == "-: nothing came for 2 seconds\n"
