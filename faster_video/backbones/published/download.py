"""Weights from an address: downloaded once, gone on with where a download was cut off, and checked."""

import http.client
import os
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

from faster_video.backbones.published.spec import Published, WeightsFile
from faster_video.backbones.published.weights import require_sha256, require_weights, weights_path
from faster_video.errors import WeightsError
from faster_video.files import printable

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30.0
"""Without any byte."""


def fetch(published: Published, show: Callable[[int, int | None], None] = lambda done, total: None) -> Path:
    """The file with a network's weights, downloaded if it is not there; its SHA-256 is checked as far as one is known.

    `show` is told the bytes that are there, and of how many, None if the server does not say. What a download cut off
    has brought stays in `NAME.part`, and the next one goes on from there.

    Raises:
        WeightsError: no weights are published, their package is not installed, the server cannot be reached or has no
            such file, the disk is full, or the file is not the published one.
    """
    path, wanted = weights_path(published), published.weights
    if wanted is None or wanted.url is None:
        return require_weights(published)
    if not path.is_file():
        part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _download(wanted.url, part, show)
        except (OSError, http.client.HTTPException) as error:  # an address that cannot be reached is an OSError too
            raise WeightsError(_apology(published, wanted, path, error)) from error
        _require_published(part, wanted)
        part.replace(path)
    require_sha256(path, wanted.sha256)
    return path


def _require_published(part: Path, wanted: WeightsFile) -> None:
    """Delete and refuse a download that is another file."""
    try:
        require_sha256(part, wanted.sha256)
    except WeightsError as error:
        part.unlink(missing_ok=True)
        raise WeightsError(f"{wanted.url}: {str(error).partition(': ')[2]}") from error


def _apology(published: Published, wanted: WeightsFile, path: Path, error: Exception) -> str:
    reason = f"{error.code} {error.reason}" if isinstance(error, HTTPError) else getattr(error, "reason", error)
    return (
        f"{published.name}: {wanted.url} cannot be downloaded ({str(reason) or type(error).__name__}); try again, "
        f"which goes on from there, or download it elsewhere and put it here: {printable(path)}"
    )


def _download(url: str, part: Path, show: Callable[[int, int | None], None]) -> None:
    """All of the file into `part`, from where that ends."""
    begun = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={begun}-"} if begun else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range", "").rpartition("/")[2] == str(begun):
            return None  # all of it was there
        part.unlink()  # longer than the file: of another one
        return _download(url, part, show)
    with response:
        goes_on = response.status == HTTPStatus.PARTIAL_CONTENT
        done = begun if goes_on else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with part.open("ab" if goes_on else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                show(done, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)
    return None
