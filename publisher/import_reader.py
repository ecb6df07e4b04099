"""Reads a file of sessions to import: JSON Lines or a JSON array, in the encodings in which spreadsheets save them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Doubled", "UnreadableImport", "read_sessions"]

_CHUNK = 1 << 20
# The longer marks first: UTF-32's little-endian one begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class UnreadableImport(ValueError):
    """Nothing of the file can be read; the message says what it is and what to do."""


class Doubled(str):
    """Says in which line a session's id was before."""

    __slots__ = ()


def read_sessions(file: Path) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Each session's place in the file (``line 3``, ``item 3`` of an array), with the object there or what is wrong.

    Of sessions with one ``session_id`` only the first is given; a later one is ``Doubled``. Ids that differ by case alone
    are one folder on many hosts: the later one is refused.

    Raises:
        UnreadableImport: the file is in another encoding, or one broken JSON array.
    """
    encoding = _encoding_of(file)
    seen: dict[str, tuple[str, str]] = {}
    with file.open(encoding=encoding) as text:
        for place, found in _items(text):
            session_id = found.get("session_id") if isinstance(found, dict) else None
            if isinstance(session_id, str):
                first, known = seen.setdefault(session_id.lower(), (place, session_id))
                if first != place and known == session_id:
                    yield place, Doubled(f"session_id: {session_id} is in {first} already")
                    continue
                if first != place:
                    yield place, f"session_id: differs from {known} in {first} by case alone"
                    continue
            yield place, found


def _encoding_of(file: Path) -> str:
    """The encoding by the file's byte order mark, else UTF-8 if the whole file is that."""
    with file.open("rb") as raw:
        start = raw.read(4)
        encoding = next((name for mark, name in _MARKS if start.startswith(mark)), None)
        if encoding is None and b"\0" in start:
            encoding = "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
        decoder = codecs.getincrementaldecoder(encoding or "utf-8")()
        raw.seek(0)
        try:
            while chunk := raw.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise UnreadableImport(
                f"{file.name} is not UTF-8, but perhaps Windows-1252: save it again as UTF-8"
                if encoding is None
                else f"{file.name} says that it is {encoding.upper()}, and is not: save it again as UTF-8"
            ) from error
    return encoding or "utf-8"


def _items(text: TextIO) -> Iterator[tuple[str, dict[str, Any] | str]]:
    begun = False
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        if not begun and line.lstrip().startswith("["):
            yield from _array(line + text.read())
            return
        begun = True
        yield f"line {number}", _object(line)


def _array(text: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableImport(f"it begins as a JSON array, and is none: {error}") from None
    for number, item in enumerate(items, 1):
        yield f"item {number}", item if isinstance(item, dict) else "not an object"


def _object(line: str) -> dict[str, Any] | str:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return "not JSON"
    return found if isinstance(found, dict) else "not an object"
