"""The deliveries: one row for each mail to each recipient, and its state.

``preparing`` → ``submitting`` → ``submitted`` | ``failed`` | ``uncertain``. What the mail server may have taken
is uncertain and never sent again by itself, so nobody gets a mail twice; what it surely has not taken is tried
again, so nobody is forgotten. While no mail server takes a connection, mails wait without counting it as an
attempt. A key of session, kind and recipient makes each mail one. Here mails are scheduled, dropped and counted; whoever
sends them goes through ``due_deliveries``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.domain.instant import MINUTE, SET_BACK_TOLERANCE, Millis
from engine.storage.database import one_of
from engine.storage.session_reader import SessionReader
from engine.storage.sign_ins import SIGN_IN_MAIL
from publisher.catalogue.published import Catalogue

__all__ = [
    "CONFIRMATION",
    "KEY_MAILS",
    "NEWSLETTER",
    "NEWSLETTER_TEST",
    "PERSONAL",
    "SEND_DELAY",
    "Deliveries",
    "Delivery",
]

NEWSLETTER = "newsletter"
NEWSLETTER_TEST = "newsletter_test"
"""To whoever works on the newsletter, at their own address."""
PERSONAL = "personal"
CONFIRMATION = "confirmation"
KEY_MAILS = (NEWSLETTER_TEST, SIGN_IN_MAIL)
"""To the owners of keys; the recipient is the key's name."""

SEND_DELAY: Millis = 10 * MINUTE
"""Between an approval and the first mail."""

