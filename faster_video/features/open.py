"""A folder of features, whoever wrote it."""

from pathlib import Path

from faster_video.errors import StoreError
from faster_video.features.foreign import LIST, ForeignFeatures, is_foreign
from faster_video.features.layout import SETTINGS, is_store
from faster_video.features.read import FeatureStore
from faster_video.features.stored import Features
from faster_video.files import printable


def holds_features(path: str | Path) -> bool:
    """Whether a folder holds features, and not videos."""
    return is_store(Path(path)) or is_foreign(Path(path))


def open_features(folder: str | Path, part: str | None = None) -> Features:
    """The features in `folder`; of a list with parts, those of `part` (`train` or `test`).

    To `train`, the videos of a store that were missing are left out, as they are of a list.

    Raises:
        StoreError: the folder holds none, or a store that is not complete or damaged.
        DataError: it holds a list of NumPy files that cannot be used.
    """
    path = Path(folder)
    if is_store(path):
        return FeatureStore(path, with_missing=part != "train")
    if is_foreign(path):
        return ForeignFeatures(path, part)
    found = "holds no features" if path.is_dir() else "does not exist"
    raise StoreError(
        f"{printable(path)}: {found}; give a folder that faster-video extract wrote ({SETTINGS}) or one with {LIST} "
        "and NumPy files"
    )
