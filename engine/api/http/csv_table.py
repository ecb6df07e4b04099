"""Tables as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

__all__ = ["table"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Write a table as CSV. None is an empty cell; text that a spreadsheet would run as a formula gets an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return written.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value
