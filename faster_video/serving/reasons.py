"""Why something that a user sent could not be decoded, as the user is told."""

from faster_video.errors import DecodeError, first_line
from faster_video.files import printable

NO_MEMORY = "decoding it needs more than the {} MB of memory that it may take"
TOO_SLOW = "decoding it took longer than the {:g} seconds that it may take"
DIED = "decoding it ended the process that did it"
UNWANTED = "nobody waits for it any longer"


def failure_of(error: Exception, name: object, megabytes: int) -> dict[str, object]:
    """What a process whose memory was limited to `megabytes` sends to the server, without the name of what it decoded;
    `is_fatal` where the process itself may have suffered."""
    text = " ".join(str(error).removeprefix(f"{printable(str(name))}: ").split())
    if isinstance(error, MemoryError) or "allocate memory" in text or "more memory" in text:
        return {"failure": NO_MEMORY.format(megabytes), "is_fatal": True}
    if isinstance(error, DecodeError):
        return {"failure": text}
    return {"failure": f"decoding it failed ({first_line(error)})", "is_fatal": True}
