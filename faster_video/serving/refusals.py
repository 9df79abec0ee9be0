"""Requests that are refused, each with a status and a sentence for whoever sent it."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse


class Refusal(HTTPException):
    """A request that is not carried out."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, sentence, headers)


def busy(retry_seconds: int, sentence: str) -> Refusal:
    """503: try again in so many seconds."""
    return Refusal(503, f"{sentence}; try again in {retry_seconds} seconds", {"Retry-After": str(retry_seconds)})


async def answer(_request: Request, error: Exception) -> JSONResponse:
    """The response to a request that was refused."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
