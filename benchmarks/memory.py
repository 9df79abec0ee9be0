"""Does memory grow with a video's length? Peak of classifying ten seconds against one hour, 640×360 H.264.

    python benchmarks/memory.py VIDEO [--bundle BUNDLE]

Both files are made by looping the frames of VIDEO; each is classified in a process of its own, whose peak resident
size (ru_maxrss) is read when it has ended.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from faster_video.video import VideoReader, write_video

FPS = 30
SECONDS = (10, 3600)
CHILD = """
import json, resource, sys
import faster_video
video = faster_video.load(sys.argv[2] or None).classify(sys.argv[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"peak_mib": peak, "seconds": video.seconds, "video_seconds": video.video_seconds}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--bundle", default="", help="default: the bundle in the package")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        second = Path(folder) / "part.mp4"
        write_video(second, looped_frames(options.video, SECONDS[0] * FPS), FPS, keyframe_every=60)
        peaks = {}
        for seconds in SECONDS:
            path = Path(folder) / f"{seconds}.mp4"
            repeat(second, path, seconds // SECONDS[0])
            run = [sys.executable, "-c", CHILD, str(path), options.bundle]
            peaks[seconds] = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
            print(f"{seconds:5} s, {path.stat().st_size / 2**20:6.1f} MiB on disk: {peaks[seconds]}")
    short, long = (peaks[seconds]["peak_mib"] for seconds in SECONDS)
    print(f"one hour peaks {long - short:+.1f} MiB above ten seconds (ratio {long / short:.3f})")


def looped_frames(path: Path, count: int, width: int = 640, height: int = 360) -> list[NDArray[np.uint8]]:
    """`count` frames of this size from a video, over and over."""
    with VideoReader(path) as reader:
        frames = reader.frames(range(min(count, reader.info.num_frames))).data
    scaled: list[NDArray[np.uint8]] = [
        av.VideoFrame.from_ndarray(frame, format="rgb24")
        .reformat(width, height)
        .to_ndarray(format="rgb24")
        .astype(np.uint8, copy=False)
        for frame in frames
    ]
    return list(islice(cycle(scaled), count))


def repeat(source: Path, target: Path, times: int) -> None:
    """Copy the packets of `source` into `target`, `times` after another."""
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        stream = reading.streams.video[0]
        packets = [packet for packet in reading.demux(stream) if packet.dts is not None]
        copy = writing.add_stream_from_template(stream)
        length = stream.duration
        assert length is not None
        for part in range(times):
            for packet in packets:
                fresh = av.Packet(bytes(packet))
                fresh.pts, fresh.dts = (packet.pts or 0) + part * length, (packet.dts or 0) + part * length
                fresh.duration, fresh.is_keyframe, fresh.time_base = (
                    packet.duration,
                    packet.is_keyframe,
                    packet.time_base,
                )
                fresh.stream = copy
                writing.mux(fresh)


if __name__ == "__main__":
    main()
