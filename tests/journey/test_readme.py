"""The README: one screen, and every target and file that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_readme_is_one_screen() -> None:
    """One sentence, the two commands, one picture, and where to read on: for somebody who has never heard of it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 50
    assert len(re.findall(r"^```bash", text, re.M)) == 1
    assert len(re.findall(r"^```mermaid", text, re.M)) == 1
    assert "docs/" in text


def test_every_make_target_that_is_named_exists() -> None:
    """README, deploy notes and CI name only targets that the Makefile has."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for page in ("README.md", "deploy/README.md", ".ci/run", "CHANGELOG.md")
        for target in re.findall(r"(?:`|^|\n)make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"))
    }
    assert named
    assert named <= targets


def test_every_linked_file_exists() -> None:
    """A relative link of the README leads somewhere."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(((?!https?:)[^)#]+)\)", text):
        assert (ROOT / link).exists(), link
