"""The deliveries that are due, for the one who sends: which they are, and what becomes of each that was taken.

What several sessions of a series are told of is taken as one mail. See ``deliveries`` for the states.
"""

from __future__ import annotations

from dataclasses import replace

from engine.domain.instant import HOUR, MINUTE, Millis
from engine.domain.registrations import UNCONFIRMED_KEPT, PlaceMail
from engine.storage.outbox import CLOCK_TOLERANCE
from engine.storage.session_reader import SessionReader
from engine.storage.sign_ins import SIGN_IN_MAIL, SignIns
from publisher.catalogue.deliveries import KEY_MAILS, NEWSLETTER, NEWSLETTER_TEST, PERSONAL, Delivery
from publisher.catalogue.place_mails import PLACE_MAILS, has_address, wanted_address
from publisher.catalogue.published import Catalogue
from publisher.catalogue.series_mails import GATHERED, waiting_with

__all__ = ["DueDeliveries"]

_LONGEST_PAUSE: Millis = HOUR
_MAX_ATTEMPTS = 6
"""Of a mail whose failure lies in itself or in its recipient."""

_LIFETIME: Millis = 5 * 24 * HOUR
"""How long mails are tried, from when they were to leave: as long as mail servers try (RFC 5321, 4.5.4.1)."""

_LIFETIMES: dict[str, Millis] = {
    # Whoever asked for it waits for it now.
    SIGN_IN_MAIL: HOUR,
    NEWSLETTER_TEST: HOUR,
    # Their link is good no longer.
    PlaceMail.CONFIRM: UNCONFIRMED_KEPT,
}
"""Of the kinds of mails whose time is over sooner. Reminders end with what they remind of (``wanted_address``)."""

_MOST_REFUSALS = 2
"""Newsletters in a row that a mailbox was unknown for."""


class DueDeliveries:
    """The due rows of the table of deliveries; each method is one transaction."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._connection = catalogue.connection

    def due(self, now: Millis, limit: int = 100) -> list[Delivery]:
        """The deliveries that are due, the oldest first, and of those the ones that were tried least.

        Where the clock was set back meanwhile, each waits for what was left of its pause.
        """
        ahead = now + CLOCK_TOLERANCE
        if self._connection.value(
            "SELECT count(*) FROM deliveries WHERE state = 'preparing' AND updated_at > :ahead", ahead=ahead
        ):
            self._connection.execute(
                "UPDATE deliveries SET due_at = :now + due_at - updated_at, updated_at = :now,"
                " first_due_at = CASE WHEN first_due_at > :now THEN :now ELSE first_due_at END,"
                " refused_at = CASE WHEN refused_at > :now THEN :now ELSE refused_at END"
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
            elif delivery.kind in KEY_MAILS:
                known = SignIns(self._connection).in_force()
                address = delivery.address if delivery.recipient in known else None
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
        self,
        delivery: Delivery,
        error: str,
        now: Millis,
        *,
        for_good: bool = False,
        its_own: bool = False,
        not_before: Millis = 0,
    ) -> bool:
        """The server has not taken it: fail ``for_good``, or retry later until its time is over (``expire``).

        What lies in the mail or in its recipient, ``its_own``, fails after a few attempts. Returns whether it failed.
        """
        if for_good or (its_own and delivery.attempts + 1 >= _MAX_ATTEMPTS):
            self._set(delivery, "failed", now, error=error)
            return True
        pause = min(_LONGEST_PAUSE, MINUTE << min(delivery.attempts, 10))
        self._set(delivery, "preparing", now, error=error, due_at=max(now + pause, not_before))
        return False

    def note_refusal(self, delivery: Delivery, now: Millis) -> bool:
        """Note when a recipient was refused first; returns whether another one was accepted since, so that it is theirs alone."""
        with self._connection.transaction():
            for session_id, kind in delivery.rows:
                self._connection.execute(
                    "UPDATE deliveries SET refused_at = coalesce(refused_at, :now)"
                    " WHERE session_id = :id AND kind = :kind AND recipient = :recipient",
                    now=now,
                    id=session_id,
                    kind=kind,
                    recipient=delivery.recipient,
                )
            return bool(
                self._connection.value(
                    "SELECT 1 FROM deliveries own JOIN deliveries other ON other.state = 'submitted'"
                    " AND other.recipient <> own.recipient AND other.updated_at >= own.refused_at"
                    " WHERE own.session_id = :id AND own.kind = :kind AND own.recipient = :recipient LIMIT 1",
                    id=delivery.session_id,
                    kind=delivery.kind,
                    recipient=delivery.recipient,
                )
            )

    def expire(self, now: Millis) -> int:
        """Fail the mails whose time is over, with what the server said last. Returns how many."""
        by_kind = " ".join(f"WHEN :kind_{at} THEN :for_{at}" for at in range(len(_LIFETIMES)))
        kinds = {f"kind_{at}": str(kind) for at, kind in enumerate(_LIFETIMES)}
        return self._connection.execute(
            "UPDATE deliveries SET state = 'failed', updated_at = :now,"
            " error = coalesce('not taken in time: ' || error, 'could not be sent in time')"
            " WHERE state = 'preparing' AND first_due_at <= :now - CASE kind"
            f" {by_kind} ELSE :lifetime END",
            now=now,
            lifetime=_LIFETIME,
            **kinds,
            **{f"for_{at}": lifetime for at, lifetime in enumerate(_LIFETIMES.values())},
        )

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

    def recover(self, now: Millis) -> int:
        """At the start of the process: what a dead one was submitting is uncertain, or due again. Returns how many."""
        return self._connection.execute(
            "UPDATE deliveries SET state = CASE WHEN again_at IS NULL THEN 'uncertain' ELSE 'preparing' END,"
            " attempts = CASE WHEN again_at IS NULL THEN attempts ELSE 0 END,"
            " due_at = coalesce(again_at, due_at), first_due_at = coalesce(again_at, first_due_at),"
            " refused_at = CASE WHEN again_at IS NULL THEN refused_at END, again_at = NULL,"
            " error = 'the publisher stopped while sending', updated_at = :now WHERE state = 'submitting'",
            now=now,
        )

    # -- inner parts -------------------------------------------------------------------------------

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
                for session_id, kind in delivery.rows
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
            " due_at = coalesce(again_at, :due_at, due_at), first_due_at = coalesce(again_at, first_due_at),"
            " refused_at = CASE WHEN again_at IS NULL THEN refused_at END, again_at = NULL, error = :error, updated_at = :now"
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
