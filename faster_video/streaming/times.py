"""When frames are shown, whatever the clock of their source says."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.video.frame import VideoFrame

JUMP_SECONDS = 10.0
"""A time that is farther away than this from the one before is believed where the next frame goes on from it."""


@dataclass(frozen=True, slots=True)
class ArrivedFrame:
    """A decoded frame, and when it came."""

    frame: VideoFrame
    arrived: float
    """By `time.perf_counter`, when its packet was read: before it was decoded."""

    @property
    def told(self) -> Fraction | None:
        """Its seconds by the clock of its source; None where that says nothing."""
        if self.frame.pts is None or self.frame.time_base is None:
            return None
        return self.frame.pts * self.frame.time_base


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame and when it is shown, later than the one before."""

    frame: VideoFrame
    seconds: float
    """Since the first frame."""
    arrived: float
    """By `time.perf_counter`, when its packet was read."""
    lost: int = 0
    """Frames between the one before and this one that nobody took in time."""


class _Clock:
    """Seconds since the first frame, rising from frame to frame."""

    def __init__(self, fps: float) -> None:
        self._step = 1 / fps
        self._first: Fraction | None = None
        self._shift = 0.0
        self._before = -self._step

    def jumps(self, told: Fraction | None) -> bool:
        """Whether a frame that says this is far away from the one before."""
        return told is not None and self._first is not None and abs(self._since(told) - self._before) > JUMP_SECONDS

    def next(self, told: Fraction | None) -> float:
        """When a frame that says this is shown; one that says nothing is one frame later than the one before."""
        seconds = self._before + self._step
        if told is not None:
            since = self._since(told)
            if since > self._before:
                seconds = since
            else:  # the clock was set back
                self._shift += seconds - since
        self._before = seconds
        return seconds

    def _since(self, told: Fraction) -> float:
        if self._first is None:
            self._first = told
        return float(told - self._first) + self._shift


def timed(frames: Iterable[ArrivedFrame], fps: float) -> Iterator[TimedFrame]:
    """The frames with the seconds since the first one.

    A missing time is one frame after the one before, and a clock that is set back goes on from there. A time more than
    `JUMP_SECONDS` away waits for the next frame: where that does not go on from it, it was damaged, and counts as
    missing.
    """
    clock = _Clock(fps)
    doubtful: ArrivedFrame | None = None
    for item in frames:
        if doubtful is not None:
            yield _at(doubtful, clock.next(doubtful.told if _goes_on(doubtful, item) else None))
            doubtful = None
        if clock.jumps(item.told):
            doubtful = item
        else:
            yield _at(item, clock.next(item.told))
    if doubtful is not None:
        yield _at(doubtful, clock.next(None))


def _goes_on(item: ArrivedFrame, after: ArrivedFrame) -> bool:
    before, now = item.told, after.told
    return before is not None and now is not None and 0 < now - before <= JUMP_SECONDS


def _at(item: ArrivedFrame, seconds: float) -> TimedFrame:
    return TimedFrame(item.frame, seconds, item.arrived)
