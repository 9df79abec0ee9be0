"""Clips of a user's videos, from which int8 networks learn how large the values of their maps get."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from faster_video.engine.kept import key_of
from faster_video.engine.quantised import Calibration
from faster_video.errors import DataError, DecodeError
from faster_video.files import printable
from faster_video.inference.decoding import ClipDecoder
from faster_video.inference.find import find_videos

MOST_VIDEOS, CLIPS_OF_EACH = 64, 4
"""Spread over the folder, and over each video."""


def calibration_of(folder: str | Path, decoder: ClipDecoder) -> Calibration:
    """Up to 64 videos below `folder`, 4 clips of each; nothing is decoded before it is needed.

    Raises:
        DataError: there is no video.
    """
    if not Path(folder).is_dir():
        raise DataError(f"{printable(folder)}: no such folder; int8 needs one of videos like those to come")
    videos = [video for video in find_videos([folder]) if isinstance(video, Path) and video.is_file()]
    if not videos:
        raise DataError(f"{printable(folder)}: no video to calibrate with; name a folder of videos like those to come")
    chosen = [videos[number] for number in spread(len(videos), MOST_VIDEOS)]
    files = [(str(video.resolve()), video.stat().st_size, video.stat().st_mtime_ns) for video in chosen]
    numbers = spread(decoder.clips.num_clips, CLIPS_OF_EACH)
    return Calibration(
        key=key_of(files, numbers, decoder.clips, decoder.transform),
        count=len(chosen) * len(numbers),
        clips=_Clips(chosen, numbers, decoder),
    )


def spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, evenly spread, the first among them."""
    chosen = min(count, most)
    return [number * count // chosen for number in range(chosen)]


@dataclass(frozen=True, slots=True)
class _Clips(Iterable[Tensor]):
    """These clips of these videos, decoded anew every time; a file that cannot be read has none or fewer."""

    videos: list[Path]
    numbers: list[int]
    decoder: ClipDecoder

    def __iter__(self) -> Iterator[Tensor]:
        found = False
        for video in self.videos:
            with suppress(DecodeError):
                for clip in self.decoder.read(video, self.numbers):
                    found = True
                    yield clip.pixels
        if not found:
            raise DataError(f"none of {len(self.videos)} videos to calibrate with could be read; name another folder")
