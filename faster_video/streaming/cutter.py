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
    passed over if it is more. No more than a clip's frames are kept. Clips that are dropped need no frames, and are
    counted when they would have been whole.
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
        self.dropped: set[int] = set()
        """Numbers of the first frames of clips that have begun and are dropped."""
        self.clips_dropped = 0
        """Whole ones, so far."""

    @property
    def wants_next(self) -> bool:
        """Whether any clip needs the next frame; the others need not be looked at.

        Before the first clip is whole all are: the last one may have to be repeated.
        """
        if self.next_start == 0 and 0 not in self.dropped:
            return True
        return any(start not in self.dropped for start in self._clips_with_next())

    @property
    def drops_next(self) -> bool:
        """Whether the next frame lies in a clip that is dropped, and no other clip needs it."""
        return not self.wants_next and any(self.frames_seen - start < self.clips.span for start in self.dropped)

    def drop(self) -> None:
        """Pass over the clip that begins with the next frame, if one does."""
        if self.frames_seen in self._begun():
            self.dropped.add(self.frames_seen)

    def drop_ending(self) -> None:
        """Pass over the clip that ends with the next frame, if one does."""
        if self.frames_seen == self._last:
            self.dropped.add(self.next_start)

    def lose(self, frames: int) -> None:
        """Count so many frames that nobody has; the clips that need them are dropped."""
        for _ in range(frames):
            self.dropped.update(self._clips_with_next())
            self.push(None, 0.0)

    def push(self, picture: Pixels | None, seconds: float) -> list[StreamFrame] | None:
        """Take the next frame, whose picture may be None if no clip needs it; the T frames of a clip that it ends."""
        if picture is not None:
            self.kept.append(StreamFrame(self.frames_seen, picture, seconds))
        self.frames_seen += 1
        last = self._last
        if self.frames_seen <= last:
            return None
        if self.next_start in self.dropped:
            self.dropped.remove(self.next_start)
            self.clips_dropped += 1
            self._go_on()
            return None
        return self._clip_of(last)

    def pad(self) -> list[StreamFrame] | None:
        """The clip that has begun, its last frame repeated, as a video shorter than a clip has it; None if none has."""
        if not self.kept or self.next_start in self.dropped:
            return None
        return self._clip_of(self.frames_seen - 1)

    def restart(self) -> None:
        """Let go of clips that have begun; the next one starts with the next frame."""
        self.kept.clear()
        self.dropped.clear()
        self.next_start = self.frames_seen

    def _clip_of(self, last: int) -> list[StreamFrame]:
        of_number = {frame.number: frame for frame in self.kept}
        stride = self.clips.frame_stride
        numbers = [min(self.next_start + place * stride, last) for place in range(self.clips.frames_per_clip)]
        found = [of_number.get(number) or self.kept[-1] for number in numbers]
        self._go_on()
        return found

    def _go_on(self) -> None:
        self.next_start += self.every
        while self.kept and self.kept[0].number < self.next_start:
            self.kept.popleft()

    @property
    def _last(self) -> int:
        """Number of the last frame of the next clip to be finished."""
        return self.next_start + (self.clips.frames_per_clip - 1) * self.clips.frame_stride

    def _begun(self) -> range:
        """Numbers of the first frames of the clips that have begun or begin with the next frame."""
        return range(self.next_start, self.frames_seen + 1, self.every)

    def _clips_with_next(self) -> list[int]:
        """Of those the ones that have the next frame."""
        stride, span = self.clips.frame_stride, self.clips.span
        places = ((start, self.frames_seen - start) for start in self._begun())
        return [start for start, place in places if place < span and place % stride == 0]
