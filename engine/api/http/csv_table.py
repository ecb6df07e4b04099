"""Tables as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

__all__ = ["table"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """The table as text. None is an empty cell; a text that a spreadsheet would take for a formula is quoted."""
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
