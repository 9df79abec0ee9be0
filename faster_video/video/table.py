"""Which frames a video really has, and when each is shown.

Frame i is the i-th frame, in display order, that the decoder delivers. Where every packet is one frame and
carries its time, reading the packets is enough; elsewhere the frames are counted by decoding them all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from faster_video.errors import DecodeError
from faster_video.files import printable
from faster_video.video.container import decoded, frames_of, open_container, require_fruit, undecodable, video_stream

ONE_FRAME_PER_PACKET = frozenset(
    {"apng", "av1", "dnxhd", "dvvideo", "ffv1", "ffvhuff", "gif", "h264", "hevc", "huffyuv", "mjpeg"}
    | {"mpeg1video", "mpeg2video", "mpeg4", "png", "prores", "qtrle", "rawvideo", "vp9"}
)
"""Codecs whose packets each give one frame, MPEG-4's unless `_is_odd_mpeg4`. VP8 (hidden reference frames) and all
others are counted by decoding."""
REORDERED = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"})
"""Those of them whose packets may come in another order than their pictures are shown in; the decoder sorts them."""
MPEG4_PICTURE = b"\0\0\1\xb6"
"""With these bytes a picture (VOP) begins."""
MPEG4_LEAST_BYTES = 16
"""Of a picture with something in it, start included; an empty one, which gives no frame, is shorter."""

GUESS_TIMES = 0x0001
"""FFmpeg's AVFMT_FLAG_GENPTS, which PyAV sets on every container."""


@dataclass(frozen=True, slots=True)
class FrameTable:
    """The frames of a video in display order; a few numbers for each, no pixels."""

    seconds: NDArray[np.float64]
    """When each frame is shown, from the start of the video."""
    last_seconds: float
    """How long the last frame is shown; 0 where the file does not say."""
    pts: NDArray[np.int64]
    """Each frame's time in the stream's units, rising; empty where frames cannot be recognised by it."""
    keyframes: NDArray[np.int64]
    """Numbers, rising, of the frames at which decoding can start; empty where `pts` is."""

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def seekable(self) -> bool:
        """Whether a frame can be recognised wherever decoding began."""
        return len(self.pts) > 0

    def find(self, pts: int | None) -> int | None:
        """The number of the frame shown at this time, None where there is none."""
        if pts is None:
            return None
        number = int(self.pts.searchsorted(pts))
        return number if number < len(self.pts) and self.pts[number] == pts else None


class Entry(NamedTuple):
    """One packet, or one frame that was delivered."""

    pts: int | None
    duration: int
    is_keyframe: bool
    is_odd: bool = False
    """Whether it may give no frame, or two."""


def first_frame(container: InputContainer, stream: VideoStream, path: str | Path) -> VideoFrame:
    """The first frame that decodes. Raises `DecodeError` where none does."""
    for frame in decoded(container, stream, path):
        return frame
    raise undecodable(stream, path)


def read_packets(container: InputContainer, stream: VideoStream, path: str | Path) -> tuple[list[Entry], VideoFrame]:
    """Every packet that promises a frame, in the file's order, and the first frame, decoded.

    Raises `DecodeError` where no frame decodes, or where the data end before the container says.
    """
    container.flags &= ~GUESS_TIMES  # see only the times that the file holds
    packets: list[Entry] = []
    first: VideoFrame | None = None
    is_mpeg4 = stream.codec_context.codec.canonical_name == "mpeg4"
    for packet in container.demux(stream):
        if first is None:
            first = next(iter(frames_of(packet)), None)
            require_fruit(len(packets), path)
        if packet.size and not packet.is_corrupt and not packet.is_discard:
            is_odd = is_mpeg4 and _is_odd_mpeg4(bytes(packet))
            packets.append(Entry(packet.pts, packet.duration or 0, packet.is_keyframe, is_odd))
    _require_whole(container, stream, len(packets), path)
    if first is None:
        raise undecodable(stream, path)
    return packets, first


