"""Weights from an address: downloaded once, gone on with where a download was cut off, and checked."""

import http.client
import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

import torch

from faster_video.backbones.published.build import published_labels
from faster_video.backbones.published.spec import Published
from faster_video.backbones.published.weights import (
    read_weights,
    require_fit,
    require_sha256,
    require_weights,
    weights_path,
)
from faster_video.errors import WeightsError
from faster_video.files import printable

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30.0
"""Without any byte."""
Show = Callable[[int, int | None], None]


class _ServerError(Exception):
    """The server cannot be reached, has no such file, or cut the answer off."""


def fetch(published: Published, show: Show = lambda done, total: None) -> Path:
    """The file with a network's weights, downloaded if it is not there, and checked, also if it is.

    Its SHA-256 is checked as far as one is known. Where none is, its tensors must have the network's names and shapes.
    `show` is told the bytes that are there, and of how many, None if the server does not say. What a download cut off
    has brought stays in `NAME.part`, and the next one goes on from there if the server still has the same file.

    Raises:
        WeightsError: no weights are published, their package is not installed, the server cannot be reached or has no
            such file, nothing can be written, or the file is not the published one.
    """
    path, wanted = weights_path(published), published.weights
    if wanted is None or wanted.url is None:
        path = require_weights(published)
    elif not path.is_file():
        _download_to(path, published, wanted.url, show)
    _require_published(path, published)
    return path


def _require_published(path: Path, published: Published) -> None:
    """Refuse what is another file."""
    wanted = published.weights
    assert wanted is not None  # its path is known
    require_sha256(path, wanted.sha256)
    if wanted.sha256 is None:
        with torch.device("meta"):
            network = published.build(len(published_labels(published.labels)))
        require_fit(network, read_weights(path, wanted.key), path)


def _download_to(path: Path, published: Published, url: str, show: Show) -> None:
    """Put there what the address has, if it is the published file; another one is deleted and refused."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part, show)
        try:
            _require_published(part, published)
        except WeightsError as error:
            part.unlink(missing_ok=True)
            _version_file(part).unlink(missing_ok=True)
            what = str(error).partition(": ")[2].rpartition("; ")[0]
            raise WeightsError(
                f"{published.name}: what {url} has is not the published file: it {what}; it was deleted, so download "
                f"the file elsewhere and put it here: {printable(path)}"
            ) from error
        part.replace(path)
        _version_file(part).unlink(missing_ok=True)
    except _ServerError as error:
        begun = part.is_file() and part.stat().st_size > 0 and _version(part) is not None
        raise WeightsError(
            f"{published.name}: {url} cannot be downloaded ({error}); try again, "
            f"{'which goes on from there, ' if begun else ''}or download it elsewhere and put it here: "
            f"{printable(path)}"
        ) from error
    except OSError as error:
        raise WeightsError(
            f"{published.name}: cannot write {printable(error.filename or part)}: {error.strerror or error}; "
            "make room there, or name another folder for caches in XDG_CACHE_HOME"
        ) from error


def _download(url: str, part: Path, show: Show) -> None:
    """All of the file into `part`, from where that ends if it is known to be the beginning of the same file."""
    version = _version(part)
    begun = part.stat().st_size if version is not None and part.is_file() else 0
    headers = {"Range": f"bytes={begun}-", "If-Range": version} if version is not None and begun else {}
    with _naming_the_server():
        try:
            response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
        except HTTPError as error:
            if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not begun:
                raise
            response = error
    with response:
        goes_on = begun > 0 and _goes_on(response, begun, version)
        if begun and response.status != HTTPStatus.OK and not goes_on:
            part.unlink()  # of another file
            return _download(url, part, show)
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None  # all of it was there
        done = begun if goes_on else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with part.open("ab" if goes_on else "wb") as file:
            if not goes_on:
                _keep_version(part, response)
            for chunk in _chunks(response):
                file.write(chunk)
                done += len(chunk)
                show(done, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise _ServerError(f"cut off after {done} of {total} bytes")
    return None


def _goes_on(response: http.client.HTTPResponse | HTTPError, begun: int, version: str | None) -> bool:
    """Whether this is the rest of the file that was begun; of a whole one there is none left."""
    if _version_of(response) not in (None, version):
        return False
    place = response.headers.get("Content-Range", "")
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        return place.startswith(f"bytes {begun}-")
    return response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and place.rpartition("/")[2] == str(begun)


def _chunks(response: http.client.HTTPResponse | HTTPError) -> Iterator[bytes]:
    while True:
        with _naming_the_server():
            chunk = response.read(CHUNK_BYTES)
        if not chunk:
            return
        yield chunk


@contextmanager
def _naming_the_server() -> Iterator[None]:
    """What fails in the block is the server's or the network's fault, not the disk's."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:  # an address that cannot be reached is an OSError too
        reason = f"{error.code} {error.reason}" if isinstance(error, HTTPError) else getattr(error, "reason", error)
        raise _ServerError(str(reason) or type(error).__name__) from error


def _version_file(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _version(part: Path) -> str | None:
    """Which version of the file was begun, None if that is not known."""
    try:
        return _version_file(part).read_text("latin-1") or None
    except FileNotFoundError:
        return None


def _keep_version(part: Path, response: http.client.HTTPResponse | HTTPError) -> None:
    _version_file(part).write_text(_version_of(response) or "", "latin-1")


def _version_of(response: http.client.HTTPResponse | HTTPError) -> str | None:
    """As the server tells its versions of a file apart, None if it does not."""
    return response.headers.get("ETag") or response.headers.get("Last-Modified")
