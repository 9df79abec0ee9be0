"""LIST, wherever a command takes one: which of the accepted forms it has, and who reads it (docs/data.md)."""

from contextlib import suppress
from pathlib import Path
from typing import get_args

from faster_video.config import require_at_least, require_choice
from faster_video.datasets.folder import read_class_folders, videos_in_folder
from faster_video.datasets.hmdb51 import is_hmdb51, read_hmdb51
from faster_video.datasets.kinetics import is_kinetics, read_kinetics
from faster_video.datasets.plain import read_plain
from faster_video.datasets.ucf101 import is_ucf101, read_ucf101
from faster_video.datasets.video_list import VIDEO_SUFFIXES, LabelledVideo, Part, VideoList
from faster_video.errors import DataError
from faster_video.files import printable

__all__ = ["VIDEO_SUFFIXES", "LabelledVideo", "Part", "VideoList", "read_list", "videos_in_folder"]

FORMS = "a folder of class folders, a file of path,label or path label, or a list of Kinetics, UCF-101 or HMDB-51"


def read_list(
    source: str | Path, *, root: str | Path | None = None, split: int | None = None, part: Part = "all"
) -> VideoList:
    """Read LIST, whatever form it has: that is told by its name and its content.

    `root` is the folder under which the videos of a list file lie, where that is not beside it. `split` is for the
    lists of UCF-101 and HMDB-51: None is 1, or that of the file given. `part` chooses where LIST holds several parts;
    a list of one part is taken as it is. Files need not exist: `VideoList.missing` are those that do not.

    Raises:
        DataError: LIST is missing, empty or malformed (the message names the file and the line), or has no use for
            `root` or `split`.
        ConfigError: `split` is below 1, or `part` unknown.
    """
    path, folder = Path(source), None if root is None else Path(root)
    require_choice("part", part, get_args(Part))
    if split is not None:
        require_at_least("--split", split, 1)
    if folder is not None and not folder.is_dir():
        raise DataError(f"--root is {printable(folder)}, which is no folder; give the one under which the videos lie")
    try:
        return _read(path, folder, split, part)
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read: {error.strerror}") from error


def read_parts(whole: VideoList, *, root: str | Path | None = None, split: int | None = None) -> dict[Part, VideoList]:
    """What training and what evaluation take of a LIST that holds several parts; of another, the whole as `all`.

    `whole` is what `read_list` has read of it with the same `root` and `split`.
    """
    names: tuple[Part, ...] = ("train", "test")
    parts: dict[Part, VideoList] = {}
    for part in names:
        with suppress(DataError):  # the whole was read, so that it has no video of this part
            parts[part] = read_list(whole.source, root=root, split=split, part=part)
        if part in parts and parts[part].videos == whole.videos:
            return {"all": whole}
    return parts or {"all": whole}


def has_official_splits(source: str | Path) -> bool:
    """Whether it is the folder of UCF-101's or HMDB-51's lists, of which `split` chooses.

    Raises:
        DataError: it cannot be read.
    """
    path = Path(source)
    try:
        return path.is_dir() and (is_ucf101(path) or is_hmdb51(path))
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read: {error.strerror}") from error


def _read(path: Path, root: Path | None, split: int | None, part: Part) -> VideoList:
    if not path.exists():
        raise DataError(f"{printable(path)}: does not exist; give {FORMS}")
    if is_ucf101(path):
        return read_ucf101(path, root, split, part)
    if is_hmdb51(path):
        return read_hmdb51(path, root, split, part)
    if split is not None:
        raise DataError(
            f"{printable(path)}: has no official splits, but --split is {split}; leave it out, or give the lists of "
            "UCF-101 or HMDB-51"
        )
    if path.is_dir():
        if root is not None:
            raise DataError(
                f"{printable(path)}: is the folder of the videos itself, but --root is {printable(root)}; leave it out"
            )
        return read_class_folders(path)
    return read_kinetics(path, root, part) if is_kinetics(path) else read_plain(path, root)
