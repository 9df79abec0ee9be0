"""Why something that a user sent could not be decoded, as the user is told."""

from faster_video.errors import DecodeError, first_line
from faster_video.files import printable

NO_MEMORY = "decoding it needs more than the {} MB of memory that it may take"
TOO_SLOW = "decoding it took longer than the {:g} seconds that it may take"
DIED = "decoding it ended the process that did it"


def reason_of(error: Exception, name: object, megabytes: int) -> str:
    """In one sentence without the name of the file that was decoded, where its memory was limited to `megabytes`."""
    text = " ".join(str(error).removeprefix(f"{printable(str(name))}: ").split())
    if isinstance(error, MemoryError) or "allocate memory" in text:
        return NO_MEMORY.format(megabytes)
    if isinstance(error, DecodeError):
        return text
    return f"decoding it failed ({first_line(error)})"
