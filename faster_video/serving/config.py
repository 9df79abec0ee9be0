"""What a server allows; the defaults are safe on a machine that others can reach only through its loopback."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from faster_video.children import usable_cores
from faster_video.config import require_at_least, require_at_most
from faster_video.errors import ConfigError

MEGABYTE = 1 << 20
LOCALHOST = "localhost"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeConfig:
    """Where a server listens, and the limits on what users may ask of it."""

    host: str = "127.0.0.1"
    """Address to listen on; one that other machines reach needs a token, or `open_to_all`."""
    port: int = 8000
    """To listen on; 0 takes a free one."""
    names: tuple[str, ...] = ()
    """Host names by which clients may call the server, besides its address and `localhost`; `*` takes any."""
    token: str | None = field(default=None, repr=False)
    """Of the header `Authorization: Bearer TOKEN` that requests must have; None asks for none."""
    open_to_all: bool = False
    """Whether other machines may be served without a token."""
    root: Path | None = None
    """Folder below which requests may name files by their paths; None takes uploads only."""
    upload_megabytes: int = 256
    """Largest file that is taken."""
    spool_megabytes: int = 2048
    """Of all uploads that are on disk at once."""
    upload_seconds: float = 120.0
    """Longest time that an upload may take."""
    silence_seconds: float = 10.0
    """Longest time in which nothing comes of a request's head or of an upload."""
    video_seconds: float = 600.0
    """Longest video that is taken."""
    decode_seconds: float = 30.0
    """Longest time that is waited for the decoding of one file or, of a stream, for one picture."""
    decode_megabytes: int = 1024
    """Memory that decoding one file may take."""
    stream_megabytes: int = 384
    """Memory that decoding one stream may take."""
    at_once: int = 2 * usable_cores()
    """Files that are decoded and classified at once."""
    queue: int = 32
    """Files that may wait for that; requests beyond it are refused with 503."""
    streams: int = 16
    """WebSocket streams that may be open at once."""
    stream_silence_seconds: float = 60.0
    """Longest time in which nothing comes on a stream."""
    connections: int = 512
    """That may be open at once; those beyond are refused with 503."""

    def __post_init__(self) -> None:
        require_at_least("port", self.port, 0)
        require_at_most("port", self.port, 65535)
        for name in (
            "upload_megabytes",
            "spool_megabytes",
            "decode_megabytes",
            "stream_megabytes",
            "at_once",
            "streams",
            "connections",
        ):
            require_at_least(name, getattr(self, name), 1)
        require_at_least("queue", self.queue, 0)
        for name in (
            *("upload_seconds", "silence_seconds", "video_seconds", "decode_seconds", "stream_silence_seconds"),
        ):
            seconds = getattr(self, name)
            if not 0 < seconds < float("inf"):
                raise ConfigError(f"{name} is {seconds}; it must be a number above 0")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise ConfigError("token is empty or has characters that a header cannot hold; use letters and digits")
        if self.root is not None and not self.root.is_dir():
            raise ConfigError(f"root is {str(self.root)!r}, which is no folder")
        if not (self.token or self.open_to_all or is_loopback(self.host)):
            raise ConfigError(
                f"host is {self.host!r}, which other machines may reach, and there is no token; give --token_file, or "
                "--open_to_all to serve whoever comes"
            )

    @property
    def upload_bytes(self) -> int:
        """`upload_megabytes` in bytes."""
        return self.upload_megabytes * MEGABYTE


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == LOCALHOST:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
