"""A bundle from the Hub: two files of one commit, into huggingface_hub's own cache; nothing of them is executed."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from faster_video import __version__
from faster_video.bundle import CONFIG, WEIGHTS, Bundle, BundleConfig, load_bundle, load_bundle_config
from faster_video.errors import BundleError, FasterVideoWarning, HubError
from faster_video.files import printable
from faster_video.hub.library import (
    OFFLINE,
    hub_errors,
    is_out_of_reach,
    no_hub,
    quiet,
    reason,
    refusal,
    require_library,
)
from faster_video.hub.names import MAIN, HubName
from faster_video.packaged import bundle_place

NO_FOLDER = "is no folder here, and"


@dataclass(frozen=True, kw_only=True, slots=True)
class HubCopy:
    """A bundle of the Hub on this disk."""

    repository: str
    """USER/NAME."""
    commit: str
    """The 40 digits that the revision stands for."""
    folder: Path
    """In huggingface_hub's cache, so nothing should be written to it."""

    @property
    def origin(self) -> str:
        """USER/NAME@COMMIT, which always means these files."""
        return f"{self.repository}@{self.commit}"


def read_bundle(name: str | Path) -> Bundle:
    """A bundle from a folder or, where there is nothing of that name, from the model USER/NAME or USER/NAME@REVISION.

    Raises:
        BundleError: there is neither, or it is not a usable bundle.
    """
    found = HubName.find(name)
    if found is None:
        return load_bundle(bundle_place(name))
    copy = _download(found, weights=True)
    with _naming(copy):
        return replace(load_bundle(copy.folder), origin=copy.origin)


def read_bundle_config(name: str | Path) -> BundleConfig:
    """What a bundle says of itself, without its weights; named as for `read_bundle`.

    Raises:
        BundleError: there is none, or its configuration is damaged or of another format.
    """
    found = HubName.find(name)
    return load_bundle_config(bundle_place(name) if found is None else _download(found, weights=False).folder)


def find_bundle(name: str | Path) -> Path:
    """The folder of a bundle named as for `read_bundle`; one of the Hub is downloaded.

    Raises:
        BundleError: the Hub has none that can be had.
    """
    found = HubName.find(name)
    return Path(bundle_place(name)) if found is None else _download(found, weights=True).folder


def _download(name: HubName, *, weights: bool) -> HubCopy:
    """Have it in the cache; the configuration first, since a model that is no bundle of ours may be large."""
    require_library(name, f"{NO_FOLDER} to look for it on the Hugging Face Hub")
    with quiet():
        with _being_no_folder(name):
            trouble = _trouble(name)
            copy = fetch_config(name, trouble)
        with _naming(copy):
            load_bundle_config(copy.folder)
        if weights:
            _fetch(name, WEIGHTS, copy.commit, trouble)
    if trouble not in ("", OFFLINE):
        message = f"{name}: {trouble}; commit {copy.commit} is taken from the cache, which may not be the newest"
        warnings.warn(message, FasterVideoWarning, stacklevel=4)
    return copy


def fetch_config(name: HubName, trouble: str = "") -> HubCopy:
    """The configuration alone, whatever it is; with `trouble` only if it is in the cache already.

    Raises:
        HubError: it cannot be had.
    """
    config = _fetch(name, CONFIG, name.revision or MAIN, trouble)
    return HubCopy(repository=name.repository, commit=config.parent.name, folder=config.parent)


def _trouble(name: HubName) -> str:
    """Why the Hub says nothing of the model; empty where it has it.

    Raises:
        HubError: it does not have it, or not for this user.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(name.repository, CONFIG, revision=name.revision or MAIN)
    try:
        metadata = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except hub_errors() as error:
        if is_out_of_reach(error):
            return reason(error)
        raise refusal(error, name, CONFIG) from error
    if metadata.commit_hash is None:
        raise no_hub(name)
    return ""


def _fetch(name: HubName, file: str, revision: str, trouble: str) -> Path:
    """A file in the cache; with `trouble`, only if it is there already.

    Raises:
        HubError: it cannot be had.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = hf_hub_download(
            name.repository,
            file,
            revision=revision,
            library_name="faster_video",
            library_version=__version__,
            local_files_only=bool(trouble),
        )
    except LocalEntryNotFoundError as error:
        if not trouble:
            raise refusal(error.__cause__ or error, name, file) from error
        raise HubError(
            f"{name}: {trouble}, and {file} is not in the cache {printable(constants.HF_HUB_CACHE)}; "
            f"{'unset it' if trouble == OFFLINE else 'try again later'}, or put {CONFIG} and {WEIGHTS} into a folder "
            "and name that"
        ) from error
    except hub_errors() as error:
        raise refusal(error, name, file) from error
    return Path(path)


@contextmanager
def _being_no_folder(name: HubName) -> Iterator[None]:
    """Say that there is no such folder when the model is not found: more often than not, one was meant."""
    try:
        yield
    except HubError as error:
        raise HubError(f"{name}: {NO_FOLDER} {str(error).removeprefix(f'{name}: ')}") from error


@contextmanager
def _naming(copy: HubCopy) -> Iterator[None]:
    """Say of which model a complaint about the files in the cache is."""
    try:
        yield
    except BundleError as error:
        kept = printable(copy.folder.parent.parent)
        again = f"if it was damaged here, delete {kept} to have it downloaded again"
        raise HubError(f"{copy.origin}: cannot be used: {error}; {again}") from error
