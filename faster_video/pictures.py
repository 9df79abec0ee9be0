"""Saving a matplotlib figure as a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from faster_video.errors import FasterVideoError
from faster_video.files import printable, replacing_file, require_writable_place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE_SUFFIXES = (".jpg", ".pdf", ".png", ".svg", ".webp")
"""Kinds of picture that matplotlib writes without any other program."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's, told apart by colour-blind readers."""


class PictureError(FasterVideoError):
    """A picture cannot be written where it was asked for."""


def require_picture_path(path: str | Path) -> Path:
    """`path` if a picture can be called that; to be asked before the work that the picture shows.

    Raises:
        PictureError: it is a folder, its ending is none of `PICTURE_SUFFIXES`, or nothing can be written there.
    """
    target = Path(path)
    if target.is_dir():
        raise PictureError(f"{printable(target)}: is a folder; name a picture file in it, such as plot.png")
    if target.suffix.lower() not in PICTURE_SUFFIXES:
        raise PictureError(f"{printable(target)}: the picture's name must end in one of {', '.join(PICTURE_SUFFIXES)}")
    try:
        require_writable_place(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def save_picture(figure: "Figure", path: str | Path) -> None:
    """Write the figure so that `path` holds the old picture or the new one, never half of it.

    Raises:
        PictureError: the name is not a picture's, or nothing can be written there.
    """
    target = require_picture_path(path)
    try:
        with replacing_file(target) as aside:
            figure.savefig(aside, format=target.suffix[1:].lower(), bbox_inches="tight", pad_inches=0.15)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> PictureError:
    return PictureError(f"{printable(target)}: cannot write the picture there: {error.strerror or error}")


def shortened(text: str, longest: int) -> str:
    """`text` on one line in at most `longest` characters, the last one an ellipsis where it was cut."""
    line = printable(text)
    return line if len(line) <= longest else line[: longest - 1] + "…"
