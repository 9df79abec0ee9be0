"""What a video file holds: `probe` for everyone, `scan` for the reader, which needs the frame table too."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from faster_video.video.container import naming, open_container, video_stream
from faster_video.video.index import table_of_index
from faster_video.video.pixels import Orientation, PictureKind, RgbConverter
from faster_video.video.table import (
    FrameTable,
    count_frames,
    first_frame,
    have_distinct_times,
    make_table,
    packets_tell,
    read_packets,
    rise,
)

DEFAULT_FPS = Fraction(25)
"""For streams that neither name a rate nor time their frames, such as raw H.264."""
FPS_TOLERANCE = 0.05
"""Share by which a few dropped frames, or times rounded to milliseconds, may move the average."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoInfo:
    """What a video file holds."""

    path: Path
    num_frames: int
    """Frames that can be decoded, whatever the header says."""
    fps: Fraction
    """Frames per second on average: the header's where the frames' times agree within 5 %, else theirs."""
    seconds: float
    """From the appearance of the first frame to the end of the last one."""
    height: int
    """Pixels, as shown: after rotation."""
    width: int
    """Pixels, as shown: after rotation."""
    rotation: int
    """Degrees clockwise (0, 90, 180, 270) by which stored pictures are turned to be shown; frames come so."""
    codec: str
    """FFmpeg's name, such as h264 or mpeg4."""


@dataclass(frozen=True, slots=True)
class Scan:
    """All that is known of a file before its frames are read; it holds no part of the file open."""

    info: VideoInfo
    table: FrameTable
    packets_tell: bool
    """Whether each packet is one frame, shown at the packet's time; else the frames were counted by decoding."""
    picture: PictureKind
    orientation: Orientation

    def new_converter(self) -> RgbConverter:
        """What turns this file's frames into RGB; each reader needs its own."""
        return RgbConverter(self.picture, self.orientation)


def probe(path: str | Path) -> VideoInfo:
    """What a video file holds, its frames counted truly.

    Raises `DecodeError`, naming the file and the reason. A file cut short: MP4 and MOV say how far their
    data reach, so they are refused as truncated; of all others the frames still there are counted.
    """
    return scan(path).info


def scan(path: str | Path, *, by_decoding: bool = False) -> Scan:
    """Read a file's index or its packets; decode it all only if asked to, or where these do not tell its frames."""
    with naming(path), open_container(path) as container:
        stream = video_stream(container, path)
        table = None if by_decoding else table_of_index(container, stream, path)
        if table is None:
            return _scan_packets(container, stream, path, by_decoding=by_decoding)
        first = first_frame(container, stream, path)
        return _scanned(path, stream, table, first, _header_fps(stream, timed=True), packets_tell=True)


def _scan_packets(container: InputContainer, stream: VideoStream, path: str | Path, *, by_decoding: bool) -> Scan:
    packets, first = read_packets(container, stream, path)
    timed = have_distinct_times(packets)
    header_fps = _header_fps(stream, timed=timed and len(packets) > 1)
    by_packets = not by_decoding and packets_tell(stream, packets)
    entries = packets if by_packets else count_frames(path)
    # Times which the container lacks are guessed, and the guess changes with where decoding began.
    seekable = by_packets or (timed and rise(entries))
    table = make_table(entries, stream.time_base or 1 / header_fps, header_fps, seekable=seekable)
    return _scanned(path, stream, table, first, header_fps, packets_tell=by_packets)


def _scanned(
    path: str | Path,
    stream: VideoStream,
    table: FrameTable,
    first: VideoFrame,
    header_fps: Fraction,
    *,
    packets_tell: bool,
) -> Scan:
    orientation = Orientation.of(first)
    height, width = orientation.shown_size(first.height, first.width)
    fps = _average_fps(table, header_fps)
    info = VideoInfo(
        path=Path(path),
        num_frames=len(table),
        fps=fps,
        seconds=float(table.seconds[-1]) + (table.last_seconds or float(1 / fps)),
        height=height,
        width=width,
        rotation=orientation.rotation,
        codec=stream.codec_context.codec.canonical_name,
    )
    return Scan(info, table, packets_tell, PictureKind.of(first), orientation)


def _header_fps(stream: VideoStream, *, timed: bool) -> Fraction:
    """The container's rate; without two times to average it is a guess, and the codec's own is better."""
    rates = (stream.average_rate, stream.guessed_rate)
    own = stream.codec_context.framerate
    return next((rate for rate in (rates if timed else (own, *rates)) if rate and rate > 0), DEFAULT_FPS)


def _average_fps(table: FrameTable, header_fps: Fraction) -> Fraction:
    """The header's rate unless the frames' own times contradict it."""
    if len(table) < 2:
        return header_fps
    measured = (len(table) - 1) / float(table.seconds[-1])
    if abs(measured / float(header_fps) - 1) <= FPS_TOLERANCE:
        return header_fps
    return Fraction(measured).limit_denominator(1001) or Fraction(measured)  # pictures hours apart
