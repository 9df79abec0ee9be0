"""Real encoded files, and ten and more ways to harm them; each with what a check must say."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from faster_video.video import write_video


def make_video(path: Path, num_frames: int = 30, seed: int = 0) -> Path:
    """Noisy pictures, so that every frame has bytes to be hit: H.264 in MP4, MPEG-4 in AVI."""
    generator = np.random.default_rng(seed)
    base = generator.integers(0, 192, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    frames = [np.roll(base, 3 * i, 1) + generator.integers(0, 64, base.shape, np.uint8) for i in range(num_frames)]
    path.parent.mkdir(parents=True, exist_ok=True)
    is_avi = path.suffix == ".avi"
    write_video(path, frames, 25, codec="mpeg4" if is_avi else "libx264", crf=None if is_avi else 25)
    return path


def overwrite(path: Path, start: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[start : start + len(data)] = data
    path.write_bytes(content)


def noise(count: int) -> bytes:
    return np.random.default_rng(3).bytes(count)


def largest_packet_of_the_middle(path: Path) -> tuple[int, int]:
    """Place and size in the file; enough bytes to be hit where nobody looks at first."""
    with av.open(str(path)) as container:
        packets = [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]
    third = len(packets) // 3
    return max(packets[third : 2 * third], key=lambda packet: packet[1])


def zeros_in_the_middle(path: Path) -> None:
    place, size = largest_packet_of_the_middle(path)
    overwrite(path, place + size // 3, bytes(max(64, size // 3)))


def noise_in_the_middle(path: Path) -> None:
    place, _ = largest_packet_of_the_middle(path)
    overwrite(path, place, noise(3000))


def cut_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def index_first_then_cut(path: Path) -> None:
    """As a download that broke off leaves a file made for the web."""
    aside = path.with_name("aside.mp4")
    with av.open(str(path)) as source, av.open(str(aside), "w", options={"movflags": "+faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    path.write_bytes(aside.read_bytes()[: aside.stat().st_size * 2 // 3])
    aside.unlink()


def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        out.mux(sound.encode(silence))
        out.mux(sound.encode(None))


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replaced_by(data: bytes) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.write_bytes(data)

    return replace


@dataclass(frozen=True, slots=True)
class Harm:
    """A way to damage a file."""

    suffix: str
    """Of files to which it can be done."""
    do: Callable[[Path], None]
    said: str
    """Regular expression for the whole reason."""


SECOND = r"damaged at [0-9]+\.[0-9] s: "
HIT = r" \([0-9]+ of [0-9]+ frames hit\)"
HARMS = {
    "cut before its index": Harm(".mp4", cut_half, r"cut off: an MP4 without its index \(moov\).*"),
    "cut behind its index": Harm(
        ".mp4", index_first_then_cut, "truncated: its header lists [0-9]+ frames, but the data of the last .* missing"
    ),
    "avi cut": Harm(".avi", cut_half, "cut off: its header says [0-9,]+ bytes, but the file ends after [0-9,]+"),
    "empty": Harm(".mp4", replaced_by(b""), "the file is empty"),
    "text": Harm(".avi", replaced_by(b"Not a video.\n" * 50), "not a video: it is text"),
    "web page": Harm(".mp4", replaced_by(b"<html><body>Video unavailable</body></html>"), "not a video: .* web page.*"),
    "zeros in the middle": Harm(".mp4", zeros_in_the_middle, SECOND + "(a block of zeros|part of a frame).*" + HIT),
    "noise in the middle": Harm(".avi", noise_in_the_middle, SECOND + ".*" + HIT),
    "header overwritten": Harm(".mp4", lambda path: overwrite(path, 0, bytes(64)), "not a video.*"),
    "avi's header overwritten": Harm(
        ".avi", lambda path: overwrite(path, 0, noise(4000)), "not a video.*|its header is damaged: .*"
    ),
    "zeros only": Harm(".avi", replaced_by(bytes(5000)), "not a video: it begins with zero bytes.*"),
    "sound only": Harm(".mp4", sound_only, "has no video stream"),
    "missing": Harm(".mp4", Path.unlink, "missing: there is no such file"),
    "folder": Harm(".avi", folder_instead, "is a folder, not a video file"),
}
