"""Queries of the published sessions in the feed's order: the newest, and the parts of its archive (RFC 5005).

A part is named by its month and number, such as ``2024-03-1``; ``feed_places`` says where a session stands.
"""

from __future__ import annotations

from engine.storage.database import Connection
from publisher.catalogue.changes import ARCHIVE_SIZE
from publisher.catalogue.listing import COLUMNS, Published, entry_of

__all__ = ["FeedArchive"]

_NEWEST_FIRST = "published_at DESC, feed_number DESC, session_id DESC"


class FeedArchive:
    """The feed and its archive over one connection. Reads only; blocking."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, limit: int) -> list[Published]:
        """Public sessions by publication, the newest first."""
        rows = self._connection.rows(
            f"SELECT {COLUMNS} FROM published WHERE visibility = 'public' AND feed_month IS NOT NULL"
            f" ORDER BY {_NEWEST_FIRST} LIMIT :limit",
            limit=limit,
        )
        return [entry_of(row) for row in rows]

    def part(self, name: str) -> list[Published]:
        """The sessions of a part of the feed's archive, the newest first."""
        month, _, part = name.rpartition("-")
        # What was withdrawn or hidden keeps its place, so that the others keep theirs. The places are found first: asked
        # for by a condition, SQLite goes through every session for each part.
        rows = self._connection.rows(
            "WITH places AS MATERIALIZED (SELECT session_id AS id FROM ("
            " SELECT session_id, published_at, feed_number FROM published WHERE feed_month = :month UNION ALL"
            " SELECT session_id, published_at, feed_number FROM tombstones WHERE feed_month = :month"
            ") AS everything ORDER BY published_at, feed_number, session_id LIMIT :size OFFSET :before)"
            f" SELECT {COLUMNS} FROM places CROSS JOIN published"
            " WHERE session_id = places.id AND visibility = 'public'"
            f" ORDER BY {_NEWEST_FIRST}",
            month=month,
            size=ARCHIVE_SIZE,
            before=(int(part) - 1) * ARCHIVE_SIZE,
        )
        return [entry_of(row) for row in rows]

    def parts(self) -> list[str]:
        """The complete parts of the feed's archive in order: full ones, and all of months that are over."""
        rows = self._connection.rows("SELECT month, items FROM feed_months ORDER BY month")
        names: list[str] = []
        for row in rows:
            over = row is not rows[-1]
            parts = -(-row["items"] // ARCHIVE_SIZE) if over else row["items"] // ARCHIVE_SIZE
            names.extend(f"{row['month']}-{part}" for part in range(1, parts + 1))
        return names

    def parts_from(self, entry: Published) -> list[str]:
        """The complete parts of the feed's archive that change when a session gets a new place in its month, in order.

        These are its own part, the later ones of the month, whose items all move, and the first part after the month,
        which links to the last one. None where the session is not in the feed or its own part is not complete.
        """
        if entry.feed_month is None:
            return []
        before = sum(
            int(
                self._connection.value(
                    f"SELECT count(*) FROM {table} WHERE feed_month = :month"
                    " AND (published_at, feed_number, session_id) < (:at, :number, :id)",
                    month=entry.feed_month,
                    at=entry.published_at,
                    number=entry.feed_number,
                    id=entry.session_id,
                )
            )
            for table in ("published", "tombstones")
        )
        own = f"{entry.feed_month}-{before // ARCHIVE_SIZE + 1}"
        complete = self.parts()
        if own not in complete:
            return []
        later = complete[complete.index(own) :]
        of_month = sum(name.startswith(entry.feed_month) for name in later)
        return later[: of_month + 1]