_INSERT = (
    "INSERT INTO deliveries (session_id, kind, recipient, address, state, attempts, due_at, first_due_at, updated_at)"
    " VALUES (:session_id, :kind, :recipient, :address, 'preparing', 0, :due_at, :due_at, :at)"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One mail to one person."""

    session_id: str
    kind: str
    recipient: str
    """What the person is known by: the subscriber's address in lower case, or a ``client_id``."""
    address: str
    attempts: int
    others: tuple[tuple[str, str], ...] = ()
    """Session and kind of other rows of the same person that this mail stands for too."""

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """Session and kind of every row that this mail stands for."""
        return (self.session_id, self.kind), *self.others


class Deliveries:
    """The table of deliveries; each method is one transaction."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._connection = catalogue.connection

    def mail_enabled(self) -> bool:
        """Whether a mail server is set, so that anything is sent at all."""
        return self._catalogue.meta("sends_mail") == "yes"

    def schedule(self, session_id: str, kind: str, at: Millis) -> int:
        """Schedule a session's newsletter or personal mails; returns how many recipients are new."""
        if not self.mail_enabled():
            return 0
        with self._connection.transaction():
            recipients = self._subscribers(session_id) if kind == NEWSLETTER else self._people(session_id)
            return sum(
                self._connection.execute(
                    f"{_INSERT} ON CONFLICT DO NOTHING",
                    session_id=session_id,
                    kind=kind,
                    recipient=recipient,
                    address=address,
                    due_at=at + SEND_DELAY,
                    at=at,
                )
                for recipient, address in recipients
            )

    def schedule_confirmation(self, recipient: str, address: str, at: Millis, *, again_after: Millis) -> None:
        """Schedule a mail that asks an address to confirm, unless one was scheduled within ``again_after``.

        One that failed is scheduled again at once: whoever asks again has not got it.
        """
        if self.mail_enabled():
            self._connection.execute(
                f"{_INSERT} ON CONFLICT (session_id, kind, recipient) DO UPDATE SET state = 'preparing',"
                " attempts = 0, due_at = excluded.due_at, first_due_at = excluded.due_at, refused_at = NULL,"
                " error = NULL, updated_at = excluded.updated_at WHERE deliveries.state = 'failed'"
                " OR ((deliveries.updated_at <= :last OR deliveries.updated_at > :ahead)"
                " AND deliveries.state <> 'submitting')",
                session_id="",
                kind=CONFIRMATION,
                recipient=recipient,
                address=address,
                due_at=at,
                at=at,
                last=at - again_after,
                ahead=at + SET_BACK_TOLERANCE,
            )

    def schedule_one(
        self, session_id: str, kind: str, recipient: str, address: str, due_at: Millis, at: Millis
    ) -> None:
        """Schedule a mail to one person; one of the same kind that was sent goes out again, with what it says now.

        One that is just being sent says what was true before: it is due again as soon as that is over.
        """
        if self.mail_enabled():
            self._connection.execute(
                f"{_INSERT} ON CONFLICT (session_id, kind, recipient) DO UPDATE SET"
                " again_at = CASE WHEN deliveries.state = 'submitting' THEN excluded.due_at END,"
                " state = CASE WHEN deliveries.state = 'submitting' THEN 'submitting' ELSE 'preparing' END,"
                " attempts = CASE WHEN deliveries.state = 'submitting' THEN deliveries.attempts ELSE 0 END,"
                " due_at = CASE WHEN deliveries.state = 'submitting' THEN deliveries.due_at"
                " ELSE excluded.due_at END,"
                " first_due_at = CASE WHEN deliveries.state = 'submitting' THEN deliveries.first_due_at"
                " ELSE excluded.due_at END,"
                " refused_at = CASE WHEN deliveries.state = 'submitting' THEN deliveries.refused_at END,"
                " error = CASE WHEN deliveries.state = 'submitting' THEN deliveries.error END,"
                " address = excluded.address, updated_at = excluded.updated_at",
                session_id=session_id,
                kind=kind,
                recipient=recipient,
                address=address,
                due_at=due_at,
                at=at,
            )

    def drop(self, recipient: str, session_id: str | None = None, kinds: Sequence[str] = ()) -> None:
        """Remove the mails to one person, of one session or of all, of some kinds or of all; what is under way goes just once."""
        among, values = one_of("kind", map(str, kinds)) if kinds else ("", {})
        only = (" AND session_id = :session_id" if session_id else "") + (
            f" AND kind IN {among}" if kinds else ""
        )
        if session_id:
            values = {**values, "session_id": session_id}
        self._connection.execute(
            f"DELETE FROM deliveries WHERE recipient = :recipient AND state <> 'submitting'{only}",
            recipient=recipient,
            **values,
        )
        self._connection.execute(
            f"UPDATE deliveries SET again_at = NULL WHERE recipient = :recipient AND again_at IS NOT NULL{only}",
            recipient=recipient,
            **values,
        )

    def has(self, session_id: str, kind: str, recipient: str) -> bool:
        """Whether such a mail was scheduled, and perhaps sent."""
        found = self._connection.row(
            "SELECT 1 FROM deliveries WHERE session_id = :id AND kind = :kind AND recipient = :recipient",
            id=session_id,
            kind=kind,
            recipient=recipient,
        )
        return found is not None

    def cancel(self, session_id: str, kind: str) -> int:
        """Cancel the mails that have not left yet; returns how many."""
        return self._connection.execute(
            "DELETE FROM deliveries WHERE session_id = :id AND kind = :kind AND state = 'preparing'",
            id=session_id,
            kind=kind,
        )

    def retry_failed(self, session_id: str, now: Millis) -> int:
        """Queue the failed mails of a session again; uncertain ones stay. Returns how many were queued."""
        return self._connection.execute(
            "UPDATE deliveries SET state = 'preparing', attempts = 0, due_at = :now, first_due_at = :now,"
            " refused_at = NULL, error = NULL, updated_at = :now"
            " WHERE session_id = :id AND state = 'failed'",
            now=now,
            id=session_id,
        )

    def by_kind_and_state(self, session_id: str) -> list[dict[str, Any]]:
        """For operators: each kind and state of a session's mails with how many there are and the newest error."""
        rows = self._connection.rows(
            "SELECT kind, state, count(*) AS mails, max(attempts) AS attempts, max(updated_at) AS updated_at,"
            " (SELECT error FROM deliveries e WHERE e.session_id = d.session_id AND e.kind = d.kind"
            " AND e.state = d.state AND e.error IS NOT NULL ORDER BY e.updated_at DESC LIMIT 1) AS error"
            " FROM deliveries d WHERE session_id = :id GROUP BY session_id, kind, state ORDER BY kind, state",
            id=session_id,
        )
        return [dict(row) for row in rows]

    def count_by_state(self, session_id: str, kind: str) -> dict[str, Any]:
        """How many mails are in each state."""
        rows = self._connection.rows(
            "SELECT state, count(*) AS n FROM deliveries WHERE session_id = :id AND kind = :kind"
            " GROUP BY state ORDER BY state",
            id=session_id,
            kind=kind,
        )
        return {row["state"]: row["n"] for row in rows}

    def leaves_at(self, session_id: str, kind: str) -> Millis | None:
        """When the first of the mails that wait leaves, which was not tried before; None where none waits so."""
        at: Millis | None = self._connection.value(
            "SELECT min(due_at) FROM deliveries WHERE session_id = :id AND kind = :kind"
            " AND state = 'preparing' AND error IS NULL",
            id=session_id,
            kind=kind,
        )
        return at

    def readers(self, session_id: str) -> int:
        """To how many a newsletter about a session would go now."""
        return len(self._subscribers(session_id))

    def _subscribers(self, session_id: str) -> list[tuple[str, str]]:
        # Of a session that nobody is led to, nobody is told.
        rows = self._connection.rows(
            "SELECT address, shown FROM subscribers WHERE state = 'confirmed' AND EXISTS"
            " (SELECT 1 FROM published p WHERE p.session_id = :id AND p.visibility = 'public') ORDER BY address",
            id=session_id,
        )
        return [(row["address"], row["shown"]) for row in rows]

    def _people(self, session_id: str) -> list[tuple[str, str]]:
        found = SessionReader(self._connection).recipients(session_id)
        return [(each.client_id, each.address) for each in found]
