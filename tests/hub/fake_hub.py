"""The part of the Hugging Face Hub's HTTP interface with which a model is read and written, on 127.0.0.1.

Two servers, as there: the Hub, which knows tokens, and a store of large files under another address, so that no token
may reach it, which uploads go to and downloads are redirected to. After the requests that huggingface_hub 1.20 and 2.4
send without Xet, and the headers that they read in the answers.
"""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

import yaml

LICENSES = ("apache-2.0", "mit", "other")
"""A few of the Hub's list."""
Content = bytes | str
"""Of a file: itself, or the SHA-256 under which the store has it."""


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str = "", message: str = "", body: dict[str, Any] | None = None) -> None:
        self.status = status
        self.headers = {"X-Error-Code": code, "X-Error-Message": message}
        self.body = body or {"error": message}


@dataclass(frozen=True)
class Answer:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Bytes of the body after which the connection breaks off."""


@dataclass
class Model:
    """A repository: what files each commit has, and which commit each branch stands for."""

    private: bool = False
    is_gated: bool = False
    commits: dict[str, dict[str, Content]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, changes: dict[str, Content], message: str = "", branch: str = "main") -> str:
        """Add a commit to a branch; returns its 40 digits."""
        number = hashlib.sha1(f"{len(self.commits)}".encode()).hexdigest()
        self.commits[number] = {**self.commits.get(self.branches.get(branch, ""), {}), **changes}
        self.branches[branch] = number
        self.messages.append(message)
        return number

    def number(self, revision: str) -> str:
        """The commit that a branch or a commit's own digits stand for."""
        found = self.branches.get(revision, revision)
        if found not in self.commits:
            raise RefusedError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found


