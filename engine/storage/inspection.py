"""What ``halcytone doctor`` asks of the tables."""

from __future__ import annotations

from engine.storage.database import Connection

__all__ = ["incomplete_logs"]


def incomplete_logs(connection: Connection) -> list[str]:
    """The sessions whose log lacks a position between its first and its last."""
    rows = connection.rows(
        "SELECT session_id FROM journal GROUP BY session_id"
        " HAVING max(position) - min(position) + 1 <> count(*) ORDER BY session_id"
    )
    return [row["session_id"] for row in rows]
