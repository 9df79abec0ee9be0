"""How long does it take to decode a long made-up video as H.264 and as MPEG-4?

    python benchmarks/motion_codecs.py [--videos 18] [--rounds 5] > benchmarks/results/motion_codecs.txt

The same frames of `make-motion --set long` in both codecs, decoded whole in one thread; CPU time, the rounds take
turns, each side's figure is its median.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import process_time

import av

from faster_video.datasets.motion_config import CODECS, long
from faster_video.datasets.motion_set import plan_motion_set, write_motion_set


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = {codec: written(Path(folder, codec), codec, options.videos) for codec in CODECS}
        times: dict[str, list[float]] = {codec: [] for codec in CODECS}
        for _ in range(options.rounds):
            for codec, paths in files.items():
                times[codec].append(sum(map(seconds, paths)) / len(paths))
        for codec, paths in files.items():
            size = sum(path.stat().st_size for path in paths) / len(paths)
            print(f"{codec}: {1000 * median(times[codec]):.1f} ms a video of 256 frames, {size / 1000:.0f} kB")
    print(f"h264 / mpeg4 = {median(times['h264']) / median(times['mpeg4']):.1f}")


def written(folder: Path, codec: str, videos: int) -> list[Path]:
    config = replace(long(), codec=codec, videos=videos)
    write_motion_set(folder, config)
    return [folder / video.path for video in plan_motion_set(config)]


def seconds(path: Path) -> float:
    """CPU time of decoding every frame."""
    began = process_time()
    with av.open(str(path)) as file:
        file.streams.video[0].thread_type = "NONE"
        frames = sum(1 for _ in file.decode(video=0))
    assert frames == 256
    return process_time() - began


if __name__ == "__main__":
    main()
