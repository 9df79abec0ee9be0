"""Frames that wait to be taken: one thread puts them there, another takes them, and no more wait than have room."""

from collections import deque
from dataclasses import dataclass, replace
from threading import Condition

from av.video.frame import VideoFrame

from faster_video.streaming.times import TimedFrame

MOST_WAITING = 64
"""Frames of a source that waits for its reader, such as a file."""
MOST_WAITING_BYTES = 256 * 2**20
"""Of all frames that wait: 2.9 seconds of 1080p at 30 frames a second."""


@dataclass(slots=True)
class _Waiting:
    item: TimedFrame
    size: int
    """In bytes."""
    lost: int = 0
    """Frames before it that were pushed out."""


@dataclass(frozen=True, slots=True)
class End:
    """Nothing comes after this."""

    reason: str | None = None
    """What went wrong, in words; None at the end of the source."""


class WaitingFrames:
    """A queue with room for so many bytes.

    Where it is full, frames of a live source push out the oldest ones; those of any other source wait for room.
    """

    def __init__(self, *, live: bool, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self.live, self.most_bytes = live, most_bytes
        self.clip_frames = 1
        """Of a clip. So many of the oldest stay, for the clip that is being taken, and twice as many always have room.
        """
        self.bytes = 0
        """Of the frames that wait."""
        self.lost = 0
        """Frames that were pushed out."""
        self._frames: deque[_Waiting] = deque()
        self._end: End | None = None
        self._changed = Condition()
        self._unwanted = False

    def __len__(self) -> int:
        """Frames that wait."""
        return len(self._frames)

    def put(self, item: TimedFrame) -> bool:
        """Add a frame; False where nobody wants any more."""
        size = frame_bytes(item.frame)
        with self._changed:
            self._changed.wait_for(lambda: self._unwanted or self.live or self._has_room)
            self._frames.append(_Waiting(item, size))
            self.bytes += size
            while self.live and self.bytes > self.most_bytes and len(self._frames) > 2 * self.clip_frames:
                self._push_out()
            self._changed.notify_all()
            return not self._unwanted

    def end(self, end: End) -> None:
        """Say that nothing comes any more."""
        with self._changed:
            self._end = end
            self._changed.notify_all()

    def take(self, timeout_seconds: float) -> TimedFrame | End | None:
        """The oldest frame, or the end after the last one; None where nothing came for so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._end, timeout_seconds)
            if not self._frames:
                return self._end
            oldest = self._frames.popleft()
            self.bytes -= oldest.size
            self._changed.notify_all()
            return replace(oldest.item, lost=oldest.lost) if oldest.lost else oldest.item

    def close(self) -> None:
        """Let whoever puts frames here know that nobody takes them."""
        with self._changed:
            self._unwanted = True
            self._changed.notify_all()

    @property
    def _has_room(self) -> bool:
        return len(self._frames) < MOST_WAITING and (not self._frames or self.bytes < self.most_bytes)

    def _push_out(self) -> None:
        """Let go of the oldest frame that may be."""
        gone = self._frames[self.clip_frames]
        del self._frames[self.clip_frames]
        self._frames[self.clip_frames].lost += gone.lost + 1
        self.bytes -= gone.size
        self.lost += 1


def frame_bytes(frame: VideoFrame) -> int:
    """Of all planes of a decoded frame."""
    return sum(plane.buffer_size for plane in frame.planes)
