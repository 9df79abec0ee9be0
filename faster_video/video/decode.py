"""Chosen frames of a video as RGB, in memory that grows with what is asked for and never with the video."""

# Shapes: T frames asked for, H W the height and width of the video as shown, or of a view of it, 3 colours: red, green,
# blue.

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from faster_video.errors import DecodeError
from faster_video.files import printable
from faster_video.video.container import frames_of, naming, open_container, require_fruit, video_stream
from faster_video.video.frames import Frames, clip_of, lacking, require_inside, shown_size
from faster_video.video.probe import Scan, VideoInfo, scan
from faster_video.video.scans import ScanCache
from faster_video.video.view import Pixels, View

SEEK_WORTH_FRAMES = 12
"""A seek costs about as much as decoding this many frames; it is made where it skips more."""
SKIPS_WELL = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"})
"""Codecs whose decoder can leave out a picture that no other builds on, without a change to the others."""
SEEK_TRIES = 3
"""Keyframes tried, going back from the one before the target, before decoding starts at the beginning."""


class VideoReader:
    """Reads chosen frames of one file; use it in a `with` statement, in one thread.

    Frame i is the i-th frame in display order that the decoder delivers, as in a sequential read. Reading
    goes on from frame to frame where they are dense and seeks where they are sparse; what lies between and
    no other frame builds on is not decoded. All methods raise `DecodeError`, naming the file. What a decoder
    conceals inside a damaged frame is shown as concealed; frames that damage has swallowed whole are found out
    when they are asked for, or decoded on the way to others.

    With `scans`, a file that was read before and has not changed since is not scanned again; what is read is the same.
    """

    def __init__(self, path: str | Path, scans: ScanCache | None = None) -> None:
        self._path = path
        self._scan = scan(path) if scans is None else scans.get(path)
        self._converter = self._scan.new_converter()
        self._num_promised = self._scan.info.num_frames
        self._container: InputContainer | None = None
        self._stream: VideoStream | None = None
        self._delivered: Iterator[VideoFrame] = iter(())
        self._next = 0
        """Number of the frame that the decoder delivers next."""
        self._last_met = -1
        """Highest number that a delivered frame was given."""
        self._sought = -1
        """The last target of a seek; on the way to it no other seek is made."""
        self._can_seek = True
        self._recounted = False
        self._wanted: set[int] | None = None
        """Times of the frames that are asked for, in the stream's units; None to decode all."""
        self._left_out = set[int | None]()
        """Times of the packets met since the last seek that were not wanted then."""
        self._kept: dict[int, Pixels] = {}
        """Converted frames, which the present clip or a later one still needs."""

    @property
    def scan(self) -> Scan:
        """All that is known of the file."""
        return self._scan

    @property
    def info(self) -> VideoInfo:
        """What the file holds."""
        return self._scan.info

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let go of every frame."""
        self._kept.clear()
        self._close_container()

    def frames(self, indices: Sequence[int]) -> Frames:
        """The frames with these numbers, in this order; numbers may repeat."""
        return next(self.clips([indices]))

    def clips(self, clips: Sequence[Sequence[int]], view: View | None = None) -> Iterator[Frames]:
        """One `Frames` per clip, in the order given: the frames as they are shown, or a view of each.

        A frame is decoded once and kept until the last clip that needs it. With clips in time order that
        is at most the frames of one clip's span beside the clip itself, however long the video is.
        """
        size = shown_size(self.info, view)
        read = self._read(clips, lambda frame: self._converter(frame, view))
        for clip, pictures in zip(clips, read, strict=True):
            yield clip_of(pictures, clip, size, self._scan.table.seconds)

    def stored_frames(self) -> NDArray[np.uint8]:
        """Every frame as `RgbConverter.stored` has it, [T, ...]."""
        (pictures,) = self._read([range(self.info.num_frames)], self._converter.stored)
        return np.stack(list(pictures.values()))

    def _read(
        self, clips: Sequence[Sequence[int]], convert: Callable[[VideoFrame], Pixels]
    ) -> Iterator[dict[int, Pixels]]:
        """For each clip the converted frames that it needs, by their numbers."""
        require_inside(self._path, len(self._scan.table), clips)
        last_use = {index: number for number, clip in enumerate(clips) for index in clip}
        self._kept.clear()
        self._want(list(last_use))
        try:
            for number, clip in enumerate(clips):
                self._decode(sorted(set(clip) - self._kept.keys()), last_use, number, convert)
                yield self._kept
                self._kept = {index: frame for index, frame in self._kept.items() if last_use[index] > number}
        finally:
            self._kept.clear()

    def _decode(
        self,
        wanted: list[int],
        last_use: dict[int, int],
        number: int,
        convert: Callable[[VideoFrame], Pixels],
    ) -> None:
        """Keep the wanted frames (rising), and those on the way that this clip or a later one needs."""
        with naming(self._path):
            for index in wanted:
                while index not in self._kept:
                    met, frame = self._advance(index)
                    if last_use.get(met, -1) >= number:
                        self._kept[met] = convert(frame)

    def _advance(self, target: int) -> tuple[int, VideoFrame]:
        """Take one frame, the target or one before it, from the decoder; seek first where it pays."""
        if self._container is None:
            self._restart()
        is_far = target - self._next > SEEK_WORTH_FRAMES and target != self._sought
        pays = is_far and self._frames_saved_by_seek(target) > SEEK_WORTH_FRAMES
        if target < self._next or pays:
            self._go_before(target)
        frame = next(self._delivered, None)
        number = self._number_of(frame)
        if frame is None or number is None:
            self._recount(target)
            return self._advance(target)
        self._next = number + 1
        self._last_met = max(self._last_met, number)
        return number, frame

    def _number_of(self, frame: VideoFrame | None) -> int | None:
        """The number of a frame that was delivered, None where it or one before it is not as the table says."""
        table = self._scan.table
        if frame is None or not table.seekable:
            return self._next
        if self._next < len(table) and table.pts[self._next] == frame.pts:
            return self._next
        number = table.find(frame.pts)
        if number is None or number < self._next:
            return None
        missed = table.pts[self._next : number].tolist()
        return None if missed and (self._wanted is None or not self._wanted.isdisjoint(missed)) else number

    def _want(self, indices: list[int]) -> None:
        """Have these frames decoded from here on; others may be left out where nothing builds on them."""
        self._wanted = None
        if self._scan.packets_tell and self._scan.info.codec in SKIPS_WELL:
            self._wanted = set(self._scan.table.pts[indices].tolist())
        if self._left_out and (self._wanted is None or not self._wanted.isdisjoint(self._left_out)):
            self._close_container()  # what was passed over may be wanted now
            self._sought = -1

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """The frames from the container's present position on, in display order, but for those left out."""
        fruitless = 0
        for packet in container.demux(stream):
            is_wanted = self._wanted is None or packet.pts in self._wanted
            if not is_wanted:
                self._left_out.add(packet.pts)
            stream.codec_context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
            frames = frames_of(packet)
            fruitless = 0 if frames else fruitless + is_wanted
            require_fruit(fruitless, self._path)
            yield from frames

    def _frames_saved_by_seek(self, target: int) -> int:
        keyframes = self._keyframes_before(target)
        return int(keyframes[0]) - self._next if len(keyframes) else 0

    def _keyframes_before(self, target: int) -> NDArray[np.int64]:
        """Keyframes shown no later than the target, nearest first; none where seeking does not work."""
        keyframes = self._scan.table.keyframes
        count = keyframes.searchsorted(target, side="right") if self._can_seek else 0
        return keyframes[:count][::-1]

    def _go_before(self, target: int) -> None:
        """Place the decoder at the target or before it."""
        self._sought = target
        came_from = self._next if self._next <= target else 0
        for keyframe in self._keyframes_before(target)[:SEEK_TRIES]:
            if keyframe == 0:
                break  # the beginning is reached more surely without a seek
            frame = self._seek(int(self._scan.table.pts[keyframe]))
            number = self._scan.table.find(frame.pts) if frame is not None else None
            if frame is not None and number is not None and came_from <= number <= target:
                self._delivered = chain([frame], self._delivered)
                self._next = number
                return
        else:
            self._can_seek = False  # the file's own index misleads
        self._restart()

    def _seek(self, pts: int) -> VideoFrame | None:
        """The first frame at or around this time with which decoding can truly begin, None without one.

        Frames delivered before it may refer to pictures that the seek skipped, so they are let go.
        """
        assert self._container is not None and self._stream is not None
        try:
            self._container.seek(pts, stream=self._stream)
        except FFmpegError:
            return None
        self._left_out.clear()
        self._delivered = self._decoded(self._container, self._stream)
        return next((frame for frame in self._delivered if frame.key_frame), None)

    def _restart(self) -> None:
        """Open the file anew, the decoder before frame 0."""
        self._close_container()
        self._container = open_container(self._path)
        self._stream = video_stream(self._container, self._path)
        self._delivered = self._decoded(self._container, self._stream)
        self._next = 0

    def _recount(self, target: int) -> None:
        """Count the frames by decoding: the decoder did not deliver what the packets promised.

        Refused where that was done before, or where it shows that frames went by under wrong numbers.
        """
        if self._recounted or not self._scan.table.seekable:
            found = len(self._scan.table)
            raise lacking(self._path, target if target >= found else self._next, found, self._num_promised)
        before = self._scan.table.pts
        self._scan = scan(self._path, by_decoding=True)
        self._recounted = True
        self._wanted = None
        self._close_container()
        met = self._last_met + 1
        if not np.array_equal(before[:met], self._scan.table.pts[:met]):
            promised, found = len(before), len(self._scan.table)
            why = f"its packets promise {promised} frames, but only {found} could be decoded"
            if found >= promised:
                why = "its frames come at other times, or in another order, than its packets say"
            raise DecodeError(
                f"{printable(self._path)}: damaged: {why}, and some of those already read had wrong numbers"
            )

    def _close_container(self) -> None:
        self._left_out.clear()
        self._delivered = iter(())
        if self._container is not None:
            self._container.close()
        self._container = self._stream = None


def decode_frames(path: str | Path, indices: Sequence[int]) -> Frames:
    """The frames with these numbers of one file; raises `DecodeError`. For many clips use `VideoReader`."""
    with VideoReader(path) as reader:
        return reader.frames(indices)
