"""Decoded videos kept in a folder, for small sets that are read over and over by many processes."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from faster_video.errors import ConfigError, DecodeError
from faster_video.files import printable, replacing_file
from faster_video.video.decode import Frames, VideoReader, require_inside
from faster_video.video.probe import VideoInfo
from faster_video.video.scans import FileState, ScanCache

SPARE_BYTES = 1 << 30
"""Left free on the disk: with less, nothing more is kept."""


class KeptVideo:
    """A whole video as it was decoded before; used as a `VideoReader`."""

    def __init__(self, info: VideoInfo, frames: Any, seconds: NDArray[np.float64]) -> None:
        self.info = info
        self._frames = frames
        """[T, H, W, 3] RGB; on disk, of which only what is asked for is read."""
        self._seconds = seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._frames = None

    def clips(self, clips: Sequence[Sequence[int]]) -> Iterator[Frames]:
        """One `Frames` per clip, in the order given. Raises `DecodeError` for frames that there are not."""
        require_inside(self.info.path, self.info.num_frames, clips)
        for clip in clips:
            indices = np.asarray(clip, np.int64)
            first, last = (min(clip), max(clip)) if clip else (0, 0)
            span = self._frames[first : last + 1]
            yield Frames(span[indices - first], self._seconds[indices])


class FrameCache:
    """Decodes each video once for all processes that name the same folder, however often it is read.

    What is read is the same as from the file. A video is decoded again where its file or PyAV's version has changed;
    one that cannot be decoded as a whole is never kept, nor is any where the disk is nearly full. Without a folder all
    videos are read from their files.
    """

    def __init__(self, folder: Path | None, scans: ScanCache) -> None:
        """Make the folder where there is none. Raises `ConfigError` where that cannot be."""
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(
                    f"frame_cache is {printable(folder)}; it must be a folder for decoded frames ({error.strerror})"
                ) from error
        self.folder = folder
        self._scans = scans
        self._unsound = set[FileState]()

    def open(self, path: str | Path) -> VideoReader | KeptVideo:
        """The video, ready to read, to be used in a `with` statement.

        Raises:
            DecodeError: as `VideoReader`.
        """
        state = FileState.of(path)
        if self.folder is None or state is None or state in self._unsound:
            return VideoReader(path, self._scans)
        name = str(Path(path).absolute()).encode(errors="surrogateescape")
        place = self.folder / f"{sha256(name).hexdigest()}.frames"
        source = json.dumps({"file": list(state), "pyav": av.__version__})
        return _kept(place, path, source) or self._decoded(path, state, place, source)

    def _decoded(self, path: str | Path, state: FileState, place: Path, source: str) -> VideoReader | KeptVideo:
        """Decode the whole video and keep it; where that cannot be, what reads it from its file."""
        assert self.folder is not None
        reader = VideoReader(path, self._scans)
        info = reader.info
        if shutil.disk_usage(self.folder).free < info.num_frames * info.height * info.width * 3 + SPARE_BYTES:
            return reader
        try:
            with reader:
                whole = reader.frames(range(info.num_frames))
        except DecodeError:
            self._unsound.add(state)
            return VideoReader(path, self._scans)
        described = {name: str(value) for name, value in asdict(info).items() if name != "path"}
        tensors = {"frames": whole.data, "seconds": whole.seconds}
        with suppress(OSError, SafetensorError), replacing_file(place) as aside:  # disk full: read, but not kept
            save_file(tensors, aside, metadata={"source": source, "info": json.dumps(described)})
        return KeptVideo(info, whole.data, whole.seconds)


def _kept(place: Path, path: str | Path, source: str) -> KeptVideo | None:
    """What is kept of this very file, if anything is."""
    try:
        with safe_open(place, framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("source") != source:
                return None
            told = json.loads(metadata["info"])
            return KeptVideo(_info(path, told), file.get_slice("frames"), file.get_tensor("seconds"))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


def _info(path: str | Path, told: dict[str, str]) -> VideoInfo:
    return VideoInfo(
        path=Path(path),
        num_frames=int(told["num_frames"]),
        fps=Fraction(told["fps"]),
        seconds=float(told["seconds"]),
        height=int(told["height"]),
        width=int(told["width"]),
        rotation=int(told["rotation"]),
        codec=told["codec"],
    )