class FakeHub:
    """What the Hub knows and was asked, and how it is to misbehave."""

    def __init__(self, endpoint: str, store: str) -> None:
        self.endpoint, self.store = endpoint, store
        self.tokens = {"hf_alices_secret": "alice", "hf_bobs_secret": "bob"}
        self.models: dict[str, Model] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[str] = []
        """METHOD PATH, in order."""
        self.answers: dict[str, int] = {}
        """Status with which requests are answered that match this pattern."""
        self.cuts: list[int] = []
        """Bytes after which the next downloads from the store break off."""
        self.asleep: threading.Event | None = None
        """If there is one, nothing is answered before it is set."""

    def asked(self, pattern: str) -> list[str]:
        """The requests that match."""
        return [request for request in self.requests if re.search(pattern, request)]

    def put(self, repository: str, files: dict[str, bytes], *, private: bool = False, is_gated: bool = False) -> str:
        """Have a commit of these files in the model's main branch; returns its number."""
        changes: dict[str, Content] = dict(files)
        for name in files:
            if name.endswith(".safetensors"):
                changes[name] = self.keep(files[name])
        return self.models.setdefault(repository, Model(private, is_gated)).commit(changes)

    def keep(self, content: bytes) -> str:
        """Into the store."""
        digest = hashlib.sha256(content).hexdigest()
        self.large[digest] = content
        return digest

    def file(self, repository: str, name: str) -> bytes:
        """A file's content in the newest commit."""
        model = self.models[repository]
        content = model.commits[model.branches["main"]][name]
        return content if isinstance(content, bytes) else self.large[content]

    # What the Hub answers.

    def user(self, headers: dict[str, str]) -> str | None:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            raise RefusedError(401, "", "Invalid credentials in Authorization header")
        return self.tokens.get(token)

    def readable(self, repository: str, user: str | None) -> Model:
        model, owner = self.models.get(repository), repository.split("/")[0]
        if model is None or (model.private and user != owner):
            raise RefusedError(
                404 if user else 401, "RepoNotFound", "Repository not found" if user else "Invalid username"
            )
        if model.is_gated and user != owner:
            raise RefusedError(403 if user else 401, "GatedRepo", f"Access to model {repository} is restricted")
        return model

    def writable(self, repository: str, user: str | None) -> Model:
        model = self.readable(repository, user)
        if user != repository.split("/")[0]:
            raise RefusedError(403, "", f"you have no write access to {repository}")
        return model

    def resolve(self, repository: str, revision: str, name: str, user: str | None) -> Answer:
        model = self.readable(repository, user)
        number = model.number(revision)
        commit = {"X-Repo-Commit": number}
        if name not in model.commits[number]:
            refused = RefusedError(404, "EntryNotFound", "Entry not found")
            refused.headers |= commit
            raise refused
        content = model.commits[number][name]
        if isinstance(content, bytes):
            return Answer(content, headers={**commit, "ETag": f'"{_git_hash(content)}"'})
        headers = {
            "ETag": '"of the pointer"',
            "X-Linked-Etag": f'"{content}"',
            "X-Linked-Size": str(len(self.large[content])),
            "Location": f"{self.store}/objects/{content}?signature=for-a-while",
        }
        return Answer(b"", status=302, headers={**commit, **headers})

    def info(self, repository: str, revision: str, user: str | None) -> Answer:
        model = self.readable(repository, user)
        number = model.number(revision)
        files = [{"rfilename": name} for name in model.commits[number]]
        about = {"_id": "0", "id": repository, "private": model.private, "sha": number, "siblings": files, "tags": []}
        return _json({**about, "downloads": 0, "likes": 0, "gated": model.is_gated, "disabled": False})

    def create(self, wanted: dict[str, Any], user: str | None) -> Answer:
        if user is None:
            raise RefusedError(401, "", "Invalid username or password.")
        repository = f"{wanted['organization'] or user}/{wanted['name']}"
        if repository.split("/")[0] != user:
            raise RefusedError(
                403, "", f'You don\'t have the rights to create a model under the namespace "{repository}"'
            )
        if repository in self.models:
            raise RefusedError(409, "", "You already created this model repo")
        private = wanted.get("private", wanted.get("visibility") == "private")
        self.models[repository] = Model(private=private, commits={}, branches={})
        self.models[repository].commit({".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
        return _json({"url": f"{self.endpoint}/{repository}"})

    def validate(self, wanted: dict[str, Any]) -> Answer:
        """Of the card's head what the Hub insists on."""
        written = re.match(r"---\n(.*?)\n---\n", wanted["content"], re.DOTALL)
        head = yaml.safe_load(written[1]) if written else {}
        errors = []
        if head.get("license", "other") not in LICENSES:
            errors.append(f'"license" must be one of [{", ".join(LICENSES)}]')
        results = [result for model in head.get("model-index", ()) for result in model["results"]]
        if not all(result["task"]["type"] and result["dataset"]["type"] for result in results):
            errors.append('"model-index[0].results[0].dataset.type" is required')
        if errors:
            raise RefusedError(400, body={"errors": [{"message": error} for error in errors], "warnings": []})
        return _json({"errors": [], "warnings": []})

    def preupload(self, repository: str, revision: str, wanted: dict[str, Any], user: str | None) -> Answer:
        model = self.writable(repository, user)
        there = model.commits[model.number(revision)]
        return _json({"files": [_preupload(file["path"], there.get(file["path"])) for file in wanted["files"]]})

    def batch(self, repository: str, wanted: dict[str, Any], user: str | None) -> Answer:
        self.writable(repository, user)
        objects = []
        for file in wanted["objects"]:
            actions = {
                "upload": {"href": f"{self.store}/objects/{file['oid']}?signature=for-a-while"},
                "verify": {"href": f"{self.endpoint}/api/verify"},
            }
            objects.append(dict(file) if file["oid"] in self.large else {**file, "actions": actions})
        return _json({"transfer": "basic", "objects": objects})

    def verify(self, wanted: dict[str, Any], user: str | None) -> Answer:
        if user is None or len(self.large.get(wanted["oid"], b"")) != wanted["size"]:
            raise RefusedError(400, "", "the upload is not complete")
        return _json({})

    def commit(self, repository: str, revision: str, lines: list[dict[str, Any]], user: str | None) -> Answer:
        model = self.writable(repository, user)
        message, changes = lines[0]["value"]["summary"], dict[str, Content]()
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "lfsFile" and value["oid"] not in self.large:
                raise RefusedError(400, "", f"{value['path']} was never uploaded")
            is_large = line["key"] == "lfsFile"
            changes[value["path"]] = value["oid"] if is_large else base64.b64decode(value["content"])
        number = model.commit(changes, message, revision)
        url = f"{self.endpoint}/{repository}/commit/{number}"
        return _json({"success": True, "commitOid": number, "commitUrl": url, "pullRequestUrl": None})


def _preupload(path: str, there: Content | None) -> dict[str, Any]:
    mode = "lfs" if path.endswith(".safetensors") else "regular"
    number = _git_hash(there) if isinstance(there, bytes) else there
    return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": number}


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _json(value: object, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json"})
