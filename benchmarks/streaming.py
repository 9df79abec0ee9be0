"""A stream of hours, and a camera of 30 frames a second.

    python benchmarks/streaming.py long VIDEO [--hours 2] [--bundle motion] [--threads 2]
    python benchmarks/streaming.py camera VIDEO [--seconds 60] [--recipes faster16 tiny]

`long`: the video, over and over, is written into a pipe as MPEG-TS by FFmpeg and watched from there. Memory is the
process's own (resident) after the first minute and at the end; the answers of the first ten minutes are compared with
those of `classify` on a file of the same frames, bit for bit.
`camera`: the same pipe, a frame every thirtieth of a second; random weights. Latency is from a clip's last frame to its
answer.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median

import torch

from faster_video.bundle import Bundle
from faster_video.hub import read_bundle
from faster_video.inference import Classifier
from faster_video.recipes import get_recipe
from faster_video.speed import random_bundle
from faster_video.streaming import Source, Stream, stream_answers

FPS = 30
FFMPEG = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y"]
COMPARED_SECONDS = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["long", "camera"])
    parser.add_argument("video")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--bundle", default="motion")
    parser.add_argument("--recipes", nargs="+", default=["faster16", "tiny"])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.what == "long":
        long(options.video, options.hours, read_bundle(options.bundle))
    else:
        for name in options.recipes:
            camera(options.video, options.seconds, name)


def looped(video: str, folder: str, seconds: float, target: str, *, paced: bool = False) -> list[str]:
    """FFmpeg's command that writes the video over and over as MPEG-TS; coded once, then its packets are repeated."""
    short = f"{folder}/short.ts"
    if not Path(short).exists():
        sizes = [
            "-vf",
            "scale=320:240",
            "-r",
            str(FPS),
            "-c:v",
            "mpeg2video",
            "-q:v",
            "3",
            "-g",
            "1",
            "-bf",
            "0",
            "-an",
        ]
        subprocess.run([*FFMPEG, "-i", video, *sizes, short], check=True)
    pace = ["-re"] if paced else []
    ending = ["-c", "copy", "-frames:v", str(round(seconds * FPS)), "-f", "mpegts", target]
    return [*FFMPEG, *pace, "-stream_loop", "-1", "-i", short, *ending]


@contextmanager
def piped(video: str, seconds: float, *, paced: bool = False) -> Iterator[str]:
    """The name of a pipe into which another process writes so much of the video."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/pipe"
        os.mkfifo(path)
        with subprocess.Popen(looped(video, folder, seconds, path, paced=paced)) as writer:
            try:
                yield path
            finally:
                writer.kill()


def resident_megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def long(video: str, hours: float, bundle: Bundle) -> None:
    classifier = Classifier(bundle, "cpu")
    span, total = bundle.config.clips.span, int(hours * 3600 * FPS)
    compared = min(COMPARED_SECONDS * FPS, total) // span
    first: list[list[float]] = []
    began, early = time.monotonic(), 0.0
    with piped(video, total / FPS) as pipe, Source(pipe) as source:
        stream = Stream(classifier, fps=source.fps)
        for answer in stream_answers(stream, source):
            if len(first) < compared:
                first.append(answer.probabilities)
            if not early and answer.end_seconds > 60:
                early = resident_megabytes()
    late, seconds = resident_megabytes(), time.monotonic() - began
    print(
        f"{hours:g} hours ({stream.cutter.frames_seen:,} frames, {stream.answers:,} clips) in {seconds:.0f} s",
        flush=True,
    )
    print(f"memory {early:.1f} MB after a minute, {late:.1f} MB at the end: {late - early:+.1f} MB", flush=True)
    config = replace(bundle.config, clips=replace(bundle.config.clips, num_clips=compared))
    offline = Classifier(Bundle(model=bundle.model, config=config), "cpu")
    offline.clips_together = 1
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "first.ts"
        subprocess.run(looped(video, folder, compared * span / FPS, str(file)), check=True)
        wanted = [clip.probabilities for clip in offline.classify(file).clips]
    same = sum(mine == theirs for mine, theirs in zip(first, wanted, strict=True))
    print(
        f"first {compared * span / FPS:.0f} s: {same} of {compared} answers are those of classify, bit for bit",
        flush=True,
    )


def camera(video: str, seconds: float, name: str) -> None:
    bundle = random_bundle(get_recipe(name))
    classifier = Classifier(bundle, "cpu")
    warm = Stream(classifier, fps=FPS)
    for _, frame in zip(range(2 * bundle.config.clips.span), count(), strict=False):
        warm.push(torch.full((240, 320, 3), frame % 256, dtype=torch.uint8).numpy())
    with piped(video, seconds, paced=True) as pipe, Source(pipe, live=True) as source:
        stream = Stream(classifier, fps=source.fps)
        answers = list(stream_answers(stream, source))
    for told, network in (("expensive", True), ("cheap", False)):
        latencies = sorted(answer.latency_seconds for answer in answers if answer.expensive is network)
        if latencies:
            print(
                f"{name}, {told} clips: {len(latencies)}, latency {1000 * median(latencies):.0f} ms "
                f"(longest {1000 * latencies[-1]:.0f})",
                flush=True,
            )
    clips = int(seconds * FPS) // bundle.config.clips.span
    print(
        f"{name}: {seconds:g} s of {FPS} frames a second, {clips} clips of {bundle.config.clips.span / FPS:.2f} s: "
        f"{stream.clips_dropped} dropped, {source.frames_dropped} frames lost",
        flush=True,
    )


if __name__ == "__main__":
    main()
