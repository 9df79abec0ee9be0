"""Who may ask: checked before a request is looked at any further."""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from faster_video.serving.config import LOCALHOST, ServeConfig
from faster_video.serving.metrics import Metrics
from faster_video.serving.refusals import Refusal, answer

OPEN = ("/healthz", "/v1/info")
"""Paths that need no token, besides those outside `/v1` and `/metrics`."""
DOCS = "/docs"
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses requests that call the server by a name it does not have (a foreign page may have it resolve to this
    machine), that pages of other sites make, and that lack the token; adds headers that keep the page to itself."""

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: Metrics) -> None:
        self._app, self._config, self._metrics = app, config, metrics
        self._names = {LOCALHOST, config.host.lower(), *(name.lower() for name in config.names)}
        if config.host in ("127.0.0.1", "::1", LOCALHOST):
            self._names |= {"127.0.0.1", "::1"}
        if config.host in ("0.0.0.0", "::") and not config.names:  # all addresses: any may be the right one
            self._names.add("*")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None and scope["type"] == "websocket":
            await WebSocketClose(1008, refusal.detail)(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                of_response = MutableHeaders(scope=message)
                is_docs = scope["path"].rstrip("/") == DOCS
                of_response["Content-Security-Policy"] = POLICY + ("; style-src 'self' 'unsafe-inline'" * is_docs)
                for name, value in HEADERS.items():
                    of_response[name] = value
                route = getattr(scope.get("route"), "path", "other")
                self._metrics.requests.labels(route, message["status"]).inc()
            await send(message)

        if refusal is not None:
            response = await answer(None, refusal)  # type: ignore[arg-type]
            await response(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded if scope["type"] == "http" else send)

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        host = headers.get("host", "").lower()
        if "*" not in self._names and _name_of(host) not in self._names:
            return Refusal(421, "this server does not go by the name in the request's Host header; see --names")
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != host:
            return Refusal(403, "pages of other sites may not use this server")
        path = scope["path"]
        is_open = path in OPEN or not path.startswith(("/v1/", "/metrics"))
        if scope["type"] == "http" and not is_open and not self.has_token(headers):
            return Refusal(401, "the header Authorization must be: Bearer, and the server's token", BEARER)
        return None

    def has_token(self, headers: Headers) -> bool:
        """Whether a request has the server's token, if there is one."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        return is_token(self._config.token, token if kind.lower() == "bearer" else "")


BEARER = {"WWW-Authenticate": "Bearer"}


def is_token(expected: str | None, given: str) -> bool:
    """Whether what was given is the token, without telling by the time how much of it was right."""
    return expected is None or hmac.compare_digest(expected.encode(), given.strip().encode())


def _name_of(host: str) -> str:
    """Of `NAME:PORT`; nothing for what is none."""
    if not host or any(character in host for character in "/\\@?# \t"):
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _host_of(origin: str) -> str:
    """Host and port of an origin; nothing for one that is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
