"""Changes to a file's bytes that know a little of how video files are built."""

from collections.abc import Callable, Sequence
from random import Random

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
"""Numbers at which programs slip."""
NAMES = (
    b"moov trak mdia minf stbl stsd stts ctts stsc stsz stco co64 stss elst mvhd mdhd tkhd moof trun tfhd tfdt sidx "
    b"mdat avih strh strf movi idx1 00dc indx RIFF LIST IHDR acTL fcTL fdAT IDAT DKIF FLV FRAME"
).split()
"""Beside these stand sizes and counts: boxes of MP4, chunks of AVI and PNG, and the like."""
_ELEMENTS = "1a45dfa3 18538067 1549a966 1654ae6b ae 1f43b675 e7 a3 a0 a1 1c53bb6b b0 ba 2ad7b1 4489 23e383"
EBML = tuple(map(bytes.fromhex, _ELEMENTS.split()))
"""Elements of Matroska; behind each is its size."""
MOST_BYTES = 200_000
Change = Callable[[bytearray, Sequence[bytes], Random], None]
"""Changes a file in place, knowing other files."""


def mutated(data: bytes, seeds: Sequence[bytes], random: Random) -> bytes:
    """The file, or one of the seeds in its place, with one to eight changes."""
    changed = bytearray(random.choice(seeds) if not data or random.random() < 0.5 else data)
    for _ in range(2 ** random.randrange(4)):
        if changed:
            random.choice(CHANGES)(changed, seeds, random)
    return bytes(changed[:MOST_BYTES]) or b"\0"


def _place(data: bytearray, random: Random) -> int:
    """Anywhere, but every other time in the first kilobyte, where headers are."""
    return random.randrange(min(len(data), 1024) if random.random() < 0.5 else len(data))


def _part(data: bytes | bytearray, random: Random) -> tuple[int, int]:
    """Start and end of a stretch, mostly a short one."""
    start = random.randrange(len(data))
    return start, min(len(data), start + 2 ** random.randrange(13))


def _flip(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    data[_place(data, random)] ^= 1 << random.randrange(8)


def _overwrite(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    start, noise = _place(data, random), random.randbytes(2 ** random.randrange(8))
    data[start : start + len(noise)] = noise


def _set_edge(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    _put_edge(data, _place(data, random), random)


def _put_edge(data: bytearray, start: int, random: Random) -> None:
    width = random.choice((1, 2, 3, 4, 8))
    number = random.choice(EDGES) + random.choice((-1, 0, 0, 1))
    data[start : start + width] = (number % 256**width).to_bytes(width, random.choice(("big", "little")))


def _set_beside_a_name(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    """A size before or a number behind a box, a chunk or an element becomes an edge."""
    name = random.choice(NAMES if random.random() < 0.7 else EBML)
    found = data.find(name, random.randrange(len(data)))
    found = data.find(name) if found < 0 else found
    if found >= 0:
        start = found + random.choice((-4, len(name), len(name) + random.randrange(40)))
        _put_edge(data, max(start, 0), random)


def _delete(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    start, end = _part(data, random)
    del data[start:end]


def _double(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    start, end = _part(data, random)
    data[end:end] = data[start:end] * random.choice((1, 1, 2, 16))


def _move(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    start, end = _part(data, random)
    taken = data[start:end]
    del data[start:end]
    place = random.randrange(len(data) + 1)
    data[place:place] = taken


def _insert(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    place = _place(data, random)
    data[place:place] = random.choice((bytes(64), random.randbytes(16), b"\xff" * 8))


def _cut(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    del data[random.randrange(len(data)) + 1 :]


def _splice(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    """A stretch of another file in the place of one of this."""
    other = random.choice(seeds)
    start, end = _part(other, random)
    place, place_end = _part(data, random)
    data[place:place_end] = other[start:end]


def _swap_header(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    """Another file's beginning before this file's end."""
    other, share = random.choice(seeds), random.random()
    data[: int(len(data) * share)] = other[: int(len(other) * share)]


def _swap_box(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    """What another file has behind the same name, size included."""
    name, other = random.choice(NAMES), random.choice(seeds)
    here, there = data.find(name), other.find(name)
    if here >= 4 and there >= 4:
        length = min(int.from_bytes(other[there - 4 : there], "big"), 4096)
        data[here - 4 : here - 4 + length] = other[there - 4 : there - 4 + length]


CHANGES: tuple[Change, ...] = (
    _flip,
    _overwrite,
    _set_edge,
    _set_beside_a_name,
    _set_beside_a_name,
    _delete,
    _double,
    _move,
    _insert,
    _cut,
    _splice,
    _swap_header,
    _swap_box,
)
