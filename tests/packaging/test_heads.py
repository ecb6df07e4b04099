"""What each package says of itself at its head is so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADS = sorted(
    head.relative_to(ROOT)
    for top in ("engine", "publisher")
    for head in (ROOT / top).rglob("__init__.py")
    if "May import" in head.read_text(encoding="utf-8")
)


SHARED = {"engine.api.http", "engine.api.id_case", "engine.api.models"}
"""What the head of ``engine.api`` says is there for each package in it."""


def named(head: str) -> set[str]:
    """The packages that the head's "May import" names: ``engine.x``, then ``y`` of the same; ``engine.api.x``, then ``y``."""
    said = head.partition("May import:")[2].split("\n\n")[0]
    found: set[str] = set()
    for part in said.split(";"):
        top = ""
        for name in re.findall(r"``([a-z_.]+)``", part):
            top = name.rpartition(".")[0] if "." in name else top
            if top:
                found.add(name if "." in name else f"{top}.{name}")
    return found


def imported(folder: Path) -> set[str]:
    """The packages of ours that the modules of a folder import from elsewhere: two names deep, beside it three."""
    own = ".".join(folder.relative_to(ROOT).parts)
    inside = own.split(".")[:2]
    found: set[str] = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module != own:
                modules = [f"{node.module}.{each.name}" for each in node.names]
            elif isinstance(node, ast.Import):
                modules = [each.name for each in node.names]
            else:
                continue
            found |= {
                ".".join(names[: 3 if names[:2] == inside else 2])
                for names in (module.split(".") for module in modules if not module.startswith(f"{own}."))
            }
    return {each for each in found if each.startswith(("engine.", "publisher."))} - SHARED


@pytest.mark.parametrize("head", HEADS, ids=lambda head: str(head.parent))
def test_a_package_imports_what_its_head_says_and_nothing_else(head: Path) -> None:
    """A list that is kept by hand beside the contracts would become untrue without anybody seeing it."""
    text = ast.get_docstring(ast.parse((ROOT / head).read_text(encoding="utf-8"))) or ""
    assert imported(ROOT / head.parent) == named(text) - {".".join(head.parent.parts)}


def test_every_package_of_engine_and_publisher_says_it() -> None:
    """Each package at the first layer has such a head."""
    packages = {path.parent for top in ("engine", "publisher") for path in (ROOT / top).glob("*/__init__.py")}
    assert {package.relative_to(ROOT) for package in packages} - {head.parent for head in HEADS} == set()


def test_a_module_of_more_than_300_lines_says_why_it_is_one() -> None:
    """One that has grown is cut in two, unless its head gives a reason against it."""
    silent = [
        str(file.relative_to(ROOT))
        for top in ("bench", "engine", "halcytone", "publisher")
        for file in (ROOT / top).rglob("*.py")
        if (text := file.read_text(encoding="utf-8")).count("\n") > 300
        and not re.search(r"\blong\b|300 lines", ast.get_docstring(ast.parse(text)) or "")
    ]
    assert silent == []
