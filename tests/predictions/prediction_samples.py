"""Videos to predict, and predictions without what differs from run to run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from faster_video.predictions.rows import TIMES
from faster_video.video import write_video

Row = dict[str, Any]


def write_videos(folder: Path, count: int) -> list[Path]:
    """Videos of a few frames, each of another noise."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:02d}.mp4" for number in range(count)]
    for number, path in enumerate(paths):
        frames = np.random.default_rng(number).integers(0, 256, (12, 6, 8, 3), np.uint8)
        write_video(path, (frame.repeat(8, axis=0).repeat(8, axis=1) for frame in frames), 12)
    return paths


def rows_of(folder: Path) -> list[Row]:
    """All that does not change from run to run, by path; any program may read the folder like this."""
    rows: list[Row] = pq.read_table(folder).drop_columns(list(TIMES)).to_pylist()
    return sorted(rows, key=lambda row: str(row["path"]))


def names_in(folder: Path) -> list[str]:
    """The path of every row, as often as it is there, of the parts that are whole."""
    return [name for part in sorted(folder.glob("part-*.parquet")) for name in pq.read_table(part)["path"].to_pylist()]


def write_list(path: Path, lines: Sequence[object]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
