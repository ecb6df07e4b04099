"""Where SQL may stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYERS = (ROOT / "engine/storage", ROOT / "publisher/catalogue")
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b .*\b(FROM|INTO|SET)\b|\bPRAGMA\b", re.DOTALL)
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)")
COMMON_TABLE = re.compile(r"\bWITH (\w+) AS\b")
ONE_DIALECT = re.compile(
    r"\bINSERT OR\b|\bjson_\w+\(|\bPRAGMA\b|\bWITHOUT ROWID\b|\bsqlite_master\b|\binstr\(|\bVACUUM\b"
)


def texts(file: Path) -> Iterator[str]:
    """The string literals of a module but for its docstrings, parts that stand beside each other joined."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value


def modules() -> list[Path]:
    """Every module of the product."""
    found = [file for package in ("engine", "publisher") for file in (ROOT / package).rglob("*.py")]
    assert len(found) > 150
    return found


def below(file: Path) -> bool:
    """Whether a module is of the storage layer."""
    return any(file.is_relative_to(layer) for layer in LAYERS)


def test_statements_stand_in_the_storage_packages_alone() -> None:
    """Everything else asks those packages in Python."""
    with_sql = {file for file in modules() if any(map(SQL.search, texts(file)))}
    assert sum(map(below, with_sql)) > 10
    assert sorted(str(file) for file in with_sql if not below(file)) == []


def test_one_text_serves_both_dialects() -> None:
    """What only SQLite has stands in its own module."""
    only_sqlite = {file.name for file in modules() if any(map(ONE_DIALECT.search, texts(file)))}
    assert only_sqlite == {"sqlite.py"}


def test_the_publisher_asks_its_own_tables_alone() -> None:
    """What it needs of the engine's are methods of the engine's storage."""
    tables = LAYERS[1] / "tables.py"
    own = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", "".join(texts(tables))))
    own |= {"marks", "SET"}  # renamed by a later step; DO UPDATE SET names no table
    # A step takes the publisher's own key out of the engine's table, where it stood before.
    assert re.findall(r"meta WHERE key = '(\w+)'", "".join(texts(tables))) == ["site_made_of"] * 2
    named = {
        table
        for file in modules()
        if file.is_relative_to(LAYERS[1]) and file != tables
        for text in texts(file)
        if SQL.search(text)
        for table in TABLE.findall(text)
        if table not in COMMON_TABLE.findall(text)
    }
    assert len(own) > 8
    assert named - own == set()
