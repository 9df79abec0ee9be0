"""Commands that add something to a bundle: where it is written, and the maps that they learn from."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.errors import ConfigError

if TYPE_CHECKING:
    from faster_video.bundle import Bundle
    from faster_video.datasets import Part
    from faster_video.features.stored import Features

STORE_HELP = "or folder of features of both networks (extract --networks both)"


def add_out(command: ArgumentParser) -> None:
    """Where the changed bundle goes."""
    command.add_argument(
        "--out", type=str, metavar="DIR", help="write the bundle here and leave BUNDLE alone; default: into BUNDLE"
    )


def out_folder(options: Namespace) -> Path:
    """The folder to be written; refused, before any work, where it cannot be BUNDLE itself.

    Raises:
        ConfigError: BUNDLE is no folder of the user's, and there is no --out.
    """
    if options.out is not None:
        return Path(options.out)
    from faster_video.packaged import PACKAGED

    if options.bundle in PACKAGED or not Path(options.bundle).is_dir():
        raise ConfigError(
            f"BUNDLE is {options.bundle!r}, which is no folder that can be written; name a new one with --out"
        )
    return Path(options.bundle)


@contextmanager
def maps_of(options: Namespace, bundle: "Bundle", *, part: "Part", views: int = 0) -> "Iterator[Features]":
    """The features in the folder LIST, or those of the videos in it, made for the time being with both networks.

    Raises:
        DataError, StoreError: it cannot be read.
    """
    from faster_video.datasets import read_list
    from faster_video.features import Extraction, FeatureStore, extract
    from faster_video.features.open import holds_features, open_features

    if holds_features(options.list):
        for name, value in (("--root", options.root), ("--split", options.split)):
            if value is not None:
                raise ConfigError(f"{name} is {value}, but LIST is a folder of features; leave it out")
        yield open_features(options.list, part=part)
        return
    videos = read_list(options.list, root=options.root, split=options.split, part=part)
    with TemporaryDirectory(prefix="faster-video-") as folder:
        extract(
            Extraction(
                bundle=bundle,
                data=videos,
                out=Path(folder) / "store",
                views=views,
                networks="both",
                device=options.device,
            )
        )
        yield FeatureStore(Path(folder) / "store")
