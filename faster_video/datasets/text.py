"""Lists as text files: their lines with numbers, and how a bad one is refused."""

import csv
from pathlib import Path

from faster_video.errors import DataError
from faster_video.files import printable

BLANKS = " \t\r\n"


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Every line that is not blank, with its number from 1, without the blanks around it; a BOM is passed over.

    Raises:
        DataError: the file is not UTF-8 text.
        OSError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = [(number, line.strip(BLANKS)) for number, line in enumerate(file, start=1)]
    except UnicodeDecodeError as error:
        raise DataError(f"{printable(path)}: is not a text file in UTF-8: {error}") from error
    return [(number, line) for number, line in lines if line]


def numbered_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Every row of a CSV file with a cell that is not blank, with the number of its last line; blanks are cut off.

    Raises:
        DataError: the file is not UTF-8 text, or no CSV.
        OSError: it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except UnicodeDecodeError as error:
        raise DataError(f"{printable(path)}: is not a text file in UTF-8: {error}") from error
    except csv.Error as error:
        raise DataError(f"{printable(path)}: is not a CSV text file: {error}") from error
    return [(line, row) for line, row in rows if any(row)]


def malformed(path: Path, line: int, found: str, wanted: str) -> DataError:
    """What is wrong with a line: what it is, and what it must be."""
    return DataError(f"{printable(path)}, line {line}: is {found!r}; {wanted}")


def require_file_name(path: Path, line: int, name: str) -> None:
    """Refuse what can be no file's name.

    Raises:
        DataError: it holds a NUL character.
    """
    if "\0" in name:
        raise DataError(f"{printable(path)}, line {line}: the path {name!r} has a NUL character, which no file has")
