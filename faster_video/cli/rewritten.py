"""Commands that add something to a bundle: where it is written, and the maps that they learn from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from faster_video.errors import ConfigError

if TYPE_CHECKING:
    from faster_video.bundle import Bundle, BundleConfig
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
        BundleError: other things would be lost there.
    """
    from faster_video.bundle import require_replaceable

    if options.out is not None:
        require_replaceable(Path(options.out))
        return Path(options.out)
    from faster_video.packaged import PACKAGED

    if options.bundle in PACKAGED or not Path(options.bundle).is_dir():
        raise ConfigError(
            f"BUNDLE is {options.bundle!r}, which is no folder that can be written; name a new one with --out"
        )
    return Path(options.bundle)


def rewrite(options: Namespace, bundle: "Bundle", change: "Callable[[BundleConfig], BundleConfig]") -> None:
    """Write the bundle with its configuration changed; what others have written into BUNDLE meanwhile is kept.

    Raises:
        BundleError: it cannot be written.
    """
    from dataclasses import replace

    from faster_video.bundle import load_bundle_config, save_bundle

    out = out_folder(options)
    config = bundle.config
    if options.out is None:
        now = load_bundle_config(out)
        config = replace(config, calibration=now.calibration, presets=now.presets)
    save_bundle(replace(bundle, config=change(config)), out)


def require_no_list_options(options: Namespace) -> None:
    """Refuse what is about lists of videos where LIST is a folder of features. Raises `ConfigError`."""
    for name, usual in (("root", None), ("split", None), ("part", "test"), ("device", "auto"), ("engine", "auto")):
        value = getattr(options, name)
        if value != usual:
            raise ConfigError(
                f"--{name} is {value}, but LIST is a folder of features, for which there is no such thing; leave it out"
            )


def require_preset_name(name: str) -> str:
    """A preset's name, on one line. Raises `ConfigError`."""
    from faster_video.files import is_one_line

    if not name or not is_one_line(name):
        raise ConfigError(f"--preset is {name!a}; it must be text on one line, such as cheap")
    return name


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
        require_no_list_options(options)
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
