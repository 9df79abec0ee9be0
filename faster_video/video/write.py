"""The encoder for made-up videos: same frames in, same bytes out."""

import os
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from faster_video.errors import ConfigError


def write_video(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8]],
    fps: Fraction | int,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    crf: int | None = 18,
    keyframe_every: int = 12,
    scene_cuts: bool = True,
) -> None:
    """Encode frames, each uint8 [H, W, 3] RGB, into the container that the name's ending calls for.

    `crf` is libx264's quality (0 best, 51 worst); None for codecs without it; mpeg4 is always written at its best.
    `scene_cuts` lets them put further keyframes where much changes, from which it then counts `keyframe_every`
    anew. One thread and no dates or version numbers of the container, so that the same frames give the same bytes
    with the same FFmpeg.
    Written under another name in the same folder, then renamed: no half video is ever found under `path`.
    Raises `ConfigError` for frames or settings that cannot be encoded, `OSError` where the disk refuses.
    """
    path = Path(path)
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise ConfigError(f"no frames for {path}; a video needs at least one")
    aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with av.open(f"file:{aside}", "w", container_options={"fflags": "+bitexact"}) as container:
            stream = _add_stream(container, first.shape, fps, codec, pixel_format, crf, keyframe_every, scene_cuts)
            for picture in chain([first], pictures):
                container.mux(stream.encode(_to_frame(picture, first.shape)))
            container.mux(stream.encode())
        aside.replace(path)
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, ConfigError | OSError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot write {path} with codec {codec}, pixel_format {pixel_format}, frames "
            f"{list(first.shape)} at {fps} fps ({reason}); yuv420p needs even sides"
        ) from error
    finally:
        with suppress(FileNotFoundError):
            aside.unlink()


def _add_stream(
    container: OutputContainer,
    shape: tuple[int, ...],
    fps: Fraction | int,
    codec: str,
    pixel_format: str,
    crf: int | None,
    keyframe_every: int,
    scene_cuts: bool,
) -> VideoStream:
    if av.Codec(codec, "w").type != "video":
        raise ConfigError(f"codec is {codec}; it must encode video, as libx264 does")
    options = {"threads": "1", "flags": "+bitexact"} | ({} if crf is None else {"crf": str(crf)})
    if codec == "libx264":
        options["mbtree"] = "0"  # with it, x264 gives small pictures other bytes at every run
        if not scene_cuts:
            options["sc_threshold"] = "0"
    if codec == "mpeg4":  # without a quality it would save bits until little is to be seen
        options |= {"qmin": "2", "qmax": "2"} | ({} if scene_cuts else {"sc_threshold": "1000000000"})
    stream = container.add_stream(codec, rate=Fraction(fps), options=options)
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = pixel_format
    stream.codec_context.gop_size = keyframe_every
    return stream


def _to_frame(picture: NDArray[np.uint8], shape: tuple[int, ...]) -> av.VideoFrame:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.shape != shape:
        raise ConfigError(
            f"a frame is {picture.dtype} {list(picture.shape)}; every frame must be uint8 [H, W, 3] "
            f"of the first one's size {list(shape[:2])}"
        )
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
