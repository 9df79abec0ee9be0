"""A Hub on this machine, which huggingface_hub is told of before anything imports it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub
from fake_servers import FakeServers

from faster_video.hub.library import require_library
from faster_video.hub.names import HubName

SERVERS = FakeServers()
os.environ["HF_ENDPOINT"] = SERVERS.endpoint
os.environ["HF_HUB_DISABLE_XET"] = "1"  # large files go by the older way, which the fake has
for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
    os.environ.pop(name, None)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """An empty Hub, nobody logged in, and an empty cache."""
    require_library(HubName("alice/waves"), "for the tests")  # loads it as the package does
    from huggingface_hub import constants

    assert SERVERS.endpoint == constants.ENDPOINT
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    hub = SERVERS.begin()
    yield hub
    assert not hub.asked("harnesses|telemetry")  # nobody is told what runs here
    if hub.asleep is not None:
        hub.asleep.set()


@pytest.fixture
def alice(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """The Hub with alice logged in."""
    monkeypatch.setenv("HF_TOKEN", "hf_alices_secret")
    return hub
