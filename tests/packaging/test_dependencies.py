"""The table of dependencies: complete, true about licences, and without a package that was given up."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_WORDS = re.compile(r"Apache|BSD|MIT|LGPL|Lesser General Public|MPL|Zlib|CC0|CNRI|FreeBSD")
_SAME = {"Lesser General Public": "LGPL", "FreeBSD": "BSD"}


def direct() -> list[str]:
    """The packages that running needs, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["cluster"]]
    return [re.split(r"[^\w-]", line)[0] for line in wanted]


def table() -> dict[str, list[str]]:
    """The cells of each row, by package."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def test_every_direct_dependency_has_its_row() -> None:
    """And no row is about a package that is not needed any more; no cell is empty."""
    assert sorted(table()) == sorted(direct())
    assert all(all(cells) and len(cells) == 3 for cells in table().values())


@pytest.mark.parametrize("name", direct())
def test_licence_and_state_are_what_the_package_says(name: str) -> None:
    """What is installed names the licence of the table, where it names one, and does not call itself inactive."""
    stated = metadata(name)
    classifiers = stated.get_all("Classifier") or []
    named = [
        *(stated.get_all("License-Expression") or []),
        *(each[:60] for each in stated.get_all("License") or []),
    ]
    assert not any("Inactive" in each for each in classifiers)
    licence = " ".join([*named, *classifiers])
    said = {_SAME.get(word, word) for word in _WORDS.findall(licence)}
    assert not said or said & {_SAME.get(word, word) for word in _WORDS.findall(table()[name][2])}


def test_nothing_is_locked_that_its_author_took_back() -> None:
    """Locks name final versions: neither pre-releases nor versions without a digest."""
    for lock in ("runtime.lock", "cluster.lock"):
        text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
        pinned = re.findall(r"^([\w.-]+)==([^ ;\\]+)", text, re.M)
        assert len(pinned) > 30
        assert [version for _, version in pinned if re.search(r"(a|b|rc|dev)\d", version)] == []
        assert len(re.findall(r"--hash=sha256:", text)) >= len(pinned)
