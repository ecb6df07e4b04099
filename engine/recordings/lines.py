"""The lines of a recording's file: bytes to text to numbered lines, whatever program and system wrote them."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["BadRecording", "Line", "number", "shown", "split_head"]

# The longer mark first: that of UTF-32 begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A comma stands between digits where it is a decimal mark; at the end of a number it separates.
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*|,\d+)?|[.,]\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_NO_HEADER: Final = frozenset({"nan", "inf", "infinity", "null", "none", "na", "n/a"})


class BadRecording(ValueError):
    """The file is no recording; the message says what is wrong, and in which line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is neither empty nor a comment; ``number`` counts all lines of the file from 1."""

    number: int
    text: str


def split_head(raw: bytes) -> tuple[Line | None, list[Line]]:
    """Return the header of a file, if it has one, and its lines of values.

    Lines of words before the first value are passed over; the last of them is the header. ``#`` begins a comment.
    """
    lines = [line for line in _lines(raw) if not line.text.startswith("#")]
    first = next((i for i, line in enumerate(lines) if not _is_words(line.text)), len(lines))
    return (lines[first - 1] if first else None), lines[first:]


def number(cell: str) -> float | None:
    """Return what a cell says as a number, with a decimal point or comma; None when it says none."""
    return float(cell.replace(",", ".")) if _NUMBER.fullmatch(cell) else None


def shown(text: str) -> str:
    """Return text as an error quotes it."""
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _lines(raw: bytes) -> list[Line]:
    texts = _decoded(raw).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # A tab at the beginning is an empty first column.
    stripped = (text.rstrip().lstrip(" \ufeff") for text in texts)
    return [Line(i, text) for i, text in enumerate(stripped, start=1) if text.strip()]


def _decoded(raw: bytes) -> str:
    """Return bytes as text; what is no text becomes characters that are no number, and so names its line."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, errors="replace")
    half = len(raw) // 2
    if half and raw[1::2].count(0) == half:
        return raw.decode("utf-16-le", errors="replace")
    if half and raw[::2].count(0) >= half:
        return raw.decode("utf-16-be", errors="replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        # Headers of older programs; values are ASCII in every one of these encodings.
        return raw.decode("cp1252", errors="replace")


def _is_words(text: str) -> bool:
    """Say whether a line is words: it begins with a letter, and nothing in it is a value."""
    cells = [cell.strip(' "') for cell in re.split(r"[\t;, ]+", text) if cell.strip(' "')]
    if not cells or not cells[0].lstrip("([{'%/*").lstrip()[:1].isalpha():
        return False
    return not any(number(cell) is not None or cell.lower() in _NO_HEADER for cell in cells)
