"""Tables as CSV (RFC 4180), safe to open in a spreadsheet, and the responses that are such a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from aiohttp import web

__all__ = ["csv_file", "table"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Write a table as CSV. None is an empty cell; text that a spreadsheet would run as a formula gets an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return written.getvalue()


def csv_file(name: str, header: Sequence[str], lines: Iterable[Sequence[object]]) -> web.Response:
    """The response that is a table to download as ``name``."""
    return web.Response(
        text=table(header, lines),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value
