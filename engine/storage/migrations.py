"""Migrations: numbered steps that create tables and bring those of older versions up to date.

A step is SQL with the dialect's types filled in (``Connection.types``), or a function. The steps that a database has not
seen are applied in order. A released step never changes what it makes; one that a server of the version before can work
beside is marked as additive, so that servers on one database are updated one after the other. The steps are in ``tables``; the publisher's tables have
steps of their own (``publisher.catalogue.tables``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from engine.storage.database import Connection, DatabaseUnusable

__all__ = ["Schema", "Step", "migrate", "run_script"]

Step: TypeAlias = str | Callable[[Connection], None]

_META = "CREATE TABLE IF NOT EXISTS meta (key {text} PRIMARY KEY, value {text} NOT NULL) {by_key}"


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one owner in the database."""

    key: str
    """Where ``meta`` keeps the number of the last step that whoever uses the tables must know."""
    steps: tuple[Step, ...]
    additive: frozenset[int] = frozenset()
    """Numbers of the steps with which the version before goes on: beside a newer server, until it is updated too.

    What they add has defaults, and nothing that the version before reads or writes is renamed or removed.
    """

    @property
    def version(self) -> int:
        """The number of the last step."""
        return len(self.steps)

    @property
    def needed(self) -> int:
        """The number of the last step that whoever uses the tables must know."""
        return max(
            (number for number in range(1, self.version + 1) if number not in self.additive), default=0
        )

    @property
    def steps_key(self) -> str:
        """Where ``meta`` keeps the number of the last step that was applied; ``key`` has the last one that is needed."""
        return f"{self.key}_steps"


def migrate(connection: Connection, schema: Schema) -> None:
    """Apply the steps that the database has not seen, all in one transaction.

    Raises:
        DatabaseUnusable: it is of a newer version.
    """
    if _applied(connection, schema) >= schema.version:
        return
    with connection.transaction():
        connection.execute(_filled(connection, _META))
        # Asked again under the lock: two processes may open a database at once, the other one of a newer version.
        applied = _applied(connection, schema)
        for step in schema.steps[applied:]:
            if callable(step):
                step(connection)
            else:
                run_script(connection, step)
        stored = _numbers(connection, schema).get(schema.key, 0)
        # Nobody goes on beside whoever has a file of its own: the way back is a backup.
        needed = schema.needed if connection.shared else schema.version
        for key, number in (
            (schema.key, max(stored, needed)),
            (schema.steps_key, max(applied, schema.version)),
        ):
            connection.execute(
                "INSERT INTO meta VALUES (:key, :number) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                key=key,
                number=str(number),
            )


def run_script(connection: Connection, script: str) -> None:
    """Run the statements of a script, the dialect's types filled in, in the caller's transaction."""
    for statement in _filled(connection, script).split(";"):
        if statement.strip():
            connection.execute(statement)


def _filled(connection: Connection, script: str) -> str:
    return script.format_map(connection.types)


def _applied(connection: Connection, schema: Schema) -> int:
    """The number of the last step that was applied, perhaps by a newer version with which this one goes on."""
    if not connection.has_table("meta"):
        return 0
    numbers = _numbers(connection, schema)
    needed = numbers.get(schema.key, 0)
    if needed > schema.version:
        raise DatabaseUnusable(
            f"it was written by a newer version of Halcytone Live (schema {needed}, this one knows "
            f"{schema.version}): upgrade, or restore a backup"
        )
    # Versions that know no additive steps keep one number.
    return max(needed, numbers.get(schema.steps_key, 0))


def _numbers(connection: Connection, schema: Schema) -> dict[str, int]:
    rows = connection.rows(
        "SELECT key, value FROM meta WHERE key IN (:key, :steps)", key=schema.key, steps=schema.steps_key
    )
    return {row["key"]: int(row["value"]) for row in rows}
