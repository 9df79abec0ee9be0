"""The two HTTP servers behind `FakeHub`."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from fake_hub import Answer, FakeHub, RefusedError, _json

MODEL = r"([^/]+/[^/]+?)"
REVISION = r"([^/]+)"


class FakeServers:
    """Both, each on a free port; `hub` is what they know, and can be exchanged."""

    def __init__(self) -> None:
        self._servers = [_Server(self, handler) for handler in (_HubHandler, _StoreHandler)]
        self.endpoint, self.store = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)
        self.hub = FakeHub(self.endpoint, self.store)
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def begin(self) -> FakeHub:
        """Forget everything."""
        self.hub = FakeHub(self.endpoint, self.store)
        return self.hub


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, servers: FakeServers, handler: type[BaseHTTPRequestHandler]) -> None:
        self.servers = servers
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, *_: object) -> None:
        """A client that has gone is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self, hub: FakeHub, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """What this server says."""
        raise NotImplementedError

    def do_GET(self) -> None:
        hub = self.server.servers.hub
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub.requests.append(f"{self.command} {unquote(path)}")
        if hub.asleep is not None:
            hub.asleep.wait()
        try:
            for pattern, status in hub.answers.items():
                if re.search(pattern, hub.requests[-1]):
                    raise RefusedError(status, "", "as the test has it")
            found = self.answer(hub, path, body, {name.lower(): value for name, value in self.headers.items()})
        except RefusedError as refused:
            plain = _json(refused.body, refused.status)
            found = Answer(plain.body, plain.status, {**plain.headers, **refused.headers})
        self._send(found)

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut_after])
        if answer.cut_after is not None:
            self.wfile.flush()
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Not on stderr."""


class _HubHandler(_Handler):
    def answer(self, hub: FakeHub, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        user = hub.user(headers)
        routes = {
            rf"(?:HEAD|GET) /{MODEL}/resolve/{REVISION}/(.+)": lambda model, revision, name: hub.resolve(
                model, unquote(revision), name, user
            ),
            rf"GET /api/models/{MODEL}(?:/revision/{REVISION})?": lambda model, revision: hub.info(
                model, revision or "main", user
            ),
            r"POST /api/repos/create": lambda: hub.create(json.loads(body), user),
            r"POST /api/validate-yaml": lambda: hub.validate(json.loads(body)),
            rf"POST /api/models/{MODEL}/preupload/{REVISION}": lambda model, revision: hub.preupload(
                model, revision, json.loads(body), user
            ),
            rf"POST /{MODEL}\.git/info/lfs/objects/batch": lambda model: hub.batch(model, json.loads(body), user),
            r"POST /api/verify": lambda: hub.verify(json.loads(body), user),
            rf"POST /api/models/{MODEL}/commit/{REVISION}": lambda model, revision: hub.commit(
                model, revision, [json.loads(line) for line in body.splitlines()], user
            ),
        }
        for route, reply in routes.items():
            found = re.fullmatch(route, f"{self.command} {path}")
            if found:
                answer: Answer = reply(*found.groups())  # type: ignore[operator]
                return answer
        raise RefusedError(404, "", f"the fake has no {self.command} {path}")


class _StoreHandler(_Handler):
    def answer(self, hub: FakeHub, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        if "authorization" in headers:
            raise RefusedError(400, "", "a token has left the Hub")
        number = path.removeprefix("/objects/")
        if self.command == "PUT":
            if hashlib.sha256(body).hexdigest() != number:
                raise RefusedError(400, "", "other content than announced")
            hub.keep(body)
            return Answer(b"")
        content = hub.large[number]
        start = int(headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        rest = content[start:]
        cut = hub.cuts.pop(0) if hub.cuts else None
        if start == 0:
            return Answer(rest, cut_after=cut)
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return Answer(rest, 206, {"Content-Range": span}, cut_after=cut)
