"""What is shipped was merged to the end."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Spelled so that this file is none of those it looks for.
_LEFT = re.compile(rb"^(<{7} |>{7} |\|{7} )", re.MULTILINE)


def test_no_file_has_the_marks_of_an_unfinished_merge() -> None:
    """Templates, texts and pages are compiled by nothing that would refuse them."""
    folders = ("engine", "publisher", "templates", "site", "tests", "bench", "deploy")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
    texts = [file for file in files if file.suffix not in (".pyc", ".png", ".gz", ".woff2", ".ttf")]
    assert len(texts) > 400
    assert [str(file.relative_to(ROOT)) for file in texts if _LEFT.search(file.read_bytes())] == []
