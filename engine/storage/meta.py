"""Values kept once for the whole database: versions of tables, settings that one process leaves for another."""

from __future__ import annotations

from engine.storage.database import Connection

__all__ = ["Meta"]


class Meta:
    """The table of such values, over a connection of the caller's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> str | None:
        """A value, or None where nobody set it."""
        value: str | None = self._connection.value("SELECT value FROM meta WHERE key = :key", key=key)
        return value

    def set(self, key: str, value: str) -> None:
        """Keep a value in the place of the one before."""
        self._connection.execute(
            "INSERT INTO meta (key, value) VALUES (:key, :value)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            key=key,
            value=value,
        )

    def setdefault(self, key: str, value: str) -> None:
        """Keep a value where there is none yet."""
        self._connection.execute(
            "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT DO NOTHING", key=key, value=value
        )
