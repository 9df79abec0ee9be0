"""Features that somebody else's model made: a folder with a list and one NumPy file per video (docs/features.md).

    FOLDER/
      features.csv        path,label or path,label,part; paths are relative to the folder, part is train or test
      any/name.npy        [clips, D] or [clips, D, t, h, w], float16 or float32

Shapes: B videos, N clips, D channels, t h w feature map.
"""

import csv
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import Tensor

from faster_video.bundle import BundleConfig
from faster_video.config import FEATURES, BackboneConfig, Recipe
from faster_video.datasets import LabelledVideo
from faster_video.errors import ConfigError, DataError, StoreError
from faster_video.features.layout import even_clips
from faster_video.features.stored import LostFeatures, StoredKey
from faster_video.files import is_one_line, printable
from faster_video.model import Faster

LIST = "features.csv"
PARTS = ("train", "test")
LAYOUT = "[clips, channels] or [clips, channels, t, h, w], float16 or float32"


@dataclass(frozen=True, slots=True)
class _File:
    """One video's array, its header checked."""

    path: Path
    clips: int
    shape: tuple[int, int, int, int]
    """D, t, h, w; `[clips, channels]` counts as maps of 1×1×1."""


def is_foreign(folder: Path) -> bool:
    """Whether `folder` holds a list of NumPy files."""
    return (folder / LIST).is_file()


class ForeignFeatures:
    """The features of one part of such a folder: one view of every video, to learn from and to test on.

    A video may have any number of clips: N of them are taken evenly, the first and the last among them, and where
    there are fewer some repeat. Both networks' clips come from the same file.
    """

    views: int = 1
    lost: Sequence[LostFeatures] = ()
    missing: frozenset[int] = frozenset()

    def __init__(self, folder: str | Path, part: str | None = None) -> None:
        """Read the list and every file's header; None takes all parts.

        Raises:
            DataError: the list or a file is missing or malformed, has no videos of this part, or the files are not
                alike; the message names the file.
        """
        self.folder = Path(folder)
        self.name = printable(folder)
        rows = _read_rows(self.folder / LIST, part)
        self.videos = tuple(LabelledVideo(self.folder / path, label) for path, label in rows)
        self._files = [_check_file(video.path) for video in self.videos]
        first = self._files[0]
        for file in self._files:
            if file.shape != first.shape:
                raise DataError(
                    f"{printable(file.path)}: has features of [channels, t, h, w] {list(file.shape)}, but "
                    f"{printable(first.path)} of {list(first.shape)}; all files must be alike but for their clips"
                )
        self._finite: set[int] = set()

    @property
    def channels(self) -> int:
        """D of every map."""
        return self._files[0].shape[0]

    @property
    def map_size(self) -> tuple[int, int, int]:
        """t, h, w of every map."""
        return self._files[0].shape[1:]

    def has(self, key: StoredKey) -> bool:
        """Always: a file that is missing is refused at the start."""
        return 0 <= key.video < len(self.videos)

    def batch(self, keys: Sequence[StoredKey], flags: Sequence[bool]) -> tuple[Tensor, ...]:
        """N maps float32 [B, D, t, h, w], channels last in memory, of these videos; `len(flags)` is N.

        Raises:
            StoreError: a file has changed since it was opened, or holds NaN or infinite values.
        """
        channels, *size = self._files[0].shape
        joined = torch.empty(len(flags), len(keys), *size, channels)  # [N, B, t, h, w, D]
        for number, key in enumerate(keys):
            maps = self._read(key.video)  # [clips, D, t, h, w]
            picked = maps[even_clips(len(maps), len(flags))]
            joined[:, number] = torch.from_numpy(picked).movedim(1, -1)
        return joined.movedim(-1, 2).unbind()

    def _read(self, video: int) -> NDArray[np.floating]:
        """One file, memory-mapped: [clips, D, t, h, w]; its values are checked when it is first read."""
        file = self._files[video]
        try:
            found = np.load(file.path, mmap_mode="r", allow_pickle=False)
            maps: NDArray[np.floating] = found.reshape(file.clips, *file.shape)
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"{printable(file.path)}: cannot be read any more: {error}") from error
        if video not in self._finite:
            if not np.isfinite(maps).all():
                raise StoreError(
                    f"{printable(file.path)}: holds NaN or infinite values; make these features again, or take the "
                    "file's line out of the list"
                )
            self._finite.add(video)
        return maps

    @property
    def backbone(self) -> BackboneConfig:
        """What both backbones of a model for these features must be."""
        return BackboneConfig(name=FEATURES, channels=self.channels, map_size=self.map_size)

    @property
    def identity(self) -> str:
        """SHA-256 of the list and of every file's shape and size; not of their values, which may be many."""
        lines = [f"{os.path.relpath(video.path, self.folder)}\t{video.label}" for video in self.videos]
        lines += [f"{file.clips}\t{file.shape}\t{file.path.stat().st_size}" for file in self._files]
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()

    def require_fit(self, model: Faster, config: BundleConfig | Recipe) -> None:
        """Refuse a model that these features are not made for.

        Raises:
            ConfigError: its backbone is not `features`, or takes maps of another size.
        """
        ours = config.model.expensive
        if not config.model.takes_features:
            raise ConfigError(
                f"{self.name}: holds features of another model, but this bundle's backbone is {ours.name!r}; train one "
                "on them first"
            )
        if (ours.channels, ours.map_size) != (self.channels, self.map_size):
            raise ConfigError(
                f"{self.name}: holds maps of {self.channels} channels and size {list(self.map_size)}, but this bundle "
                f"takes {ours.channels} channels and size {list(ours.map_size)}"
            )


