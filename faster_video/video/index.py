"""The frame table of a long MP4 or MOV from the file's own index, without reading its packets."""

from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from faster_video.video.table import ONE_FRAME_PER_PACKET, FrameTable, refuse_truncated

LONG_FRAMES = 5000
"""Files with fewer frames are read packet by packet, which takes 0.03 s at most."""


def table_of_index(container: InputContainer, stream: VideoStream, path: str | Path) -> FrameTable | None:
    """The frames of a long file whose pictures come at even distances; None for every other file.

    The index says when pictures are decoded. At even distances those times are, moved by one and the same delay, the
    times at which they are shown, only in another order. A file that keeps no such order is found out by the first
    frame that is read at another time. Raises `DecodeError` for a truncated file.
    """
    is_likely = "mov" in container.format.name and stream.frames >= LONG_FRAMES and stream.start_time is not None
    if not is_likely or stream.codec_context.codec.canonical_name not in ONE_FRAME_PER_PACKET - {"mpeg4"}:
        return None
    entries = stream.index_entries
    rows = [
        (entry.timestamp, entry.pos + entry.size, entry.size, entry.is_keyframe, entry.is_discard) for entry in entries
    ]
    times, ends, sizes, keys, discarded = np.array(rows, np.int64).T
    refuse_truncated(path, len(rows), int((ends > container.size).sum()))
    gap = int(times[1] - times[0])
    if gap <= 0 or (np.diff(times) != gap).any() or not sizes.all() or not keys[0] or discarded.any():
        return None
    time_base = float(stream.time_base or 0)
    shown = times - times[0] + (stream.start_time or 0)
    return FrameTable((shown - shown[0]) * time_base, gap * time_base, shown, np.flatnonzero(keys))
