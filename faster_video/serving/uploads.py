"""A request's body, read with limits into a file that ends with the request.

The file has no name (Starlette spools it through `tempfile.TemporaryFile`), so that nothing is left however the server
ends. A process of the same user reads it through the server's descriptor.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from faster_video.files import printable
from faster_video.serving.config import MEGABYTE, ServeConfig
from faster_video.serving.metrics import Metrics
from faster_video.serving.refusals import Refusal, busy

FORM_BYTES = 1 << 16
"""Of a form beside the file in it."""
MOST_PATH_BYTES = 4096
RETRY_SECONDS = 5
WRONG_FORM = "send a multipart form with one field: file, the video"


@dataclass(frozen=True, slots=True)
class Given:
    """The video that a request is about."""

    path: Path
    name: str
    """As the user calls it."""


class Spool:
    """Counts the bytes of uploads that are on disk."""

    def __init__(self, config: ServeConfig, metrics: Metrics) -> None:
        self.config, self.metrics = config, metrics
        self.bytes = 0
        """Now."""
        self.uploads = 0
        """That are coming now."""

    @asynccontextmanager
    async def given(self, request: Request) -> AsyncIterator[Given]:
        """The video that a form holds or, where that is allowed, names; until the block ends.

        Raises:
            Refusal: there is no such form, it is too large, too slow or has no room, or the path is not allowed.
        """
        kind = request.headers.get("content-type", "").lower()
        if not kind.startswith("multipart/form-data"):
            raise Refusal(400, f"the body is {kind.partition(';')[0] or 'of no type'!r}; {WRONG_FORM}")
        body = _LimitedBody(request, self)
        self.uploads += 1
        try:
            try:
                form = await Request(request.scope, body.receive).form(
                    max_files=1, max_fields=2, max_part_size=MOST_PATH_BYTES
                )
            except ClientDisconnect as error:
                raise Refusal(400, "the upload was given up") from error  # which nobody hears
            except OSError as error:
                raise Refusal(507, f"the upload cannot be kept ({error.strerror})") from error
            except (FormParserError, UnicodeError, LookupError) as error:  # the latter of unknown character sets
                raise Refusal(400, f"the form is damaged ({error}); {WRONG_FORM}") from error
            try:
                async with _file_of(form.get("file"), form.get("path"), self.config.root) as given:
                    yield given
            finally:
                await form.close()
        except Refusal:
            raise
        except HTTPException as error:  # of the parser
            raise Refusal(error.status_code, f"{error.detail.rstrip('.')}; {WRONG_FORM}") from error
        finally:
            self.bytes -= body.bytes
            self.uploads -= not body.is_over
            self.metrics.upload_bytes.inc(body.bytes)


class _LimitedBody:
    """Hands on a request's body, piece by piece, as far as it is within the limits."""

    def __init__(self, request: Request, spool: Spool) -> None:
        self._receive: Receive = request.receive
        self._spool, self._config = spool, spool.config
        self._deadline = monotonic() + spool.config.upload_seconds
        self.bytes = 0
        self.is_over = False
        """Whether all of it has come."""
        self._most = self._config.upload_bytes + FORM_BYTES
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        """The next piece. Raises `Refusal`."""
        left = min(self._deadline - monotonic(), self._config.silence_seconds)
        try:
            message = await asyncio.wait_for(self._receive(), max(0, left))
        except TimeoutError:
            raise Refusal(
                408,
                f"the upload was too slow: at most {self._config.upload_seconds:g} seconds, and "
                f"{self._config.silence_seconds:g} in which nothing comes",
            ) from None
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self.bytes += size
            self._spool.bytes += size
            if self.bytes > self._most:
                raise self._too_large()
            if not message.get("more_body", False) and not self.is_over:
                self.is_over = True
                self._spool.uploads -= 1
            if self._spool.bytes > self._config.spool_megabytes * MEGABYTE:
                raise busy(RETRY_SECONDS, "there is no room for another upload")
        return message

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the upload is too large; at most {self._config.upload_megabytes} MB are taken")


@asynccontextmanager
async def _file_of(file: object, path: object, root: Path | None) -> AsyncIterator[Given]:
    """The file that was uploaded, or the one below `root` that was named."""
    if isinstance(file, UploadFile) and path is None:
        name = printable(Path(file.filename or "upload").name or "upload")
        descriptor = await asyncio.to_thread(_flushed, file)
        of_process = Path(f"/proc/{os.getpid()}/fd/{descriptor}")
        if of_process.exists():
            yield Given(of_process, name)
            return
        with tempfile.NamedTemporaryFile() as named:  # systems that do not show what a process has open
            file.file.seek(0)
            await asyncio.to_thread(shutil.copyfileobj, file.file, named)
            named.flush()
            yield Given(Path(named.name), name)
    elif isinstance(path, str) and file is None:
        yield Given(below(root, path), printable(path))
    else:
        raise Refusal(400, WRONG_FORM)


def _flushed(file: UploadFile) -> int:
    """The descriptor of an upload all of which is on disk."""
    descriptor = file.file.fileno()
    file.file.flush()
    return descriptor


def below(root: Path | None, name: str) -> Path:
    """The file that a user names, which must lie below `root`, wherever links lead. It is never taken as an address.

    Raises:
        Refusal: no paths are taken, or it is none of a file there.
    """
    if root is None:
        raise Refusal(403, "this server takes no paths; send the video in the field file")
    base = root.resolve()
    try:
        found = (base / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        found = None
    if found is None or not found.is_relative_to(base) or not found.is_file():
        raise Refusal(404, f"there is no video {printable(name)!r} below the server's folder")
    return found
