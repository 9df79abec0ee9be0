"""The files that a check leaves in its folder; nothing but an earlier check's is overwritten."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from faster_video.datasets.checking.report import CheckedVideo, CheckReport
from faster_video.datasets.video_list import Part
from faster_video.errors import DataError
from faster_video.files import printable, replacing_file, require_writable_place

REPORT, BROKEN = "report.json", "broken.csv"
FIXED: dict[Part, str] = {"all": "fixed.csv", "train": "fixed-train.csv", "test": "fixed-test.csv"}
"""By the part of the list."""
MADE_BY = "faster-video data check"
"""By this a report is known for one of ours."""


def default_folder(source: str | Path) -> Path:
    """Where the check of a list goes unless the user says otherwise: NAME-check in the current folder."""
    name = Path(source).resolve().stem
    return Path(f"{name or 'list'}-check")


def require_report_folder(folder: Path, source: str | Path) -> None:
    """Refuse a folder in which a report cannot be written; to be asked before the work.

    Raises:
        DataError: nothing can be written there, or it holds such a file that no check has written, or the list itself.
    """
    try:
        taken = [name for name in (REPORT, BROKEN, *FIXED.values()) if (folder / name).exists()]
        if any((folder / name).samefile(source) for name in taken):
            raise DataError(f"{printable(folder)}: holds the list that is to be checked; choose another folder (--out)")
        if taken and not _is_ours(folder / REPORT):
            raise DataError(
                f"{printable(folder)}: holds a {taken[0]} that no check has written; choose another folder (--out)"
            )
        require_writable_place(folder / REPORT)
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_report(
    report: CheckReport, folder: Path, source: str | Path, fixed: Mapping[Part, Sequence[CheckedVideo]]
) -> list[Path]:
    """Write `report.json`, `broken.csv` and a list of every part in `fixed`; returns their paths.

    Raises:
        DataError: that is not possible.
    """
    broken = [(str(video.path), video.label, str(video.fault)) for video in report.videos if video.fault]
    values = {"made_by": MADE_BY, "list": str(Path(source).absolute())} | report.as_dict()
    try:
        with replacing_file(folder / REPORT) as file:
            file.write_text(json.dumps(values, indent=2) + "\n", "utf-8")
        _write_rows(folder / BROKEN, ("path", "label", "reason"), broken)
        for part, videos in fixed.items():
            # Absolute: right wherever the list is moved to, and read as it is written whatever the folders are called.
            rows = [(str(video.absolute), video.label) for video in videos if _is_text(str(video.absolute))]
            _write_rows(folder / FIXED[part], ("path", "label"), rows)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return [folder / REPORT, folder / BROKEN, *(folder / FIXED[part] for part in fixed)]


def _write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # A name that is not UTF-8 is shown with escapes where it is only shown.
    with (
        replacing_file(path) as aside,
        aside.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _is_text(name: str) -> bool:
    """Whether a list, which is UTF-8, can hold the name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_ours(path: Path) -> bool:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.get("made_by") == MADE_BY


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(f"{printable(folder)}: cannot write the report there: {error.strerror or error}")