def _is_odd_mpeg4(packet: bytes) -> bool:
    """Whether a packet is anything but one picture: B-frames packed with another, or a picture with nothing in it."""
    return packet.count(MPEG4_PICTURE) != 1 or len(packet) - packet.index(MPEG4_PICTURE) < MPEG4_LEAST_BYTES


def _require_whole(container: InputContainer, stream: VideoStream, num_read: int, path: str | Path) -> None:
    """Refuse an MP4 or MOV whose pictures lie beyond the end of the file; other formats do not say."""
    if "mov" not in container.format.name:
        return
    size = container.size
    lost = sum(entry.pos + entry.size > size for entry in stream.index_entries)
    refuse_truncated(path, num_read + lost, lost)


def refuse_truncated(path: str | Path, listed: int, lost: int) -> None:
    """Refuse a file whose header lists frames that lie beyond its end. Raises `DecodeError`."""
    if lost:
        raise DecodeError(
            f"{printable(path)}: truncated: its header lists {listed} frames, "
            f"but the data of the last {lost} are missing"
        )


def packets_tell(stream: VideoStream, packets: list[Entry]) -> bool:
    """Whether the packets alone say which frames the decoder will deliver, and when each is shown."""
    codec = stream.codec_context.codec.canonical_name
    if codec not in ONE_FRAME_PER_PACKET or not have_distinct_times(packets):
        return False
    if any(entry.is_odd for entry in packets) or _are_times_of_decoding(stream):
        return False
    if codec not in REORDERED and not rise(packets):
        return False
    # Frames shown before the first keyframe need one that the file does not hold: decoders drop them.
    times = [entry.pts for entry in packets if entry.pts is not None]
    return packets[0].is_keyframe and times[0] == min(times)


def _are_times_of_decoding(stream: VideoStream) -> bool:
    """Whether packets come with the time of decoding in place of the other one: MXF says no more where it holds H.264.

    The two differ only where pictures are shown in another order than they are decoded in.
    """
    context = stream.codec_context
    return stream.container.format.name == "mxf" and context.has_b_frames and context.codec.canonical_name == "h264"


def have_distinct_times(entries: list[Entry]) -> bool:
    """Whether each entry has a time, and no two the same."""
    return len({entry.pts for entry in entries if entry.pts is not None}) == len(entries) > 0


def count_frames(path: str | Path) -> list[Entry]:
    """Decode a whole file, keeping only what the table needs of each frame."""
    with open_container(path) as container:
        frames: Iterable[VideoFrame] = decoded(container, video_stream(container, path), path)
        return [Entry(frame.pts, frame.duration or 0, frame.key_frame) for frame in frames]


def rise(entries: list[Entry]) -> bool:
    """Whether packets or delivered frames come with times that rise, as those of a sound file do."""
    times = [entry.pts for entry in entries if entry.pts is not None]
    return len(times) == len(entries) and all(a < b for a, b in pairwise(times))


def make_table(entries: list[Entry], time_base: Fraction, fps: Fraction, *, seekable: bool) -> FrameTable:
    """Order frames by their times; frames without distinct times are shown at an even `fps`.

    Decoders deliver in display order, so sorting moves a time only where the container guessed it
    (AVI with packed B-frames): the times are then right as a set, but not frame by frame.
    """
    nothing = np.empty(0, np.int64)
    if not have_distinct_times(entries):
        return FrameTable(np.arange(len(entries)) / float(fps), float(1 / fps), nothing, nothing)
    in_order = sorted(entries, key=lambda entry: entry.pts or 0)
    pts = np.array([entry.pts for entry in in_order], np.int64)
    seconds = (pts - pts[0]).view(np.uint64) * float(time_base)  # rising, so any distance is right as such a number
    last_seconds = max(in_order[-1].duration, 0) * float(time_base)
    if not seekable:
        return FrameTable(seconds, last_seconds, nothing, nothing)
    keyframes = np.flatnonzero([entry.is_keyframe for entry in in_order])
    return FrameTable(seconds, last_seconds, pts, keyframes)
