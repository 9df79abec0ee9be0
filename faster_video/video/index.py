"""The frame table of a long MP4 or MOV from the file's own index, without reading its packets."""

from operator import attrgetter
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from faster_video.video.table import ONE_FRAME_PER_PACKET, FrameTable, refuse_truncated

LONG_FRAMES = 5000
"""Files with fewer frames are read packet by packet, which takes 0.03 s at most."""

FIELDS = np.dtype([("timestamp", "i8"), ("pos", "i8"), ("size", "i8"), ("flags", "i8")])
"""What is taken of each entry of an index."""
KEYFRAME, DISCARDED = 1, 2
"""FFmpeg's flags of an entry: decoding can start there; an edit of the file leaves it out."""


def table_of_index(container: InputContainer, stream: VideoStream, path: str | Path) -> FrameTable | None:
    """The frames of a long file whose pictures come at even distances; None for every other file.

    The index says when pictures are decoded. At even distances those times are, moved by one and the same delay, the
    times at which they are shown, only in another order. A file that keeps no such order is found out by the first
    frame that is read at another time. Raises `DecodeError` for a truncated file.
    """
    is_likely = "mov" in container.format.name and stream.frames >= LONG_FRAMES and stream.start_time is not None
    if not is_likely or stream.codec_context.codec.canonical_name not in ONE_FRAME_PER_PACKET - {"mpeg4"}:
        return None
    rows = np.fromiter(map(attrgetter(*FIELDS.names or ()), stream.index_entries), FIELDS, len(stream.index_entries))
    if len(rows) != stream.frames:
        return None
    times = rows["timestamp"]
    refuse_truncated(path, len(rows), int((rows["pos"] + rows["size"] > container.size).sum()))
    keyframes, gap = rows["flags"] & KEYFRAME > 0, int(times[1] - times[0])
    is_even = gap > 0 and (np.diff(times) == gap).all()
    if not is_even or not rows["size"].all() or not keyframes[0] or (rows["flags"] & DISCARDED).any():
        return None
    time_base = float(stream.time_base or 0)
    shown = times - times[0] + (stream.start_time or 0)
    return FrameTable((shown - shown[0]) * time_base, gap * time_base, shown, np.flatnonzero(keyframes))
