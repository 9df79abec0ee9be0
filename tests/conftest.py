"""What every test needs."""

import os
import signal
import tempfile

import pytest
from hypothesis import settings

# Caches of checks and of verified shards go where they disappear; set before anything asks for the folder.
_CACHES = tempfile.TemporaryDirectory(prefix="faster-video-tests-")
os.environ["XDG_CACHE_HOME"] = _CACHES.name

# Machines are shared, so no example has a deadline; a third of the usual hundred keeps all tests within twenty minutes.
settings.register_profile("shared machine", deadline=None, max_examples=30)
settings.load_profile("shared machine")

# A shell that starts the tests in the background has them ignore ctrl-C, which some of them send to themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no core is left alone with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)  # and otherwise as they come
