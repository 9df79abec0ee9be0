"""A server for the tests of streams; files that need one of another kind have their own `served`."""

from collections.abc import Iterator

import pytest
from serving_samples import Served, serving

from faster_video.serving.config import ServeConfig


@pytest.fixture(scope="module")
def stream_server() -> Iterator[Served]:
    # Streams end because they are over, not because nothing comes.
    with serving(ServeConfig(port=0, streams=4, stream_silence_seconds=3600)) as server:
        yield server


@pytest.fixture
def served(stream_server: Served) -> Served:
    """Without the streams of the test before."""
    stream_server.wait_for_no_streams()
    return stream_server
