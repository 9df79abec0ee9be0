"""Decoded videos kept in memory, for sets that are read over and over and fit there."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from faster_video.errors import DecodeError
from faster_video.video.decode import Frames, VideoReader
from faster_video.video.scans import FileState, ScanCache


class FrameCache:
    """Whole videos as RGB, as many as `max_bytes` hold; for one process and one thread.

    What comes first stays: where a set does not fit, each epoch finds the same videos here, while one that throws out
    what was used longest ago would find none. A file that changed is read again.
    """

    def __init__(self, max_bytes: int, scans: ScanCache) -> None:
        self.max_bytes = max_bytes
        self._scans = scans
        self._videos: dict[str, tuple[FileState, Frames]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._videos)

    @property
    def bytes(self) -> int:
        """What the frames kept take."""
        return self._bytes

    def clips(self, reader: VideoReader, clips: Sequence[Sequence[int]]) -> Iterator[Frames]:
        """As `VideoReader.clips`, from memory where the video is kept or there is room for it.

        Raises:
            DecodeError: as `VideoReader.clips`; damage in frames that no clip asks for is no error here either.
        """
        whole = self._whole(reader)
        if whole is None or not all(0 <= index < len(whole.seconds) for clip in clips for index in clip):
            return reader.clips(clips)
        return (Frames(whole.data[list(clip)], whole.seconds[list(clip)]) for clip in clips)

    def _whole(self, reader: VideoReader) -> Frames | None:
        path = reader.info.path
        state = FileState.of(path)
        kept = self._videos.get(str(path))
        if kept is not None and kept[0] == state:
            return kept[1]
        self._forget(path)
        size = reader.info.num_frames * reader.info.height * reader.info.width * 3
        if state is None or self._bytes + size > self.max_bytes:
            return None
        try:
            with VideoReader(path, self._scans) as another:
                frames = another.frames(range(reader.info.num_frames))
        except DecodeError:
            return None
        self._videos[str(path)] = (state, frames)
        self._bytes += frames.data.nbytes
        return frames

    def _forget(self, path: Path) -> None:
        kept = self._videos.pop(str(path), None)
        if kept is not None:
            self._bytes -= kept[1].data.nbytes
