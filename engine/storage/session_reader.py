"""What the publisher may know of sessions beside their stories: rooms as the calendar shows them, and who left an address."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engine.domain.instant import Millis
from engine.storage.database import Connection, Row, Value, one_of
from engine.storage.rows import ROOMS, UNFINISHED, RoomRow

__all__ = ["Recipient", "SessionReader"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who asked for the summary of their own session by mail."""

    client_id: str
    address: str
    name: str | None
    own_summary: str | None
    """JSON object."""


class SessionReader:
    """Reads rooms and people over a connection of the publisher's. Blocking."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def visibility(self, session_id: str) -> str | None:
        """Who may see a session, as its room says; None where there is no room."""
        visibility: str | None = self._connection.value(
            "SELECT visibility FROM rooms WHERE session_id = :id", id=session_id
        )
        return visibility

    def unfinished_phase(self, session_id: str) -> str | None:
        """The phase of a session that is not over; None where it is, was cancelled, or has no room."""
        among, phases = one_of("phase", UNFINISHED)
        phase: str | None = self._connection.value(
            f"SELECT phase FROM rooms WHERE session_id = :id AND cancelled = 0 AND phase IN {among}",
            id=session_id,
            **phases,
        )
        return phase

    def id_differing_by_case(self, session_id: str) -> str | None:
        """The id of a room that differs from this one by case alone; None without one."""
        found: str | None = self._connection.value(
            "SELECT session_id FROM rooms WHERE lower(session_id) = :folded AND session_id <> :id LIMIT 1",
            folded=session_id.lower(),
            id=session_id,
        )
        return found

    def has_story(self, session_id: str) -> bool:
        """Whether something was ever published under this id, with a session or without one."""
        found = self._connection.row(
            "SELECT 1 AS one FROM snapshots WHERE session_id = :id LIMIT 1", id=session_id
        )
        return found is not None

    def stories_among(self, session_ids: Collection[str]) -> set[str]:
        """Those of the ids, some hundreds at most, under which something was published, with a session or without one."""
        if not session_ids:
            return set()
        among, values = one_of("id", session_ids)
        rows = self._connection.rows(
            f"SELECT DISTINCT session_id FROM snapshots WHERE session_id IN {among}", **values
        )
        return {row["session_id"] for row in rows}

    def over_before(self, session_ids: Collection[str], before: Millis) -> set[str]:
        """Those of the sessions, some hundreds at most, that were over before an instant."""
        if not session_ids:
            return set()
        among, values = one_of("id", session_ids)
        rows = self._connection.rows(
            f"SELECT session_id FROM rooms WHERE session_id IN {among}"
            " AND coalesce(ended_at, scheduled_start) < :before",
            before=before,
            **values,
        )
        return {row["session_id"] for row in rows}

    def series_of(self, session_id: str) -> str | None:
        """The series of a session."""
        series_id: str | None = self._connection.value(
            "SELECT series_id FROM rooms WHERE session_id = :id", id=session_id
        )
        return series_id

    def upcoming(
        self, limit: int, *, series_id: str | None = None, after: Millis | None = None
    ) -> list[RoomRow]:
        """Public sessions that wait or go on, the next first; with ``series_id`` those of a series.

        With ``after`` only those that have not begun, and are to begin later than that.
        """
        only = "" if series_id is None else " AND series_id = :series_id"
        only += "" if after is None else " AND scheduled_start > :after AND phase <> 'live'"
        given = {"series_id": series_id, "after": after}
        values: dict[str, Value] = {name: value for name, value in given.items() if value is not None}
        rows = self._connection.rows(
            f"SELECT * FROM rooms WHERE visibility = 'public' AND cancelled = 0{only}"
            " AND phase IN ('scheduled', 'waiting', 'live') ORDER BY scheduled_start, session_id LIMIT :limit",
            limit=limit,
            **values,
        )
        return [ROOMS.read(row) for row in rows]

    def cancelled(self, limit: int) -> list[RoomRow]:
        """Public sessions that were cancelled, the latest first."""
        rows = self._connection.rows(
            "SELECT * FROM rooms WHERE visibility = 'public' AND cancelled = 1"
            " ORDER BY scheduled_start DESC, session_id LIMIT :limit",
            limit=limit,
        )
        return [ROOMS.read(row) for row in rows]

    def over(self, limit: int) -> list[RoomRow]:
        """Public sessions that are over, the latest first."""
        rows = self._connection.rows(
            "SELECT * FROM rooms WHERE visibility = 'public' AND cancelled = 0"
            " AND phase IN ('ending', 'ended', 'published') ORDER BY scheduled_start DESC, session_id LIMIT :limit",
            limit=limit,
        )
        return [ROOMS.read(row) for row in rows]

    def recipients(self, session_id: str) -> list[Recipient]:
        """Everybody of a session who left an address, by ``client_id``; whoever withdrew has none."""
        rows = self._connection.rows(
            "SELECT client_id, email, name, own_summary FROM people"
            " WHERE session_id = :id AND email IS NOT NULL ORDER BY client_id",
            id=session_id,
        )
        return [_recipient(row) for row in rows]

    def recipient(self, session_id: str, client_id: str) -> Recipient | None:
        """One of them, or None."""
        row = self._connection.row(
            "SELECT client_id, email, name, own_summary FROM people"
            " WHERE session_id = :id AND client_id = :client_id AND email IS NOT NULL",
            id=session_id,
            client_id=client_id,
        )
        return None if row is None else _recipient(row)


def _recipient(row: Row) -> Recipient:
    return Recipient(row["client_id"], row["email"], row["name"], row["own_summary"])
