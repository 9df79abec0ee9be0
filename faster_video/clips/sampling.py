"""Which frames make a clip (docs/protocol.md "Training", "Testing"): integers only, no video, tensor, random state."""

from collections.abc import Callable

from faster_video.config import require_at_least
from faster_video.errors import ConfigError


def clip_starts(num_frames: int, num_clips: int, span: int) -> list[int]:
    """First frame of each of `num_clips` clips spread evenly over a video.

    The first clip starts at frame 0 and the last one ends on the last frame; a single clip starts at 0.
    A video shorter than one clip starts every clip at 0; `clip_frames` then repeats its end.
    Raises `ConfigError` for numbers below 1.
    """
    room = _last_start(num_frames, num_clips, span)
    gaps = max(num_clips - 1, 1)
    return [(2 * clip * room + gaps) // (2 * gaps) for clip in range(num_clips)]  # rounded to the nearest


def random_clip_starts(num_frames: int, num_clips: int, span: int, draw: Callable[[int], int]) -> list[int]:
    """First frame of each of `num_clips` clips at random places of a video, in time order.

    `draw(n)` returns an integer in [0, n), as `random.Random(seed).randrange` does; it is called once per
    clip. A video shorter than one clip starts every clip at 0. Raises `ConfigError` for numbers below 1.
    """
    room = _last_start(num_frames, num_clips, span)
    return sorted(draw(room + 1) for _ in range(num_clips))


def clip_frames(start: int, frames_per_clip: int, frame_stride: int, num_frames: int) -> list[int]:
    """The numbers of a clip's frames, rising; past the video's end its last frame repeats.

    Raises `ConfigError` for a start outside the video and for other numbers below 1.
    """
    require_at_least("frames_per_clip", frames_per_clip, 1)
    require_at_least("frame_stride", frame_stride, 1)
    require_at_least("num_frames", num_frames, 1)
    if not 0 <= start < num_frames:
        raise ConfigError(f"start is {start}; a clip of this video starts at frame 0 to {num_frames - 1}")
    return [min(start + step * frame_stride, num_frames - 1) for step in range(frames_per_clip)]


def _last_start(num_frames: int, num_clips: int, span: int) -> int:
    """The last frame at which a clip may start without running past the end of the video."""
    require_at_least("num_frames", num_frames, 1)
    require_at_least("num_clips", num_clips, 1)
    require_at_least("span", span, 1)
    return max(num_frames - span, 0)
