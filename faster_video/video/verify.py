"""Every frame of a file decoded once, and any damage named: `VideoReader` shows what a decoder conceals, this tells.

Found for certain: what the decoder or the container notices (frames that do not decode, or only in part; data that are
cut off), blocks of zeros, and frames that are not where the file's index says, do not begin as frames do, or that
the container's reader says it skips. Other bytes
in place of the right ones are noticed where they break a rule of the codec. Nearly all do; a few decode to a wrong
picture by all rules, and the formats that people use have no checksum by which anybody could tell.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from faster_video.errors import DecodeError
from faster_video.files import printable
from faster_video.video.container import LIMITS, naming, open_container, video_stream
from faster_video.video.diagnose import why_cut_off, why_no_video
from faster_video.video.probe import Scan, VideoInfo, scan

CHECKING = {"err_detect": "crccheck"}
"""Check the sums of formats that have them (FFV1, PNG). FFmpeg's other options found no more of 464 damaged
files, and some of them refuse sound ones: `aggressive` MPEG-4, `explode` H.264 cut between two keyframes."""
REFUSING = {"err_detect": "crccheck+explode"}
"""For PNG, whose decoder otherwise leaves out what has a wrong sum and says nothing."""
NO_LONG_ZEROS = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"})
"""Codecs that write no long run of zero bits, so that none is taken for the start of something."""
ZEROS = re.compile(rb"\x00{32,}[^\x00\x01]")
"""A run that is neither padding before a start code (0 0 1) nor at the packet's end, where it is allowed."""
START_CODE = re.compile(rb"\x00\x00+\x01|\x00\x00[\x80-\x83]")
"""With this begins every packet of the codecs below; the second form is H.263's, which MPEG-4 may hold."""
BEGIN_WITH_START_CODE = frozenset({"mpeg1video", "mpeg2video", "mpeg4"})
"""Their decoders pass over anything else in silence."""
LEAST_FRAME_BYTES = 16
"""Smaller packets stand for a frame that was dropped or that came with the one before."""
BARE_STREAMS = frozenset({"h261", "h263", "h264", "hevc", "m4v", "mjpeg", "mpegvideo", "obu", "vc1"})
"""Formats without a header, for which FFmpeg takes a file when it does not find the header of another."""
WITH_HEADER = frozenset({".3gp", ".avi", ".flv", ".mkv", ".mov", ".mp4", ".webm", ".wmv"})
"""Names' endings under which no such format is meant."""
SKIPPING_READERS = frozenset({"asf", "flv", "matroska,webm"})
"""Formats whose reader, where it meets damage, goes on at the next frame it makes out, and only its log says so."""
AVI_CHUNK_HEADER = 8
"""Bytes by which a packet's data lie behind the place that an AVI's index names."""


def verify(path: str | Path) -> VideoInfo:
    """What a sound video file holds.

    Raises `DecodeError`, naming the file and the reason in plain words, where it is no video that can be read, ends
    early, or is damaged; then the reason has the second from the start of the video at which damage is first met.
    """
    try:
        found = scan(path)
    except DecodeError as error:
        with naming(path):
            reason = _why_refused(Path(path))
        if reason is None:
            raise
        raise DecodeError(f"{printable(path)}: {reason}") from error
    with naming(path):
        reason = why_cut_off(Path(path)) or _why_damaged(path, found)
    if reason is not None:
        raise DecodeError(f"{printable(path)}: {reason}")
    return found.info


def _why_refused(path: Path) -> str | None:
    """Plainer words for what `probe` refused; None where its own are the best."""
    if not path.is_file():  # a pipe would keep us waiting
        return None
    return why_no_video(path) or why_cut_off(path)


def _why_damaged(path: str | Path, found: Scan) -> str | None:
    info = found.info
    with open_container(path) as container:
        damage = _decode_all(container, video_stream(container, path))
        is_headless = container.format.name in BARE_STREAMS and Path(path).suffix.lower() in WITH_HEADER
    if damage.first is not None and is_headless:
        return "its header is damaged: only a bare stream of pictures can be made out, and that not whole"
    if damage.first is None and damage.num_decoded < info.num_frames:
        return f"damaged: only {damage.num_decoded} of its {info.num_frames} frames can be decoded"
    if damage.first is None and found.packets_tell and not damage.is_in_order:
        return "damaged: its frames come in another order than the one in which they are shown"
    if damage.first is None:
        return None
    seconds, what = damage.first
    return f"damaged at {seconds:.1f} s: {what} ({len(damage.places)} of {info.num_frames} frames hit)"


