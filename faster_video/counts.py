"""GMACs that were counted before, kept in the user's cache folder: counting them loads PyTorch's compiler, a second."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from dacite import Config, DaciteError, from_dict

from faster_video.files import cache_folder, replacing_file

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COUNTED = ("aggregators/*.py", "backbones/**/*.py", "cost.py", "model.py")
"""The files of this package that say what is counted."""


Counts = TypeVar("Counts", bound="DataclassInstance")


def kept_counts(of: object, kind: type[Counts], count: Callable[[], Counts]) -> Counts:
    """What `count` returns, a dataclass; asked once for `of`, by its `repr`, as long as the code is the same.

    Where nothing can be kept or read, and where what is kept is damaged, it is counted again.
    """
    key = sha256(repr((of, _code(), torch.__version__)).encode()).hexdigest()[:16]
    try:
        file = cache_folder() / "counts" / f"{key}.json"
    except RuntimeError:  # this user has no home
        return count()
    with suppress(OSError, ValueError, TypeError, AttributeError, DaciteError):
        return from_dict(kind, json.loads(file.read_text(encoding="utf-8")), Config(cast=[tuple, StrEnum], strict=True))
    counts = count()
    with suppress(OSError), replacing_file(file) as aside:
        aside.write_text(json.dumps(asdict(counts)), encoding="utf-8")
    return counts


@lru_cache(maxsize=1)
def _code() -> str:
    digest = sha256()
    package = Path(__file__).parent
    for pattern in COUNTED:
        for file in sorted(package.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()
