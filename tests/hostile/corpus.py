"""Damage done to small sound videos: cut off, bytes flipped, headers that lie, noise, one file behind another."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

TENTHS = range(1, 10)
FLIPPED_SHARE = 1 / 200
"""Of a file's bytes; a few are enough to go past its header."""
GIGANTIC = 2**31 - 1
Damage = Callable[[Path, Path], Iterator[Path]]
"""Files made of a folder of pairs, in another folder."""


def truncated(path: Path, folder: Path) -> Iterator[Path]:
    """The file cut off after every tenth of it."""
    data = path.read_bytes()
    for tenth in TENTHS:
        yield _written(folder / f"{path.name}.{tenth}0-percent", data[: len(data) * tenth // 10])


def flipped(path: Path, folder: Path, copies: int = 3) -> Iterator[Path]:
    """Copies of the file in each of which some bits are other ones, in the first also its very beginning."""
    data = path.read_bytes()
    for copy in range(copies):
        random = Random(f"{path.name}{copy}")
        changed = bytearray(data)
        places = range(len(data)) if copy else range(min(len(data), 400))
        for place in random.choices(places, k=max(2, round(len(places) * FLIPPED_SHARE))):
            changed[place] ^= 1 << random.randrange(8)
        yield _written(folder / f"{path.name}.flipped-{copy}", bytes(changed))


@dataclass(frozen=True, slots=True)
class Lie:
    """A number of a header, overwritten."""

    kind: str
    """The pair, as in `pairs`, whose header it is."""
    after: bytes
    """The number stands `offset` bytes behind the beginning of this."""
    offset: int
    value: bytes


BIG, MOST, ZERO = GIGANTIC.to_bytes(4, "big"), b"\xff" * 4, bytes(4)
LITTLE = GIGANTIC.to_bytes(4, "little")
LIES: dict[str, list[Lie]] = {
    "mp4 lists 2^31 frames of one byte": [Lie("mp4.mpeg4", b"stsz", 8, b"\0\0\0\1" + BIG)],
    "mp4 lists 2^31 frames": [Lie("mp4.mpeg4", b"stsz", 12, BIG)],
    "mp4 lists 2^31 frames in a chunk": [
        Lie("mp4.mpeg4", b"stsz", 8, b"\0\0\0\1" + BIG),
        Lie("mp4.mpeg4", b"stsc", 16, BIG),
        Lie("mp4.mpeg4", b"stts", 12, BIG),
    ],
    "mp4 has 2^31 chunks": [Lie("mp4.mpeg4", b"stco", 8, BIG)],
    "mp4 with a table of 2^32 times": [Lie("mp4.mpeg4", b"stts", 8, MOST)],
    "mp4 whose frames last 2^31 units": [Lie("mp4.mpeg4", b"stts", 16, BIG)],
    "mp4 whose frames last -1 units": [Lie("mp4.mpeg4", b"stts", 16, MOST)],
    "mp4 whose frames last no time": [Lie("mp4.mpeg4", b"stts", 16, ZERO)],
    "mp4 with 0 units a second": [Lie("mp4.mpeg4", b"mdhd", 16, ZERO)],
    "mp4 with 1 unit a second": [Lie("mp4.mpeg4", b"mdhd", 16, b"\0\0\0\1")],
    "mp4 with 2^32 units a second": [Lie("mp4.mpeg4", b"mdhd", 16, MOST)],
    "mp4 that lasts 2^32 units": [Lie("mp4.mpeg4", b"mvhd", 20, MOST), Lie("mp4.mpeg4", b"mdhd", 20, MOST)],
    "mp4 that lasts no time": [Lie("mp4.mpeg4", b"mvhd", 20, ZERO), Lie("mp4.mpeg4", b"mdhd", 20, ZERO)],
    "mp4 with a box of 2^32 bytes": [Lie("mp4.mpeg4", b"moov", -4, MOST)],
    "mp4 with a box of 2^63 bytes": [Lie("mp4.mpeg4", b"mdat", -4, b"\0\0\0\1mdat\x7f" + b"\xff" * 7)],
    "mp4 with a box of no bytes": [Lie("mp4.mpeg4", b"trak", -4, ZERO)],
    "mp4 of 65535×65535": [Lie("mp4.mpeg4", b"mp4v", 28, MOST)],
    "mov of 65535×65535 raw pixels": [Lie("mov.v408", b"v408", 28, MOST)],
    "png in mov of 65535×65535": [Lie("mov.png", b"IHDR", 4, b"\0\0\xff\xff\0\0\xff\xff")],
    "png in mov of 2^31×2^31": [Lie("mov.png", b"IHDR", 4, BIG + BIG)],
    "qtrle of 32767×32767": [Lie("mov.qtrle", b"rle ", 28, b"\x7f\xff\x7f\xff")],
    "qtrle of 8000×4500": [Lie("mov.qtrle", b"rle ", 28, b"\x1f\x40\x11\x94")],
    "gif of 65535×65535": [Lie("gif.gif", b"GIF89a", 6, MOST)],
    "gif of 8000×4500": [Lie("gif.gif", b"GIF89a", 6, b"\x40\x1f\x94\x11")],
    "ivf of 65535×65535": [Lie("ivf.libvpx", b"DKIF", 12, MOST)],
    "ivf with 0 units a second": [Lie("ivf.libvpx", b"DKIF", 16, bytes(8))],
    "ivf with 2^32 units a second": [Lie("ivf.libvpx", b"DKIF", 16, MOST + b"\1\0\0\0")],
    "ivf of 2^32 frames": [Lie("ivf.libvpx", b"DKIF", 24, MOST)],
    "ivf with a frame of 2^32 bytes": [Lie("ivf.libvpx", b"DKIF", 32, MOST)],
    "ivf at the end of time": [Lie("ivf.libvpx", b"DKIF", 36, b"\xff" * 7 + b"\x7f")],
    "avi of 2^31 frames": [Lie("avi.mpeg4", b"avih", 24, LITTLE), Lie("avi.mpeg4", b"strh", 40, LITTLE)],
    "avi of 65535×65535": [Lie("avi.mpeg4", b"strf", 12, LITTLE + LITTLE)],
    "avi of 2^31×2^31 huffyuv": [Lie("avi.huffyuv", b"strf", 12, LITTLE + LITTLE)],
    "avi of 20000×20000 zlib": [Lie("avi.zlib", b"strf", 12, b"\x20\x4e\0\0\x20\x4e\0\0")],
    "avi of 8000×4500 zlib": [Lie("avi.zlib", b"strf", 12, b"\x40\x1f\0\0\x94\x11\0\0")],
    "avi with 0 frames in 0 seconds": [Lie("avi.mpeg4", b"strh", 28, bytes(8))],
    "avi with 2^32 frames a second": [Lie("avi.mpeg4", b"strh", 28, b"\1\0\0\0" + MOST)],
    "avi with a frame in 2^32 seconds": [Lie("avi.mpeg4", b"strh", 28, MOST + b"\1\0\0\0")],
    "avi with a list of 2^32 bytes": [Lie("avi.mpeg4", b"movi", -4, MOST)],
    "avi with a frame of 2^32 bytes": [Lie("avi.mpeg4", b"00dc", 4, MOST)],
    "avi with an index of 2^32 bytes": [Lie("avi.mpeg4", b"idx1", 4, MOST)],
    "matroska with no unit of time": [Lie("matroska.mpeg4", b"\x2a\xd7\xb1\x83", 4, bytes(3))],
    "matroska in units of 17 ms": [Lie("matroska.mpeg4", b"\x2a\xd7\xb1\x83", 4, b"\xff" * 3)],
    "matroska of 65535×65535": [
        Lie("matroska.ffv1", b"\xb0\x81\x40\xba\x81\x30", 0, b"\xb0\x82\xff\xff\xba\x80"),
    ],
    "matroska whose segment has 2^56 bytes": [
        Lie("matroska.mpeg4", b"\x18\x53\x80\x67", 4, b"\x01" + b"\xff" * 6 + b"\xfe")
    ],
    "matroska whose cluster has 2^56 bytes": [Lie("matroska.mpeg4", b"\x1f\x43\xb6\x75", 4, b"\x01" + b"\xff" * 7)],
    "flv with 0 frames a second": [Lie("flv.flv", b"framerate", 10, bytes(8))],
    "flv whose rate is no number": [Lie("flv.flv", b"framerate", 10, b"\x7f\xf8" + bytes(6))],
    "flv that lasts for ever": [Lie("flv.flv", b"duration", 9, b"\x7f\xf0" + bytes(6))],
    "flv with a frame of 2^24 bytes": [Lie("flv.flv", b"FLV", 14, b"\xff" * 3)],
    "y4m of 65535×65535": [Lie("yuv4mpegpipe.rawvideo", b"W64 H48 F25:1", 0, b"W65535 H65535")],
    "y4m of 0 frames in 0 seconds": [Lie("yuv4mpegpipe.rawvideo", b"F25:1", 0, b"F0:00")],
}
"""By what is said; each file is its pair with all of these numbers overwritten."""


def lying(pairs: Path, folder: Path) -> Iterator[Path]:
    """Every pair whose header is told to lie, in a file of its own."""
    for said, lies in LIES.items():
        changed = bytearray((pairs / lies[0].kind).read_bytes())
        for lie in lies:
            start = changed.index(lie.after) + lie.offset
            changed[start : start + len(lie.value)] = lie.value
        yield _written(folder / said.replace(" ", "_"), bytes(changed))


def noise(pairs: Path, folder: Path) -> Iterator[Path]:
    """As if encrypted: all of a file, all but its header, or what lies between header and end."""
    for kind in ("mp4.mpeg4", "avi.mpeg4", "matroska.ffv1", "mpegts.libx264", "nut.rawvideo", "ogg.libvpx"):
        path = pairs / kind
        if not path.exists():
            continue
        data = path.read_bytes()
        noisy = Random(kind).randbytes(len(data))
        suffix = kind.split(".")[0]
        yield _written(folder / f"whole.{suffix}", noisy)
        yield _written(folder / f"behind_its_header.{suffix}", data[:64] + noisy[64:])
        yield _written(folder / f"in_its_middle.{suffix}", data[:600] + noisy[600:-600] + data[-600:])
        yield _written(folder / f"before_the_end.{suffix}", noisy[:600] + data[600:])


def joined(pairs: Path, folder: Path) -> Iterator[Path]:
    """A video, and another of its format or of another, one behind the other in one file."""
    kinds = (
        "mp4.mpeg4",
        "avi.mpeg4",
        "matroska.ffv1",
        "mpegts.libx264",
        "h264.libx264",
        "gif.gif",
        "flv.flv",
        "nut.snow",
    )
    for first in kinds:
        for second in kinds:
            data = (pairs / first).read_bytes() + (pairs / second).read_bytes()
            yield _written(folder / f"{first}+{second}", data)


def _written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
