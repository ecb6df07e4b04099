"""Files to import, as people save them."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest

from publisher.import_reader import UnreadableImport, read_sessions

SESSIONS = [{"session_id": f"imp-{n}", "title": f"Abend {n} – ä呼吸"} for n in range(1, 4)]
LINES = "\n".join(json.dumps(session, ensure_ascii=False) for session in SESSIONS)
BY_LINE = [(f"line {n}", session) for n, session in enumerate(SESSIONS, 1)]


def read(tmp_path: Path, content: bytes) -> list[tuple[str, dict[str, Any] | str]]:
    """What is found in a file with this content."""
    file = tmp_path / "sessions.jsonl"
    file.write_bytes(content)
    return list(read_sessions(file))


# directus#12970: a byte order mark lost the first line, and UTF-16 said "not JSON" for each.
@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        codecs.BOM_UTF8 + LINES.encode(),
        LINES.encode("utf-16"),
        codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
        LINES.encode("utf-16-le"),
        LINES.encode("utf-16-be"),
        LINES.encode("utf-32"),
        LINES.replace("\n", "\r\n").encode(),
        LINES.replace("\n", "\r").encode(),
    ],
    ids=["plain", "bom", "utf-16", "utf-16-be", "le, no mark", "be, no mark", "utf-32", "crlf", "cr"],
)
def test_every_encoding_of_a_spreadsheet_is_read(tmp_path: Path, content: bytes) -> None:
    """The first line too."""
    assert read(tmp_path, content) == BY_LINE


def test_an_array_is_read_item_by_item(tmp_path: Path) -> None:
    """Over as many lines as it was written, with what is no object said by its place."""
    content = json.dumps([*SESSIONS, 7], indent=1, ensure_ascii=False)
    assert read(tmp_path, b"\n" + content.encode()) == [
        *((f"item {n}", session) for n, session in enumerate(SESSIONS, 1)),
        ("item 4", "not an object"),
    ]


def test_a_doubled_id_is_said_and_the_first_one_stands(tmp_path: Path) -> None:
    """It was replaced without a word."""
    doubled = json.dumps({"session_id": "imp-1", "title": "Another"})
    assert read(tmp_path, f"{LINES}\n\n{doubled}\n".encode()) == [
        *BY_LINE,
        ("line 5", "session_id: imp-1 is in line 1 already"),
    ]


def test_lines_that_are_wrong_spoil_no_other(tmp_path: Path) -> None:
    """Each is named."""
    assert read(tmp_path, f"nothing\n{LINES}\n[1]\n".encode()) == [
        ("line 1", "not JSON"),
        *((f"line {n}", session) for n, session in enumerate(SESSIONS, 2)),
        ("line 5", "not an object"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (LINES.replace("呼吸", "").encode("cp1252"), "save it again as UTF-8"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8{", "says that it is UTF-16"),
        (b'[{"session_id": "a"},\n', "begins as a JSON array"),
    ],
    ids=["cp1252", "half utf-16", "half an array"],
)
def test_what_cannot_be_read_is_said_once(tmp_path: Path, content: bytes, says: str) -> None:
    """With what to do about it, instead of a sentence for each line."""
    with pytest.raises(UnreadableImport, match=says):
        read(tmp_path, content)
