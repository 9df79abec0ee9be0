"""Which frames of a stream make its clips: numbers and pictures, nothing is computed here."""

# Shapes: T frames of a clip, S its side, 3 colours.

from collections import deque
from dataclasses import dataclass

from faster_video.config import ClipConfig, require_at_least
from faster_video.video.view import Pixels


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """A frame as the networks see it."""

    number: int
    """From 0, of all frames that came."""
    picture: Pixels
    """[S, S, 3]."""
    seconds: float
    """When it is shown."""


class ClipCutter:
    """Takes every frame in turn and gives a clip when its last frame is there.

    A clip starts `every` frames after the one before: they overlap if that is less than a clip spans, and frames are
    passed over if it is more. No more than a clip's frames are kept.
    """

    def __init__(self, clips: ClipConfig, every: int | None = None) -> None:
        """`every` is the span of a clip where it is not given. Raises `ConfigError`: it is below 1."""
        self.clips = clips
        self.every = clips.span if every is None else every
        require_at_least("every", self.every, 1)
        self.frames_seen = 0
        self.next_start = 0
        """Number of the frame at which the next clip to be finished starts."""
        self.kept: deque[StreamFrame] = deque()
        """What the next clips need of the frames that were seen."""

    @property
    def wants_next(self) -> bool:
        """Whether any clip needs the next frame; the others need not be looked at.

        Before the first clip is whole all are: the last one may have to be repeated.
        """
        if self.next_start == 0:
            return True
        behind = self.frames_seen - self.next_start
        starts = range(0, behind + 1, self.every)  # of the clips that have begun, from `next_start` on
        stride, span = self.clips.frame_stride, self.clips.span
        return any((behind - start) % stride == 0 and behind - start < span for start in starts)

    def push(self, picture: Pixels | None, seconds: float) -> list[StreamFrame] | None:
        """Take the next frame, whose picture may be None if no clip needs it; the T frames of a clip that it ends."""
        if picture is not None:
            self.kept.append(StreamFrame(self.frames_seen, picture, seconds))
        self.frames_seen += 1
        last = self.next_start + (self.clips.frames_per_clip - 1) * self.clips.frame_stride
        if self.frames_seen <= last:
            return None
        return self._clip_of(last)

    def pad(self) -> list[StreamFrame] | None:
        """The clip that has begun, its last frame repeated, as a video shorter than a clip has it; None if none has."""
        if not self.kept:
            return None
        return self._clip_of(self.frames_seen - 1)

    def restart(self) -> None:
        """Let go of clips that have begun; the next one starts with the next frame."""
        self.kept.clear()
        self.next_start = self.frames_seen

    def _clip_of(self, last: int) -> list[StreamFrame]:
        of_number = {frame.number: frame for frame in self.kept}
        stride = self.clips.frame_stride
        numbers = [min(self.next_start + place * stride, last) for place in range(self.clips.frames_per_clip)]
        found = [of_number.get(number) or self.kept[-1] for number in numbers]
        self.next_start += self.every
        while self.kept and self.kept[0].number < self.next_start:
            self.kept.popleft()
        return found
