"""The deliveries: one row for each mail to each recipient, and its state.

``preparing`` → ``submitting`` → ``submitted`` | ``failed`` | ``uncertain``. What the mail server may have taken
is uncertain and never sent again by itself, so nobody gets a mail twice; what it surely has not taken is tried
again, so nobody is forgotten. While no mail server takes a connection, mails wait without counting it as an
attempt. A key of session, kind and recipient makes each mail one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.domain.instant import MINUTE, Millis
from engine.storage.database import one_of
from engine.storage.outbox import CLOCK_TOLERANCE
from engine.storage.session_reader import SessionReader
from publisher.catalogue.place_mails import PLACE_MAILS, has_address, wanted_address
from publisher.catalogue.published import Catalogue
from publisher.catalogue.series_mails import GATHERED, waiting_with

__all__ = ["CONFIRMATION", "NEWSLETTER", "PERSONAL", "SEND_DELAY", "Deliveries", "Delivery"]

NEWSLETTER = "newsletter"
PERSONAL = "personal"
CONFIRMATION = "confirmation"

SEND_DELAY: Millis = 10 * MINUTE
"""Between an approval and the first mail."""

MAX_ATTEMPTS = 6
_MOST_REFUSALS = 2
"""Newsletters in a row that a mailbox was unknown for."""

_INSERT = (
    "INSERT INTO deliveries (session_id, kind, recipient, address, state, attempts, due_at, updated_at)"
    " VALUES (:session_id, :kind, :recipient, :address, 'preparing', 0, :due_at, :at)"
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
                " attempts = 0, due_at = excluded.due_at, updated_at = excluded.updated_at"
                " WHERE deliveries.state = 'failed'"
                " OR ((deliveries.updated_at <= :last OR deliveries.updated_at > :ahead)"
                " AND deliveries.state <> 'submitting')",
                session_id="",
                kind=CONFIRMATION,
                recipient=recipient,
                address=address,
                due_at=at,
                at=at,
                last=at - again_after,
                ahead=at + CLOCK_TOLERANCE,
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

    def due(self, now: Millis, limit: int = 100) -> list[Delivery]:
        """The deliveries that are due, the oldest first, and of those the ones that were tried least.

        Where the clock was set back meanwhile, each waits for what was left of its pause.
        """
        ahead = now + CLOCK_TOLERANCE
        if self._connection.value(
            "SELECT count(*) FROM deliveries WHERE state = 'preparing' AND updated_at > :ahead", ahead=ahead
        ):
            self._connection.execute(
                "UPDATE deliveries SET due_at = :now + due_at - updated_at, updated_at = :now"
                " WHERE state = 'preparing' AND updated_at > :ahead",
                now=now,
                ahead=ahead,
            )
        rows = self._connection.rows(
            "SELECT * FROM deliveries WHERE state = 'preparing' AND due_at <= :now"
            " ORDER BY due_at, attempts, session_id, recipient LIMIT :limit",
            now=now,
            limit=limit,
        )
        return [
            Delivery(r["session_id"], r["kind"], r["recipient"], r["address"], r["attempts"]) for r in rows
        ]

    def begin(self, delivery: Delivery, now: Millis) -> Delivery | None:
        """Take a mail to send it, to the address that its person has now; None when it was cancelled or taken meanwhile.

        Written before the first byte goes. A personal mail to somebody who withdrew is removed, and one about
        a place that says nothing true any more. What several sessions of a series are told of is taken together.
        """
        with self._connection.transaction():
            if delivery.kind in GATHERED:
                return self._begin_together(delivery, now)
            if not self._set(
                delivery, "submitting", now, only_from="preparing", attempts=delivery.attempts + 1
            ):
                return None
            if delivery.kind in PLACE_MAILS:
                address = wanted_address(
                    self._connection, delivery.session_id, delivery.kind, delivery.recipient, now
                )
            elif delivery.kind == PERSONAL:
                person = SessionReader(self._connection).recipient(delivery.session_id, delivery.recipient)
                address = None if person is None else person.address
            else:
                return delivery
            if address is None:
                self._remove(delivery)
                return None
            return self._addressed(delivery, address)

    def give_back(self, delivery: Delivery, now: Millis, due_at: Millis | None = None) -> None:
        """Undo ``begin``: nothing was sent, for a reason of our own, and the attempt does not count."""
        self._set(delivery, "preparing", now, attempts=delivery.attempts, due_at=due_at)

    def submitted(self, delivery: Delivery, now: Millis) -> None:
        """The mail server took it."""
        self._set(delivery, "submitted", now)
        if delivery.kind == NEWSLETTER:
            self._connection.execute(
                "UPDATE subscribers SET refusals = 0 WHERE address = :address AND refusals > 0",
                address=delivery.recipient,
            )

    def uncertain(self, delivery: Delivery, error: str, now: Millis) -> None:
        """The connection broke when the server may have taken it."""
        self._set(delivery, "uncertain", now, error=error)

    def refused(
        self, delivery: Delivery, error: str, now: Millis, *, for_good: bool, not_before: Millis = 0
    ) -> None:
        """The server has not taken it: retry later, or fail for good (``for_good``, or after the last attempt)."""
        if for_good or delivery.attempts + 1 >= MAX_ATTEMPTS:
            self._set(delivery, "failed", now, error=error)
        else:
            pause = MINUTE * 2**delivery.attempts
            self._set(delivery, "preparing", now, error=error, due_at=max(now + pause, not_before))

    def unknown(self, delivery: Delivery, error: str, now: Millis) -> bool:
        """There is no such mailbox: failed for good; returns whether the subscriber is paused, as it was so last time too."""
        with self._connection.transaction():
            self._set(delivery, "failed", now, error=error)
            if delivery.kind != NEWSLETTER:
                return False
            self._connection.execute(
                "UPDATE subscribers SET refusals = refusals + 1 WHERE address = :address AND state = 'confirmed'",
                address=delivery.recipient,
            )
            paused = self._connection.execute(
                "UPDATE subscribers SET state = 'paused' WHERE address = :address AND state = 'confirmed'"
                " AND refusals >= :most",
                address=delivery.recipient,
                most=_MOST_REFUSALS,
            )
        return bool(paused)

    def postpone_due(self, error: str, now: Millis, until: Millis) -> int:
        """Postpone every due mail until a time, as no server takes a connection; counts as no attempt. Returns how many."""
        return self._connection.execute(
            "UPDATE deliveries SET due_at = :until, error = :error, updated_at = :now"
            " WHERE state = 'preparing' AND due_at <= :now",
            until=until,
            error=error,
            now=now,
        )

    def retry_failed(self, session_id: str, now: Millis) -> int:
        """Queue the failed mails of a session again; uncertain ones stay. Returns how many were queued."""
        return self._connection.execute(
            "UPDATE deliveries SET state = 'preparing', attempts = 0, due_at = :now, updated_at = :now"
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

    def recover(self, now: Millis) -> int:
        """At the start of the process: what a dead one was submitting is uncertain, or due again. Returns how many."""
        return self._connection.execute(
            "UPDATE deliveries SET state = CASE WHEN again_at IS NULL THEN 'uncertain' ELSE 'preparing' END,"
            " attempts = CASE WHEN again_at IS NULL THEN attempts ELSE 0 END,"
            " due_at = coalesce(again_at, due_at), again_at = NULL,"
            " error = 'the publisher stopped while sending', updated_at = :now WHERE state = 'submitting'",
            now=now,
        )

    def count_by_state(self, session_id: str, kind: str) -> dict[str, Any]:
        """How many mails are in each state."""
        rows = self._connection.rows(
            "SELECT state, count(*) AS n FROM deliveries WHERE session_id = :id AND kind = :kind"
            " GROUP BY state ORDER BY state",
            id=session_id,
            kind=kind,
        )
        return {row["state"]: row["n"] for row in rows}

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

    def _begin_together(self, delivery: Delivery, now: Millis) -> Delivery | None:
        """Take what waits to be told of the sessions of a series as one mail, once the last of it has come.

        A row that says nothing true any more is removed.
        """
        waiting = waiting_with(self._connection, delivery.recipient, delivery.session_id, delivery.kind)
        until = max((each.due_at for each in waiting), default=now)
        if until > now:
            self._connection.execute(
                "UPDATE deliveries SET due_at = :until WHERE session_id = :id AND kind = :kind"
                " AND recipient = :recipient AND state = 'preparing'",
                until=until,
                id=delivery.session_id,
                kind=delivery.kind,
                recipient=delivery.recipient,
            )
            return None
        attempts = max((each.attempts for each in waiting), default=0)
        taken: list[Delivery] = []
        for each in waiting:
            one = replace(delivery, session_id=each.session_id, kind=each.kind, attempts=attempts)
            if not self._set(one, "submitting", now, only_from="preparing", attempts=attempts + 1):
                continue
            address = wanted_address(self._connection, one.session_id, one.kind, one.recipient, now)
            if address is None:
                self._remove(one)
            else:
                taken.append(self._addressed(one, address))
        if not taken:
            return None
        return replace(taken[0], others=tuple((each.session_id, each.kind) for each in taken[1:]))

    def _addressed(self, delivery: Delivery, address: str) -> Delivery:
        """Note the address that a person has now."""
        self._connection.execute(
            "UPDATE deliveries SET address = :address"
            " WHERE session_id = :id AND kind = :kind AND recipient = :recipient",
            address=address,
            id=delivery.session_id,
            kind=delivery.kind,
            recipient=delivery.recipient,
        )
        return replace(delivery, address=address)

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
        """Note what became of a mail, in every row that it stands for; False where its own was in another state."""
        with self._connection.transaction():
            changed = [
                self._set_one(
                    replace(delivery, session_id=session_id, kind=kind),
                    state,
                    now,
                    only_from=only_from,
                    error=error,
                    attempts=attempts,
                    due_at=due_at,
                )
                for session_id, kind in ((delivery.session_id, delivery.kind), *delivery.others)
            ]
        return changed[0]

    def _set_one(
        self,
        delivery: Delivery,
        state: str,
        now: Millis,
        *,
        only_from: str,
        error: str | None,
        attempts: int | None,
        due_at: Millis | None,
    ) -> bool:
        changed = self._connection.execute(
            "UPDATE deliveries SET state = CASE WHEN again_at IS NULL THEN :state ELSE 'preparing' END,"
            " attempts = CASE WHEN again_at IS NULL THEN coalesce(:attempts, attempts) ELSE 0 END,"
            " due_at = coalesce(again_at, :due_at, due_at), again_at = NULL, error = :error, updated_at = :now"
            " WHERE session_id = :id AND kind = :kind AND recipient = :recipient AND state = :only_from",
            state=state,
            error=error,
            now=now,
            attempts=attempts,
            due_at=due_at,
            id=delivery.session_id,
            kind=delivery.kind,
            recipient=delivery.recipient,
            only_from=only_from,
        )
        if state != "submitting" and not self._has_recipient(delivery):
            # Whoever withdrew while the mail was on its way: their address is not kept.
            self._remove(delivery)
        return changed == 1

    def _has_recipient(self, delivery: Delivery) -> bool:
        if delivery.kind in PLACE_MAILS:
            return has_address(self._connection, delivery.recipient)
        if delivery.kind != PERSONAL:
            return True
        found = SessionReader(self._connection).recipient(delivery.session_id, delivery.recipient)
        return found is not None

    def _remove(self, delivery: Delivery) -> None:
        self._connection.execute(
            "DELETE FROM deliveries WHERE session_id = :id AND kind = :kind AND recipient = :recipient",
            id=delivery.session_id,
            kind=delivery.kind,
            recipient=delivery.recipient,
        )
