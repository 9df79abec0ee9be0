"""A small video of every container and codec that this PyAV can write and our reader opens."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from faster_video.video.container import CONTAINERS

FRAMES = 6
SIZES = ((48, 64), (144, 176), (576, 720))
"""Heights and widths, the first that a codec takes: the second is that of H.261, the third DV's."""
OTHER_MUXERS = (
    "mp4,3gp,3g2,f4v,ipod,ismv,psp,avif,webm,asf_stream,dvd,svcd,vcd,vob,mpeg1video,mpeg2video,ogv,mxf_d10,mxf_opatom"
)
"""FFmpeg's names of formats that one of `CONTAINERS` reads under a name of its own."""
LIKED_PIXELS = ("yuv420p", "yuvj420p", "rgb24", "bgr24", "bgr0", "rgba", "yuv422p10le", "yuv422p")
"""Pixels that an encoder is given where it takes them, else its first."""
OPTIONS = {
    "libx264": {"threads": "1", "mbtree": "0"},  # with it, x264 gives small pictures other bytes at every run
    "libx264rgb": {"threads": "1", "mbtree": "0"},
    "libx265": {"x265-params": "log-level=none:pools=none"},
    "mjpeg": {"strict": "unofficial"},
    "ljpeg": {"strict": "unofficial"},
}
QUIET = {"SVT_LOG": "0"}
"""What keeps the encoder of AV1 from writing about itself."""
LEAST_PAIRS, LEAST_CODECS, LEAST_MUXERS = 200, 40, 30
"""Fewer than these, and the corpus is not what it should be; FFmpeg 8 as PyAV ships it has more."""


@cache
def encoders() -> tuple[str, ...]:
    """FFmpeg's names of the video encoders that are there, each once."""
    names = set[str]()
    for name in av.codecs_available:
        try:
            codec = av.Codec(name, "w")
        except ValueError:
            continue  # only a decoder
        if codec.type == "video":
            names.add(codec.name)
    return tuple(sorted(names))


@cache
def muxers() -> tuple[str, ...]:
    """FFmpeg's names of the formats that can be written and that our reader opens."""
    wanted = [*CONTAINERS.split(","), *OTHER_MUXERS.split(",")]
    return tuple(name for name in wanted if name in av.formats_available and av.ContainerFormat(name).is_output)


def write_pairs(folder: Path, muxers_wanted: tuple[str, ...] | None = None) -> Iterator[Path]:
    """Every pair that a muxer and an encoder agree on, as `<muxer>.<encoder>` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(QUIET)
    for codec in encoders():
        size = _size_taken(codec, folder / "tried")
        if size is None:
            continue  # needs hardware that is not there, or pictures of another kind
        for muxer in muxers() if muxers_wanted is None else muxers_wanted:
            path = folder / f"{muxer}.{codec}"
            if _write(path, muxer, codec, size):
                yield path


def _size_taken(codec: str, path: Path) -> tuple[int, int] | None:
    """The first size of which the encoder makes a packet, in whichever container it goes."""
    try:
        for size in SIZES:
            for muxer in ("nut", "mov", "matroska", "rm", "gif", "apng"):
                if _write(path, muxer, codec, size):
                    return size
    finally:
        path.unlink(missing_ok=True)
    return None


def _write(path: Path, muxer: str, codec: str, size: tuple[int, int]) -> bool:
    """Whether the muxer takes the encoder's packets; no file is left where it does not."""
    try:
        with av.open(str(path), "w", format=muxer, container_options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream(codec, rate=25, options=OPTIONS.get(codec))
            assert isinstance(stream, VideoStream)
            stream.height, stream.width = size
            stream.pix_fmt = _pixels(codec)
            stream.codec_context.gop_size = 3
            for number in range(FRAMES if size < SIZES[-1] else 1):
                frame = av.VideoFrame.from_ndarray(picture(number, *size)).reformat(format=stream.pix_fmt)
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.stat().st_size > 0
    except (av.error.FFmpegError, ValueError):
        path.unlink(missing_ok=True)
        return False


def _pixels(codec: str) -> str:
    taken = [pixels.name for pixels in av.Codec(codec, "w").video_formats or ()]
    return next((pixels for pixels in LIKED_PIXELS if pixels in taken), (taken or ["yuv420p"])[0])


def picture(number: int, height: int, width: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Coarse noise that moves, so that every frame has bytes to be hit."""
    blocks = np.random.default_rng(1).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    still = blocks.repeat(8, 0).repeat(8, 1)[:height, :width]
    return np.roll(still, (number, 2 * number), (0, 1))
