"""The table of registrations for a session or a series. Their places are in ``places``.

Names and addresses stand in ``registrations`` alone, and go with their row.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import uuid4

from engine.domain.instant import Millis
from engine.domain.registrations import REGISTRATION_PREFIX
from engine.storage.database import Connection, Row
from engine.storage.notices import forget_subject

__all__ = ["Registration", "Registrations", "forget_registration", "read_registration"]


@dataclass(frozen=True, slots=True)
class Registration:
    """Somebody who comes to a session, or to every session of a series."""

    registration: str
    session_id: str | None
    series_id: str | None
    name: str | None
    address: str | None
    token: str
    """In the links of their mails."""
    created_at: Millis
    confirmed_at: Millis | None


class Registrations:
    """The table over one connection. Blocking; what writes is part of its caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, registration: str) -> Registration | None:
        """A registration, or None."""
        row = self._connection.row("SELECT * FROM registrations WHERE registration = :id", id=registration)
        return None if row is None else read_registration(row)

    def by_token(self, token: str) -> Registration | None:
        """The registration whose mails have this in their links, or None."""
        row = self._connection.row("SELECT * FROM registrations WHERE token = :token", token=token)
        return None if row is None else read_registration(row)

    def of_series(self, series_id: str) -> list[Registration]:
        """Those who come to every session of a series, in the order in which they said so."""
        rows = self._connection.rows(
            "SELECT * FROM registrations WHERE series_id = :id ORDER BY created_at, registration",
            id=series_id,
        )
        return [read_registration(row) for row in rows]

    def with_addresses(self) -> set[str]:
        """The registrations that have an address."""
        rows = self._connection.rows("SELECT registration FROM registrations WHERE address IS NOT NULL")
        return {row["registration"] for row in rows}

    def add(
        self,
        *,
        session_id: str | None = None,
        series_id: str | None = None,
        name: str | None,
        address: str | None,
        at: Millis,
    ) -> Registration:
        """Store a new registration, for a session or a series, without a place yet."""
        made = Registration(
            f"{REGISTRATION_PREFIX}{uuid4().hex}",
            session_id,
            series_id,
            name,
            address,
            secrets.token_urlsafe(24),
            at,
            None,
        )
        self._connection.execute(
            "INSERT INTO registrations (registration, session_id, series_id, name, address, token, created_at)"
            " VALUES (:registration, :session_id, :series_id, :name, :address, :token, :at)",
            registration=made.registration,
            session_id=session_id,
            series_id=series_id,
            name=name,
            address=address,
            token=made.token,
            at=at,
        )
        return made

    def leave_series(self, registration: str) -> None:
        """Take a registration out of its series, and delete its address: the places that it still has stay."""
        self._connection.execute(
            "UPDATE registrations SET series_id = NULL, address = NULL, confirmed_at = NULL WHERE registration = :id",
            id=registration,
        )

    def remove(self, registration: str) -> None:
        """Remove a registration with all of its places; its name leaves what webhooks are yet to be told."""
        self._connection.execute("DELETE FROM places WHERE registration = :id", id=registration)
        self._connection.execute("DELETE FROM registrations WHERE registration = :id", id=registration)
        forget_subject(self._connection, registration)

    def confirm(self, registration: str, at: Millis) -> bool:
        """Note that the address confirmed; False when it had done so before."""
        return bool(
            self._connection.execute(
                "UPDATE registrations SET confirmed_at = :at WHERE registration = :id AND confirmed_at IS NULL"
                " AND address IS NOT NULL",
                at=at,
                id=registration,
            )
        )

    def forget_address(self, registration: str) -> None:
        """Remove the address of a registration, whose places stay."""
        self._connection.execute(
            "UPDATE registrations SET address = NULL, confirmed_at = NULL WHERE registration = :id",
            id=registration,
        )

    def forget(self, before: Millis) -> int:
        """Remove the places in sessions that were over before an instant, and registrations left without one.

        Those for a series that goes on stay. Returns how many registrations went.
        """
        with self._connection.transaction():
            old = "SELECT session_id FROM rooms WHERE coalesce(ended_at, scheduled_start) < :before"
            self._connection.execute(f"DELETE FROM places WHERE session_id IN ({old})", before=before)
            self._connection.execute(f"DELETE FROM place_numbers WHERE session_id IN ({old})", before=before)
            gone = self._connection.rows(
                "SELECT registration FROM registrations r WHERE r.created_at < :before AND NOT EXISTS"
                " (SELECT 1 FROM places p WHERE p.registration = r.registration) AND NOT EXISTS"
                " (SELECT 1 FROM series s WHERE s.series_id = r.series_id AND s.ended_at IS NULL)",
                before=before,
            )
            for row in gone:
                self.remove(row["registration"])
        return len(gone)

    def forget_unconfirmed(self, before: Millis) -> int:
        """Remove the addresses given before an instant that nobody confirmed, whose places stay; returns how many."""
        return self._connection.execute(
            "UPDATE registrations SET address = NULL"
            " WHERE address IS NOT NULL AND confirmed_at IS NULL AND created_at < :before",
            before=before,
        )


def forget_registration(connection: Connection, registration: str) -> None:
    """Remove a registration that may be there, in the caller's transaction."""
    if connection.row("SELECT 1 FROM registrations WHERE registration = :id", id=registration) is not None:
        Registrations(connection).remove(registration)


def read_registration(row: Row) -> Registration:
    """The registration in a row of its table."""
    return Registration(
        row["registration"],
        row["session_id"],
        row["series_id"],
        row["name"],
        row["address"],
        row["token"],
        row["created_at"],
        row["confirmed_at"],
    )
