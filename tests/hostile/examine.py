"""One file through the whole decode path, and what came of it: run as a program, it examines the files it is told.

    python tests/hostile/examine.py

Each line of its input is the name of a file in JSON, each line of its output a `Verdict` in JSON.
"""

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import av
import numpy as np
import torch

from faster_video.config import ClipConfig, TransformConfig
from faster_video.errors import DecodeError
from faster_video.files import printable
from faster_video.inference.decoding import ClipDecoder
from faster_video.video import VideoReader
from faster_video.video.verify import verify

CLIPS = ClipConfig(num_clips=3, frames_per_clip=8, frame_stride=1)
TRANSFORM = TransformConfig(train_short_side=(32, 40), test_short_side=32, crop_size=32)
DECODER = ClipDecoder(CLIPS, TRANSFORM, torch.device("cpu"))
MEMORY_BYTES = 4 * 2**30
"""Address space that a child may take beside what it has at the start; FFmpeg takes at most half of it at a time."""
DECODED, REFUSED, WRONG = "decoded", "refused", "wrong"
MEMORY_WORDS = "allocate memory"
"""What the system says where there is no more, which is no sentence about a file."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a file."""

    kind: str
    """`DECODED`, `REFUSED` (a `DecodeError` as it should be), or `WRONG`: anything else."""
    said: str = ""
    """The error's sentence, or what is wrong."""
    num_frames: int = 0
    size: tuple[int, int] = (0, 0)
    """Height and width as shown."""
    seconds: float = 0.0
    """What it took."""
    peak_bytes: int = 0
    """By how much the process grew at its largest."""


def examine(path: Path, *, strictly: bool = True) -> Verdict:
    """Clips and whole frames of a file; if `strictly`, every frame of it is checked too, which may refuse it."""
    began, start_bytes = perf_counter(), _forget_peak()
    verdict = _judged(path, lambda: _decoded(path))
    if strictly and verdict.kind != WRONG:
        checked = _judged(path, lambda: Verdict(DECODED, num_frames=verify(path).num_frames))
        if checked.kind == WRONG or (checked.kind, verdict.kind) == (DECODED, REFUSED):
            verdict = replace(checked, kind=WRONG, said=f"verify: {checked.said or 'sound'}; read: {verdict.said}")
    return replace(verdict, seconds=perf_counter() - began, peak_bytes=_memory("VmHWM") - start_bytes)


def _judged(path: Path, read: Callable[[], Verdict]) -> Verdict:
    """What `read` returns, or whether what it raises is a `DecodeError` in one line that starts with the name."""
    try:
        return read()
    except DecodeError as error:
        said = str(error)
    except Exception as error:
        return Verdict(WRONG, f"{type(error).__name__}: {error}"[:2000])
    name = f"{printable(path)}: "
    is_sentence = said.startswith(name) and len(said) > len(name) + 5 and len(said.splitlines()) == 1
    return Verdict(REFUSED if is_sentence and MEMORY_WORDS not in said else WRONG, said)


def _decoded(path: Path) -> Verdict:
    """The clips that a bundle sees, then the first and the last frame as they are."""
    num_clips = 0
    for clip in DECODER.read(path):
        times = np.array([clip.start_seconds, clip.end_seconds, clip.video_seconds])
        if clip.pixels.shape != (1, 3, CLIPS.frames_per_clip, TRANSFORM.crop_size, TRANSFORM.crop_size):
            return Verdict(WRONG, f"clip {clip.number} is {list(clip.pixels.shape)}")
        if not clip.pixels.isfinite().all() or not np.isfinite(times).all():
            return Verdict(WRONG, f"clip {clip.number} has numbers that are not finite; its times are {times}")
        if not 0 <= times[0] <= times[1] <= times[2] * (1 + 1e-9):
            return Verdict(WRONG, f"clip {clip.number} is shown from {times[0]} to {times[1]} of {times[2]} s")
        DECODER.give_back(clip)
        num_clips += 1
    with VideoReader(path) as video:
        info = video.info
        frames = video.frames([info.num_frames - 1, 0])
        shapes = {picture.shape for picture in frames.pictures}
    if num_clips != CLIPS.num_clips or shapes != {(info.height, info.width, 3)} or info.fps <= 0:
        return Verdict(WRONG, f"{num_clips} clips, frames of {shapes} at {info.fps} fps, where the file says {info}")
    return Verdict(DECODED, num_frames=info.num_frames, size=(info.height, info.width))


def limit_memory() -> None:
    """Let this process take `MEMORY_BYTES` beside what it has."""
    limit = _memory("VmSize") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _forget_peak() -> int:
    """Bytes in memory now; from here on the kernel notes the most that there were."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    """A number of bytes that the kernel keeps of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def main() -> None:
    """Examine what the input names until it ends."""
    torch.set_num_threads(1)
    av.logging.set_level(av.logging.PANIC)
    limit_memory()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(asdict(examine(Path(json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
