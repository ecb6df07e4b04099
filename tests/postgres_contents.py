"""What a PostgreSQL database holds, to be put back after a test: to copy a database's 476 files takes several times as long."""

from __future__ import annotations

from typing import Final

import psycopg

__all__ = ["Contents"]

_SHAPE: Final = " UNION ALL ".join(
    f"SELECT '{catalogue}', count(*), max(xmin::text::bigint) FROM {catalogue}{where}"
    for catalogue, where in {
        "pg_class": "",
        "pg_attribute": "",
        "pg_constraint": "",
        "pg_trigger": "",
        "pg_proc": "",
        "pg_db_role_setting": " WHERE setdatabase ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())",
    }.items()
)
"""Other answers once a table, a column, an index, a constraint, a trigger, a function or a setting was changed."""
_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES: Final = (
    "SELECT sequencename, start_value, last_value FROM pg_sequences WHERE schemaname = 'public'"
)


class Contents:
    """The rows of every table of a database, and where its sequences stand."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            self._shape = connection.execute(_SHAPE).fetchall()
            self._tables = [f'"{name}"' for (name,) in connection.execute(_TABLES)]
            self._sequences = connection.execute(_SEQUENCES).fetchall()
            self._rows = {table: rows for table in self._tables if (rows := _rows(connection, table))}

    def put_back(self, url: str) -> bool:
        """Make the same database hold them again; False where its tables or its settings are others now."""
        with psycopg.connect(url) as connection:
            if connection.execute(_SHAPE).fetchall() != self._shape:
                return False
            # No reference is looked after: all rows go.
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("".join(f"DELETE FROM {table};" for table in self._tables))
            for table, rows in self._rows.items():
                with connection.cursor().copy(f"COPY {table} FROM STDIN") as into:
                    into.write(rows)
            for name, start, last in self._sequences:
                connection.execute("SELECT setval(%s::regclass, %s, %s)", (name, last or start, bool(last)))
        return True


def _rows(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(f"COPY {table} TO STDOUT") as out:
        return b"".join(map(bytes, out))