def _read_rows(path: Path, part: str | None) -> list[tuple[str, str]]:
    """Path and label of every line of this part."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if "".join(row).strip()]
    except FileNotFoundError as error:
        raise DataError(f"{printable(path)}: is missing; it must list path,label or path,label,part") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{printable(path)}: is not a CSV text file: {error}") from error
    if lines and lines[0][1][:2] == ["path", "label"]:
        lines = lines[1:]
    widths = {len(cells) for _, cells in lines}
    for line, cells in lines:
        well = len(cells) in (2, 3) and all(cells) and len(widths) == 1 and (len(cells) == 2 or cells[2] in PARTS)
        if not well or not is_one_line(cells[1]):
            raise DataError(
                f"{printable(path)}, line {line}: is {printable(','.join(cells))!r}; every line must be path,label, or "
                "every line path,label,part with the part train or test"
            )
    chosen = [(cells[0], cells[1]) for _, cells in lines if part is None or len(cells) == 2 or cells[2] == part]
    if not chosen:
        raise DataError(f"{printable(path)}: lists no videos{'' if part is None else f' of the part {part!r}'}")
    return chosen


def _check_file(path: Path) -> _File:
    """The header of one file: nothing of its values is read, and nothing in it can be executed."""
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, kind = read_header(file)
            begins, ends = file.tell(), path.stat().st_size
    except FileNotFoundError as error:
        raise DataError(f"{printable(path)}: does not exist, but {LIST} lists it") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{printable(path)}: is not a NumPy file: {error}; it must hold {LAYOUT}") from error
    if len(shape) not in (2, 5) or 0 in shape or kind not in (np.float16, np.float32):
        raise DataError(f"{printable(path)}: holds {kind} {list(shape)}; it must hold {LAYOUT}, and none of them 0")
    if ends - begins != int(np.prod(shape)) * kind.itemsize:
        raise DataError(f"{printable(path)}: is cut off: its header promises {list(shape)} values of {kind}")
    channels, *size = shape[1:]
    steps, height, width = size or (1, 1, 1)
    return _File(path, shape[0], (channels, steps, height, width))
