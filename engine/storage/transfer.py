"""Copying every table from one database into another, whatever the dialects."""

from __future__ import annotations

from engine.storage.database import Connection, DatabaseUnusable, Progress, TableShape, Value

__all__ = ["copy_tables", "is_empty"]

_ROWS_AT_ONCE = 2000
_OF_ONE_RUN = frozenset({"nodes", "owners", "sites"})
"""Who runs on the source, and for which folders the site is built, which is nobody's business in the target."""
_OF_SCHEMAS = "key LIKE '%_schema' OR key LIKE '%_tables' OR key LIKE '%_steps'"
_HELD_BY_A_STUDIO = ("journal", "rooms", "people", "snapshots", "keys")


def is_empty(connection: Connection) -> bool:
    """Whether nothing of a studio is in a database whose tables are there."""
    return all(connection.value(f"SELECT count(*) FROM {table}") == 0 for table in _HELD_BY_A_STUDIO)


def copy_tables(source: Connection, target: Connection, progress: Progress | None = None) -> int:
    """Write all rows of ``source``, as of one moment, into the same tables of ``target``; returns how many rows.

    The target's tables are there and hold nothing but what making them left. ``progress`` gets tables.

    Raises:
        DatabaseUnusable: the target lacks a table, or already holds a studio.
    """
    shapes, there = source.tables(), target.tables()
    # A table that the target lacks is somebody else's: both have ours, in the same versions.
    if _versions(source) != _versions(target):
        raise DatabaseUnusable("the target is of another version")
    shapes = {name: shape for name, shape in shapes.items() if name in there and name not in _OF_ONE_RUN}
    if not is_empty(target):
        raise DatabaseUnusable("the target already holds a studio: name an empty database")
    copied = 0
    with source.reading(), target.transaction():
        for number, (name, shape) in enumerate(sorted(shapes.items()), 1):
            copied += _copy(source, target, name, shape)
            if progress is not None:
                progress(number, len(shapes))
        target.restart_identities()
    return copied


def _versions(connection: Connection) -> dict[str, str]:
    """The last step of each owner's tables that was applied."""
    rows = connection.rows(f"SELECT key, value FROM meta WHERE {_OF_SCHEMAS}")
    stored = {row["key"]: row["value"] for row in rows}
    return {
        key: stored.get(f"{key}_steps", value) for key, value in stored.items() if not key.endswith("_steps")
    }


def _copy(source: Connection, target: Connection, name: str, shape: TableShape) -> int:
    columns = ", ".join(shape.columns)
    marks = ", ".join(f":{column}" for column in shape.columns)
    # The versions of the schemas are there already, and which of them is needed the target knows.
    conflict = (
        f" ON CONFLICT (key) DO UPDATE SET value = CASE WHEN {_OF_SCHEMAS.replace('key', 'meta.key')}"
        " THEN meta.value ELSE excluded.value END"
        if name == "meta"
        else ""
    )
    insert = f"INSERT INTO {name} ({columns}) VALUES ({marks}){conflict}"
    order = ", ".join(shape.key)
    after = f"({order}) > ({', '.join(f':{column}' for column in shape.key)})"
    copied = 0
    last: dict[str, Value] = {}
    while True:
        where = f"WHERE {after}" if last else ""
        rows = source.rows(
            f"SELECT {columns} FROM {name} {where} ORDER BY {order} LIMIT {_ROWS_AT_ONCE}", **last
        )
        if not rows:
            return copied
        target.many(insert, [{column: row[column] for column in shape.columns} for row in rows])
        copied += len(rows)
        last = {column: rows[-1][column] for column in shape.key}
