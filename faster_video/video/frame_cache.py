"""Decoded videos kept in a folder, for small sets that are read over and over."""

import json
import shutil
import warnings
from collections.abc import Iterator, Sequence
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

from faster_video.errors import ConfigError, DecodeError, FasterVideoWarning
from faster_video.files import printable, replacing_file, require_writable_place
from faster_video.video.decode import VideoReader
from faster_video.video.frames import Frames, clip_of, require_inside, shown_size
from faster_video.video.pixels import Orientation, PictureKind, RgbConverter
from faster_video.video.probe import Scan, VideoInfo
from faster_video.video.scans import FileState, ScanCache
from faster_video.video.view import View

FORMAT = 2
"""To be raised whenever `VideoReader` gives other frames or other numbers for the same file."""
MAX_VIDEO_BYTES = 256 << 20
"""Of a video's frames in RGB, which are in memory at once when it is decoded; larger ones are read from their files."""
SPARE_BYTES = 1 << 30
"""Left free on the disk: with less, nothing more is kept."""


class CachedVideo:
    """The frames of a whole video, decoded before; reads clips as a `VideoReader` does."""

    def __init__(self, info: VideoInfo, converter: RgbConverter, frames: Any, seconds: NDArray[np.float64]) -> None:
        self.info = info
        self._converter = converter
        self._frames = frames
        """[T, ...] as `RgbConverter.stored`: an array, or a slice of a file, read only where something is asked for."""
        self._seconds = seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._frames = None

    def clips(self, clips: Sequence[Sequence[int]], view: View | None = None) -> Iterator[Frames]:
        """One `Frames` per clip, in the order given. Raises `DecodeError` for frames that there are not."""
        require_inside(self.info.path, self.info.num_frames, clips)
        size = shown_size(self.info, view)
        for clip in clips:
            first, last = (min(clip), max(clip)) if clip else (0, 0)
            span = self._frames[first : last + 1]
            pictures = {
                index: self._converter(self._converter.restored(span[index - first]), view) for index in set(clip)
            }
            yield clip_of(pictures, clip, size, self._seconds)


class FrameCache:
    """Decodes a video once for everyone who is given the same folder, and reads its frames from there afterwards.

    What is read is the same as from the file. A video is decoded again where its file or PyAV's version has changed.
    Never kept are videos that cannot be decoded as a whole or whose frames take more than 256 MiB, and none where the
    disk is nearly full. Without a folder all videos are read from their files.
    """

    def __init__(self, folder: Path | None, scans: ScanCache) -> None:
        self._folder = folder
        self._scans = scans
        self._unfit = set[FileState]()
        """Files that were found not to be kept."""

    def open(self, path: str | Path) -> VideoReader | CachedVideo:
        """The video, ready to read, to be used in a `with` statement. Raises `DecodeError` as `VideoReader` does."""
        state = FileState.of(path)
        if self._folder is None or state is None or state in self._unfit:
            return VideoReader(path, self._scans)
        name = str(Path(path).absolute()).encode(errors="surrogateescape")
        place = self._folder / f"{sha256(name).hexdigest()}.frames"
        source = json.dumps({"format": FORMAT, "file": list(state), "pyav": av.__version__})
        return _cached(place, path, source) or self._decoded(path, state, place, source)

    def _decoded(self, path: str | Path, state: FileState, place: Path, source: str) -> VideoReader | CachedVideo:
        """Decode the whole video and keep it; where that cannot be, what reads it from its file."""
        reader = VideoReader(path, self._scans)
        info = reader.info
        size = info.num_frames * info.height * info.width * 3
        if size > MAX_VIDEO_BYTES:
            self._unfit.add(state)
            return reader
        if not _has_room(place.parent, size):
            return reader
        try:
            with reader:
                frames = reader.stored_frames()
        except DecodeError:
            self._unfit.add(state)
            return VideoReader(path, self._scans)
        if reader.info is not info:  # decoding found other frames than the packets promised
            self._unfit.add(state)
            return VideoReader(path, self._scans)
        known = reader.scan
        self._keep(place, source, known, frames)
        return CachedVideo(info, known.new_converter(), frames, known.table.seconds)

    def _keep(self, place: Path, source: str, known: Scan, frames: NDArray[np.uint8]) -> None:
        """Write the file; where that fails, say so and keep no more."""
        info = {name: str(value) for name, value in asdict(known.info).items() if name != "path"}
        described = {"info": info, "picture": asdict(known.picture), "orientation": asdict(known.orientation)}
        tensors: dict[str, NDArray[Any]] = {"frames": frames, "seconds": known.table.seconds}
        try:
            with replacing_file(place) as aside:
                save_file(tensors, aside, metadata={"source": source, "described": json.dumps(described)})
        except (OSError, SafetensorError) as error:
            warnings.warn(
                f"frame_cache {printable(place.parent)}: cannot be written any more ({error}); videos are read from "
                "their files from here on",
                FasterVideoWarning,
                stacklevel=2,
            )
            self._folder = None


def require_frame_cache(folder: Path | None) -> None:
    """Refuse a folder for decoded frames that cannot be made or written. Raises `ConfigError`."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        require_writable_place(folder / "frames")
    except OSError as error:
        raise ConfigError(
            f"frame_cache is {printable(folder)}; it must be a folder that can be written ({error.strerror})"
        ) from error


def _has_room(folder: Path, size: int) -> bool:
    """Whether the disk can take so many bytes; the folder is made (again) where there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(folder).free >= size + SPARE_BYTES
    except OSError:
        return False


def _cached(place: Path, path: str | Path, source: str) -> CachedVideo | None:
    """What is kept of this very file, if anything is."""
    try:
        with safe_open(place, framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("source") != source:
                return None
            described = json.loads(metadata["described"])
            converter = RgbConverter(PictureKind(**described["picture"]), Orientation(**described["orientation"]))
            info = _info(path, described["info"])
            return CachedVideo(info, converter, file.get_slice("frames"), file.get_tensor("seconds"))
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
