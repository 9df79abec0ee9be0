"""Reading frames against PyAV used plainly, OpenCV, decord and torchcodec: a ten-second file, and clips of an hour.

    python benchmarks/decode.py VIDEO [--rounds 5] [--json]

Of a ten-second file (VIDEO looped to 300 frames, H.264 and MPEG-4, three sizes) the 256 frames of 16 clips x 16 frames,
and of a one-hour H.264 file of 320×240 with a keyframe every 250 frames 16 clips x 16 frames: each as uint8 RGB, short
side 256, the ways in turns, each with its threads as they are by default and with one. Opening the file counts.
OpenCV shrinks with INTER_AREA, which averages as all others do, and with its default, which passes over pixels.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import av
import numpy as np
import torch
from memory import looped_frames, repeat
from numpy.typing import NDArray

from faster_video.clips import clip_frames, clip_starts
from faster_video.engine.kept import processor
from faster_video.video import VideoReader, View, Window

Clips = list[list[int]]
Pixels = NDArray[np.uint8]
FRAMES, FPS, SHORT_SIDE, HOUR_FRAMES = 300, 30, 256, 3600 * 30
SIZES = ((340, 256), (640, 480), (1280, 720))
"""Width and height of the ten-second files."""
CODECS = {"h264.mp4": ("libx264", {"crf": "23"}), "mpeg4.avi": ("mpeg4", {"qscale": "4"})}
AVERAGING = ("ours", "pyav", "opencv", "decord", "torchcodec")
"""The ways whose shrinking averages: their pictures are as good as ours."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ways = installed()
    about = {name: version(package) for name, (package, _) in WAYS.items() if name in ways}
    if not options.json:
        print(f"{', '.join(processor()[:2])}, {torch.get_num_threads()} threads; {about}", flush=True)
    found: dict[str, Any] = {"processor": processor()[1], "versions": about, "files": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, path, num_frames in files(Path(folder), options.video):
            clips = [clip_frames(start, 16, 1, num_frames) for start in clip_starts(num_frames, 16, 16)]
            found["files"][name] = compared = compare(ways, path, clips, options.rounds)
            if not options.json:
                print_table(name, compared)
            path.unlink()
    if options.json:
        print(json.dumps(found))


def compare(ways: list[str], path: Path, clips: Clips, rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of each way by its threads, "default" or "one"."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        short = min(stream.height, stream.width)
        height, width = ((2 * side * SHORT_SIDE + short) // (2 * short) for side in (stream.height, stream.width))
    taken: dict[str, dict[str, list[float]]] = {threads: {way: [] for way in ways} for threads in ("default", "one")}
    cores = torch.get_num_threads()
    for _ in range(rounds):
        for threads, times in taken.items():
            torch.set_num_threads(1 if threads == "one" else cores)
            for way in ways:
                began = perf_counter()
                pictures = WAYS[way][1](path, clips, (height, width), threads == "one")
                times[way].append(perf_counter() - began)
                if pictures[0].shape[-3:] != (height, width, 3):
                    raise SystemExit(f"{way} gave {pictures[0].shape}")
    torch.set_num_threads(cores)
    return {threads: {way: median(each) for way, each in times.items()} for threads, times in taken.items()}


def print_table(name: str, compared: dict[str, dict[str, float]]) -> None:
    """One line per way: seconds, and how ours compares."""
    print(f"\n{name}")
    for threads, times in compared.items():
        fastest = min(seconds for way, seconds in times.items() if way in AVERAGING and way != "ours")
        ratio = f"ours / fastest that averages = {times['ours'] / fastest:.2f}"
        print(
            f"  {threads:8}", ", ".join(f"{way} {1000 * seconds:.0f} ms" for way, seconds in times.items()), flush=True
        )
        print(
            f"           {ratio}, ours / opencv's default = {times['ours'] / times.get('opencv default', np.nan):.2f}"
        )


def ours(path: Path, clips: Clips, size: tuple[int, int], one_thread: bool) -> Sequence[Pixels]:
    """One thread in either case."""
    with VideoReader(path) as reader:
        whole = Window(top=0, left=0, height=reader.info.height, width=reader.info.width)
        view = View(cut=whole, size=size, crop=Window(top=0, left=0, height=size[0], width=size[1]))
        return [picture for frames in reader.clips(clips, view) for picture in frames.pictures]


def pyav(path: Path, clips: Clips, size: tuple[int, int], one_thread: bool) -> Sequence[Pixels]:
    """Decode on from the keyframe before each clip, or from the clip before, whichever is nearer."""
    pictures: list[Pixels] = []
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        if one_thread:
            stream.thread_count = 1
        per_frame = 1 / (FPS * (stream.time_base or Fraction(1)))
        number, frames = -1, file.decode(stream)
        for clip in clips:
            wanted = set(clip)
            if clip[0] - number > 250:
                file.seek(int(clip[0] * per_frame), stream=stream)
                frames = file.decode(stream)
            while number < clip[-1] and (frame := next(frames, None)) is not None:
                number = round((frame.pts or 0) / per_frame)
                if number in wanted:
                    threads = 1 if one_thread else None
                    small = frame.reformat(width=size[1], height=size[0], format="rgb24", threads=threads)
                    pictures.append(np.asarray(small.to_ndarray(), np.uint8))
    return pictures


def opencv(path: Path, clips: Clips, size: tuple[int, int], one_thread: bool) -> Sequence[Pixels]:
    """Shrunk by averaging."""
    return by_opencv(path, clips, size, one_thread, "INTER_AREA")


def opencv_default(path: Path, clips: Clips, size: tuple[int, int], one_thread: bool) -> Sequence[Pixels]:
    """Shrunk by looking at four pixels only."""
    return by_opencv(path, clips, size, one_thread, "INTER_LINEAR")


def by_opencv(path: Path, clips: Clips, size: tuple[int, int], one_thread: bool, filter_name: str) -> Sequence[Pixels]:
    cv2: Any = import_module("cv2")
    cv2.setNumThreads(1 if one_thread else -1)
    file = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1] if one_thread else [])
    pictures: list[Pixels] = []
    number = 0
    for clip in clips:
        if clip[0] - number > 250:
            file.set(cv2.CAP_PROP_POS_FRAMES, clip[0])
            number = clip[0]
        wanted = set(clip)
        while number <= clip[-1]:
            file.grab()
            if number in wanted:
                _, picture = file.retrieve()
                if picture.shape[:2] != size:
                    picture = cv2.resize(picture, size[::-1], interpolation=getattr(cv2, filter_name))
                pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            number += 1
    return pictures


def decord(path: Path, clips: Clips, size: tuple[int, int], one_thread: bool) -> Sequence[Pixels]:
    reader = import_module("decord").VideoReader(
        str(path), width=size[1], height=size[0], num_threads=1 if one_thread else 0
    )
    return [reader.get_batch(clip).asnumpy() for clip in clips]


def torchcodec(path: Path, clips: Clips, size: tuple[int, int], one_thread: bool) -> Sequence[Pixels]:
    """Its default is one thread."""
    resize = import_module("torchcodec.transforms").Resize(size)
    decoder = import_module("torchcodec.decoders").VideoDecoder(
        str(path), dimension_order="NHWC", transforms=[resize], num_ffmpeg_threads=1
    )
    return [decoder.get_frames_at(clip).data.numpy() for clip in clips]


Way = Callable[[Path, Clips, tuple[int, int], bool], Sequence[Pixels]]
WAYS: dict[str, tuple[str, Way]] = {
    "ours": ("faster_video", ours),
    "pyav": ("av", pyav),
    "opencv": ("opencv-python-headless", opencv),
    "opencv default": ("opencv-python-headless", opencv_default),
    "decord": ("decord", decord),
    "torchcodec": ("torchcodec", torchcodec),
}
"""Each way with the package that it comes with."""
MODULES = {"opencv": "cv2", "opencv default": "cv2", "decord": "decord", "torchcodec": "torchcodec"}


def installed() -> list[str]:
    """The ways that can be measured; of the others it is said."""
    missing = [way for way, module in MODULES.items() if find_spec(module) is None]
    for way in missing:
        print(f"{way} is not measured: pip install {WAYS[way][0]}")
    return [way for way in WAYS if way not in missing]


def files(folder: Path, video: Path) -> "Sequence[tuple[str, Path, int]]":
    """Name, path and number of frames of each file, made here."""
    made = []
    for width, height in SIZES:
        pictures = looped_frames(video, FRAMES, width, height)
        for kind, (codec, settings) in CODECS.items():
            path = folder / f"{height}.{kind}"
            encode(path, pictures, codec, settings)
            made.append((f"ten seconds, {width}×{height}, {kind}", path, FRAMES))
    part, hour = folder / "part.mp4", folder / "hour.mp4"
    encode(part, looped_frames(video, 1500, 320, 240), "libx264", {"crf": "28", "g": "250"})
    repeat(part, hour, HOUR_FRAMES // 1500)
    made.append((f"one hour, 320×240, h264.mp4, {hour.stat().st_size >> 20} MiB", hour, HOUR_FRAMES))
    return made


def encode(path: Path, pictures: Sequence[Pixels], codec: str, settings: dict[str, str]) -> None:
    """As the encoders do it by themselves, with B-frames where they use them."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=FPS, options=settings)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        file.mux(stream.encode())


if __name__ == "__main__":
    main()
