"""What goes through the pipe between a server and the processes that decode for it."""

import json
import math
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

Header = dict[str, object]
"""What JSON holds."""
FILE, STREAM, STOP = "file", "stream", "stop"
"""What a process can be asked to do."""
MOST_HEADER_BYTES = 1 << 16


def send(connection: Connection, header: Header, pixels: NDArray[np.uint8] | None = None) -> None:
    """A header, and pixels if there are some. Raises `OSError` where nobody listens."""
    connection.send_bytes(json.dumps(header | {"has_pixels": pixels is not None}).encode())
    if pixels is not None:
        connection.send_bytes(np.ascontiguousarray(pixels).data.cast("B"))


def receive(connection: Connection, shape: tuple[int, ...]) -> tuple[Header, NDArray[np.uint8] | None]:
    """What `send` sent, with pixels of this shape; the sender is not trusted.

    Raises:
        EOFError: the sender has ended.
        OSError, ValueError: what came is none of that.
    """
    header = json.loads(connection.recv_bytes(MOST_HEADER_BYTES))
    if not isinstance(header, dict):
        raise ValueError("a header is no object")
    if not header.pop("has_pixels", False):
        return header, None
    sent = connection.recv_bytes(math.prod(shape))
    return header, np.frombuffer(sent, np.uint8).reshape(shape)
