"""Why a file is no video, or only the first part of one, from the few bytes that say so; nothing is decoded."""

import os
from pathlib import Path
from typing import BinaryIO

HEAD_BYTES = 512
UNKNOWN_RIFF_SIZE = 0x7FFF0000
"""Programs that write a RIFF file without knowing its end put such a number, or 0, where its size goes."""
EBML, SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")
"""Numbers of the two elements that a Matroska or WebM file consists of."""
MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"uuid"})
"""Boxes at the top level of an MP4 or MOV file."""


def why_no_video(path: Path) -> str | None:
    """What a file that cannot be opened as video seems to be, in plain words; None where its bytes do not tell.

    Raises `OSError` where the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if head and not head.strip(b"\0"):
            return "not a video: it begins with zero bytes; its header was overwritten or never written"
        if head and _is_text(head):
            is_page = b"<html" in head.lower() or b"<!doctype" in head.lower()
            kind = "a web page, perhaps in place of a download that failed" if is_page else "text"
            return f"not a video: it is {kind}"
        boxes = _top_boxes(file)
    if b"mdat" in boxes and not {b"moov", b"moof"} & set(boxes):
        return "cut off: an MP4 without its index (moov), which stands at the file's end"
    return None


def why_cut_off(path: Path) -> str | None:
    """How an AVI, Matroska or WebM file ends before the end that its header names; None where it does not.

    Raises `OSError` where the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        size = file.seek(0, os.SEEK_END)
    promised = _avi_size(head) or _matroska_size(head)
    if promised is None or promised <= size + 1:  # AVI counts a padding byte that some leave out
        return None
    return f"cut off: its header says {promised:,} bytes, but the file ends after {size:,}"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # later: a character that the end of `head` cuts through
            return False
        text = head[: error.start].decode()
    return all(character.isprintable() or character in "\t\n\r\f\ufeff" for character in text)


def _top_boxes(file: BinaryIO) -> list[bytes]:
    """The names of an MP4's outermost boxes up to where they cease to make sense; none of a file of another kind."""
    boxes: list[bytes] = []
    position = 0
    while len(boxes) < 1000:
        file.seek(position)
        header = file.read(16)
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        if len(header) < 8 or name not in MP4_BOXES:
            break
        boxes.append(name)
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:  # 0: up to the file's end
            break
        position += length
    return boxes


def _avi_size(head: bytes) -> int | None:
    if head[:4] != b"RIFF" or head[8:12] != b"AVI ":
        return None
    size = int.from_bytes(head[4:8], "little")
    return size + 8 if 0 < size < UNKNOWN_RIFF_SIZE else None


def _matroska_size(head: bytes) -> int | None:
    """Where the segment ends, which holds everything after the first header; None where the file does not say."""
    if not head.startswith(EBML):
        return None
    length, start = _variable_number(head, len(EBML))
    start += length or 0
    if length is None or head[start : start + 4] != SEGMENT:
        return None
    length, start = _variable_number(head, start + 4)
    return None if length is None else start + length


def _variable_number(head: bytes, start: int) -> tuple[int | None, int]:
    """An EBML number and where it ends: leading zero bits of its first byte count the bytes that follow it."""
    if start >= len(head) or not head[start]:
        return None, start
    width = 9 - head[start].bit_length()
    mask = (1 << 7 * width) - 1
    value = int.from_bytes(head[start : start + width], "big") & mask
    return (None if value == mask else value), start + width  # all ones: unknown