class _Damage:
    """Where in the video damage was met."""

    def __init__(self, stream: VideoStream) -> None:
        self._start = stream.start_time or 0
        self._time_base = stream.time_base or 0
        self.num_decoded = 0
        self.is_in_order = True
        """Whether the decoder delivers the frames at rising times."""
        self._latest: int | None = None
        self.first: tuple[float, str] | None = None
        """The earliest second, and what is wrong there."""
        self.places: set[int | None] = set()
        """Times, in the stream's units, of all frames that are hit; those that build on them look wrong too."""

    def met(self, frame: VideoFrame) -> None:
        """A frame that the decoder has delivered."""
        self.num_decoded += 1
        if frame.is_corrupt:
            self.note(frame.pts, "part of a frame cannot be decoded")
        if frame.pts is not None:
            self.is_in_order &= self._latest is None or self._latest < frame.pts
            self._latest = frame.pts

    def note(self, time: int | None, what: str) -> None:
        """Damage at a time in the stream's units, of which there may be none."""
        self.places.add(time)
        seconds = max(0.0, float(((time or 0) - self._start) * self._time_base))
        if self.first is None or seconds < self.first[0]:
            self.first = seconds, what


def _decode_all(container: InputContainer, stream: VideoStream) -> _Damage:
    codec = stream.codec_context.codec.canonical_name
    stream.codec_context.options = LIMITS | (REFUSING if codec in ("png", "apng") else CHECKING)
    damage = _Damage(stream)
    listed = {entry.pos: entry.timestamp for entry in stream.index_entries if entry.size} if _is_avi(container) else {}
    is_past_keyframe = False
    with _listening_to(container.format.name) as has_skipped:
        for packet in container.demux(stream):
            if has_skipped() and packet.size:
                damage.note(_time(packet), "data before this frame cannot be read")
            is_past_keyframe |= packet.is_keyframe
            listed.pop((packet.pos or 0) - AVI_CHUNK_HEADER, None)
            _decode_packet(packet, codec, damage, is_past_keyframe=is_past_keyframe)
    for time in listed.values():
        damage.note(time, "a frame is not where the file's index says")
    return damage


def _is_avi(container: InputContainer) -> bool:
    """The one format whose reader passes over lost frames in silence and whose index names them all."""
    return container.format.name == "avi"


@contextmanager
def _listening_to(reader: str) -> Iterator[Callable[[], bool]]:
    """Whether a skipping reader has logged an error, in this thread, since that was last asked; others never have."""
    if reader not in SKIPPING_READERS:
        yield lambda: False
        return
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as logs:

            def has_skipped() -> bool:
                has_spoken = any(name == reader for _, name, _ in logs)
                logs.clear()  # a decoder may have filled it
                return has_spoken

            yield has_skipped
    finally:
        av.logging.set_level(level)


def _time(packet: "Packet[VideoStream]") -> int | None:
    return packet.dts if packet.pts is None else packet.pts


def _decode_packet(packet: "Packet[VideoStream]", codec: str, damage: _Damage, *, is_past_keyframe: bool) -> None:
    time = _time(packet)
    if codec in NO_LONG_ZEROS and packet.size and ZEROS.search(packet):
        damage.note(time, "a block of zeros stands where data should be")
    if packet.is_corrupt:
        damage.note(time, "the file itself marks a frame as damaged")
    try:
        frames = packet.decode()
    except av.error.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        # What comes before the first keyframe of a video cut out of a longer one cannot be decoded, and need not be.
        if is_past_keyframe:
            damage.note(time, "a frame cannot be decoded")
        return
    is_frame = codec in BEGIN_WITH_START_CODE and packet.size >= LEAST_FRAME_BYTES
    if is_frame and not frames and not START_CODE.match(packet):
        damage.note(time, "a frame is overwritten with something else")
    for frame in frames:
        damage.met(frame)
