"""The package huggingface_hub, an extra (`pip install 'faster-video[hub]'`), and what goes wrong with it.

It is loaded where it is needed, with its telemetry off.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR

from faster_video.errors import HubError
from faster_video.files import printable
from faster_video.hub.names import MAIN, HubName

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"
OFFLINE = "HF_HUB_OFFLINE is set"
_TRY_LATER = (408, 429)
"""Answers that say nothing of the model, as those from 500 on."""
_MOST_SAID = 200
"""Characters of what the Hub adds to an answer."""


def require_library(name: HubName, why: str) -> None:
    """Refuse to go on without huggingface_hub; `why` says what for.

    Raises:
        HubError: it is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # is read when the package is loaded
    try:
        import huggingface_hub  # noqa: F401
    except ImportError as error:
        raise HubError(
            f"{name}: {why} huggingface_hub is needed, which is not installed; run pip install 'faster-video[hub]'"
        ) from error


def endpoint() -> str:
    """Address of the Hub: HF_ENDPOINT, or https://huggingface.co."""
    from huggingface_hub import constants

    return constants.ENDPOINT


@contextmanager
def quiet() -> Iterator[None]:
    """Let huggingface_hub draw bars on stderr only where that is a terminal, and keep its log to errors."""
    from huggingface_hub import constants
    from huggingface_hub.utils import logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    verbosity = logging.get_verbosity()
    is_asked_for = constants.HF_HUB_DISABLE_PROGRESS_BARS is not None
    hides = not is_asked_for and not sys.stderr.isatty() and not are_progress_bars_disabled()
    logging.set_verbosity(ERROR)
    if hides:
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if hides:
            enable_progress_bars()


def hub_errors() -> tuple[type[Exception], ...]:
    """What a call of huggingface_hub raises: errors of its HTTP library, refusals of the Hub, and of the disk."""
    from huggingface_hub.errors import HfHubHTTPError

    of_the_http_library: type[Exception] = HfHubHTTPError.__bases__[0]  # httpx or httpx2, as its version has it
    return (of_the_http_library, OSError)


def is_out_of_reach(error: BaseException) -> bool:
    """Whether the Hub was not reached, or not able to say anything of the model."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        return _status(error) in _TRY_LATER or _status(error) >= 500
    return isinstance(error, OfflineModeIsEnabled) or not isinstance(error, OSError)


def reason(error: BaseException) -> str:
    """Why there was no answer that says anything, in a few words."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return OFFLINE
    if isinstance(error, HfHubHTTPError):
        return f"{endpoint()} answers {_status(error)}{_said(error)}"
    if isinstance(error, OSError):
        return printable(" ".join(str(error).split()))
    return f"{endpoint()} cannot be reached ({printable(' '.join(str(error).split()) or type(error).__name__)})"


def refusal(error: BaseException, name: HubName, file: str) -> HubError:
    """One sentence for what the Hub, or the way to it, says when a file of a model is asked for or sent."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    match error:
        case GatedRepoError():
            way = f"ask for it at {endpoint()}/{name.repository}, then {LOG_IN}"
            return HubError(f"{name}: its owner has not given you access; {way}")
        case RepositoryNotFoundError():
            way = f"check the name, or {LOG_IN} if it is private"
            return HubError(f"{name}: {endpoint()} has no model of that name that you may read; {way}")
        case RevisionNotFoundError():
            return HubError(
                f"{name}: has no revision {name.revision or MAIN!r}; name a branch, a tag or a commit of it"
            )
        case RemoteEntryNotFoundError():
            return HubError(f"{name}: is not a bundle on the Hub: it has no {file}")
        case HfHubHTTPError() if _status(error) == 401:
            return HubError(f"{name}: {endpoint()} does not take the token that was sent; {LOG_IN}")
        case HfHubHTTPError() if _status(error) == 403:
            return HubError(f"{name}: {endpoint()} does not allow it{_said(error)}; {LOG_IN} as somebody who may")
        case OSError(strerror=str(said), filename=place) if not isinstance(error, HfHubHTTPError):
            where = f"{printable(place)}: " if place else ""
            return HubError(f"{name}: {file}: {where}{said}; HF_HOME names another folder to keep downloads in")
        case HfHubHTTPError() if not is_out_of_reach(error):
            return HubError(f"{name}: {file}: {reason(error)}")
        case OfflineModeIsEnabled():
            return HubError(f"{name}: {file}: {OFFLINE}; unset it")
        case _:
            return HubError(f"{name}: {file}: {reason(error)}; try again later")


def no_hub(name: HubName) -> HubError:
    """For what answers in another way than the Hub."""
    return HubError(f"{name}: {endpoint()} does not answer as a Hub does; set HF_ENDPOINT to one that does")


def _said(error: BaseException) -> str:
    """What the Hub added to its answer, in brackets."""
    message = " ".join(str(getattr(error, "server_message", None) or "").split())
    return f" ({printable(message[:_MOST_SAID])})" if message else ""


def _status(error: BaseException) -> int:
    """The number of an HTTP answer; 0 where there was none."""
    return int(getattr(getattr(error, "response", None), "status_code", 0))
