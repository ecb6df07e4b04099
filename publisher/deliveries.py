"""Who is to get which mail, and how far that is.

``preparing`` → ``submitting`` → ``submitted`` | ``failed`` | ``uncertain``. What the mail server may have taken
is uncertain and never sent again by itself, so nobody gets a mail twice; what it surely has not taken is tried
again, so nobody is forgotten. While no mail server takes a connection, mails wait without counting it as an
attempt. A key of session, kind and recipient makes each mail one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.domain.instant import MINUTE, Millis
from publisher.catalogue import Catalogue

__all__ = ["CONFIRMATION", "NEWSLETTER", "PERSONAL", "TIME_TO_STOP", "Deliveries", "Delivery"]

NEWSLETTER = "newsletter"
PERSONAL = "personal"
CONFIRMATION = "confirmation"

TIME_TO_STOP: Millis = 10 * MINUTE
"""Between an approval and the first mail."""

ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Delivery:
    """One mail to one person."""

    session_id: str
    kind: str
    recipient: str
    """What the person is known by: the subscriber's address in lower case, or a ``client_id``."""
    address: str
    attempts: int


class Deliveries:
    """The verbs over the table of deliveries."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._connection = catalogue.connection

    def sends(self) -> bool:
        """Whether a mail server is set, so that anything is sent at all."""
        return self._catalogue.meta("sends_mail") == "yes"

    def schedule(self, session_id: str, kind: str, at: Millis) -> int:
        """Write down everybody who is to get a session's newsletter or personal mail; returns how many are new."""
        if not self.sends():
            return 0
        if kind == NEWSLETTER:
            # Of a session that nobody is led to, nobody is told.
            source = (
                "SELECT ?, ?, s.address, s.shown, 'preparing', 0, ?, NULL, ? FROM subscribers s"
                " WHERE s.state = 'confirmed' AND EXISTS (SELECT 1 FROM published p"
                " WHERE p.session_id = ? AND p.visibility = 'public')"
            )
        else:
            source = (
                "SELECT ?, ?, client_id, email, 'preparing', 0, ?, NULL, ? FROM people"
                " WHERE session_id = ? AND email IS NOT NULL"
            )
        return self._connection.execute(
            f"INSERT OR IGNORE INTO deliveries {source}",
            (session_id, kind, at + TIME_TO_STOP, at, session_id),
        ).rowcount

    def ask(self, recipient: str, address: str, at: Millis, *, again_after: Millis) -> None:
        """Write down a mail that asks an address to confirm, unless one went out within ``again_after``."""
        if self.sends():
            self._connection.execute(
                "INSERT INTO deliveries VALUES ('', ?, ?, ?, 'preparing', 0, ?, NULL, ?)"
                " ON CONFLICT DO UPDATE SET state = 'preparing', attempts = 0, due_at = excluded.due_at,"
                " updated_at = excluded.updated_at WHERE deliveries.updated_at <= ? AND state <> 'submitting'",
                (CONFIRMATION, recipient, address, at, at, at - again_after),
            )

    def stop(self, session_id: str, kind: str) -> int:
        """Take back what has not left yet; returns how many mails that are."""
        return self._connection.execute(
            "DELETE FROM deliveries WHERE session_id = ? AND kind = ? AND state = 'preparing'",
            (session_id, kind),
        ).rowcount

    def due(self, now: Millis, limit: int = 100) -> list[Delivery]:
        """What is to leave now, the oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM deliveries WHERE state = 'preparing' AND due_at <= ?"
            " ORDER BY due_at, session_id, recipient LIMIT ?",
            (now, limit),
        )
        return [
            Delivery(r["session_id"], r["kind"], r["recipient"], r["address"], r["attempts"])
            for r in rows.fetchall()
        ]

    def begin(self, delivery: Delivery, now: Millis) -> Delivery | None:
        """Take a mail to send it, to the address that the person has now; None when it was stopped or taken meanwhile.

        Written before the first byte goes.
        """
        if not self._set(delivery, "submitting", now, only_from="preparing", attempts=delivery.attempts + 1):
            return None
        if delivery.kind != PERSONAL:
            return delivery
        # Whoever left another address after the approval is written to there; who withdrew, not at all.
        rows = self._connection.execute(
            "UPDATE deliveries SET address = p.email FROM people p WHERE deliveries.session_id = ?"
            " AND deliveries.kind = ? AND deliveries.recipient = ? AND p.session_id = deliveries.session_id"
            " AND p.client_id = deliveries.recipient AND p.email IS NOT NULL RETURNING deliveries.address",
            (delivery.session_id, delivery.kind, delivery.recipient),
        ).fetchall()
        if not rows:
            self._forget_if_gone(delivery)
            return None
        return replace(delivery, address=rows[0][0])

    def give_back(self, delivery: Delivery, now: Millis) -> None:
        """Nothing was sent, for a reason of our own: it waits as before, and nothing is counted."""
        self._set(delivery, "preparing", now, attempts=delivery.attempts)

    def submitted(self, delivery: Delivery, now: Millis) -> None:
        """The mail server took it."""
        self._set(delivery, "submitted", now)

    def uncertain(self, delivery: Delivery, error: str, now: Millis) -> None:
        """The line broke where the server may have taken it."""
        self._set(delivery, "uncertain", now, error=error)

    def refused(self, delivery: Delivery, error: str, now: Millis, *, for_good: bool) -> None:
        """The server surely has not taken it: again later, or for good not."""
        if for_good or delivery.attempts + 1 >= ATTEMPTS:
            self._set(delivery, "failed", now, error=error)
        else:
            pause = MINUTE * 2**delivery.attempts
            self._set(delivery, "preparing", now, error=error, due_at=now + pause)

    def held_up(self, error: str, now: Millis, until: Millis) -> int:
        """No server takes a connection: what is due waits, none of it having been tried. Returns how many mails that are."""
        return self._connection.execute(
            "UPDATE deliveries SET due_at = ?, error = ?, updated_at = ? WHERE state = 'preparing' AND due_at <= ?",
            (until, error, now, now),
        ).rowcount

    def again(self, session_id: str, now: Millis) -> int:
        """What failed is tried again, because somebody asked for it; uncertain ones stay. Returns how many mails that are."""
        return self._connection.execute(
            "UPDATE deliveries SET state = 'preparing', attempts = 0, due_at = ?, updated_at = ?"
            " WHERE session_id = ? AND state = 'failed'",
            (now, now, session_id),
        ).rowcount

    def told(self, session_id: str) -> list[dict[str, Any]]:
        """For operators: each kind and state of a session's mails with how many there are and the newest error."""
        rows = self._connection.execute(
            "SELECT kind, state, count(*) AS mails, max(attempts) AS attempts, max(updated_at) AS updated_at,"
            " (SELECT error FROM deliveries e WHERE e.session_id = d.session_id AND e.kind = d.kind"
            " AND e.state = d.state AND e.error IS NOT NULL ORDER BY e.updated_at DESC LIMIT 1) AS error"
            " FROM deliveries d WHERE session_id = ? GROUP BY kind, state ORDER BY kind, state",
            (session_id,),
        )
        return [dict(row) for row in rows.fetchall()]

    def recover(self, now: Millis) -> int:
        """At the start: what a dead process was submitting is uncertain. Returns how many mails that are."""
        return self._connection.execute(
            "UPDATE deliveries SET state = 'uncertain', error = 'the publisher stopped while sending', updated_at = ?"
            " WHERE state = 'submitting'",
            (now,),
        ).rowcount

    def summary(self, session_id: str, kind: str) -> dict[str, Any]:
        """How many mails are in each state, and when the first leaves."""
        rows = self._connection.execute(
            "SELECT state, count(*) AS n, min(due_at) AS due FROM deliveries WHERE session_id = ? AND kind = ?"
            " GROUP BY state ORDER BY state",
            (session_id, kind),
        ).fetchall()
        return {row["state"]: row["n"] for row in rows}

    def _set(
        self,
        delivery: Delivery,
        state: str,
        now: Millis,
        *,
        only_from: str = "submitting",
        error: str | None = None,
        attempts: int | None = None,
        due_at: Millis | None = None,
    ) -> bool:
        changed = self._connection.execute(
            "UPDATE deliveries SET state = ?, error = ?, updated_at = ?, attempts = coalesce(?, attempts),"
            " due_at = coalesce(?, due_at) WHERE session_id = ? AND kind = ? AND recipient = ? AND state = ?",
            (
                state,
                error,
                now,
                attempts,
                due_at,
                delivery.session_id,
                delivery.kind,
                delivery.recipient,
                only_from,
            ),
        )
        if state != "submitting":
            self._forget_if_gone(delivery)
        return changed.rowcount == 1

    def _forget_if_gone(self, delivery: Delivery) -> None:
        """A mail whose person withdrew while it was on its way is not kept: their address stands in it."""
        self._connection.execute(
            "DELETE FROM deliveries WHERE session_id = ? AND kind = ? AND recipient = ? AND kind = ? AND NOT EXISTS"
            " (SELECT 1 FROM people p WHERE p.session_id = deliveries.session_id"
            " AND p.client_id = deliveries.recipient AND p.email IS NOT NULL)",
            (delivery.session_id, delivery.kind, delivery.recipient, PERSONAL),
        )
