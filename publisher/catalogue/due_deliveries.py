"""The deliveries that are due, for the one who sends: which they are, and what becomes of each that was taken.

What several sessions of a series are told of is taken as one mail. See ``deliveries`` for the states, and
``mail_retries`` for how long mails are tried. A little long: each outcome is one method.
"""

from __future__ import annotations

from dataclasses import replace

from engine.domain.instant import SET_BACK_TOLERANCE, Millis
from engine.storage.session_reader import SessionReader
from engine.storage.sign_ins import SignIns
from publisher.catalogue.deliveries import KEY_MAILS, NEWSLETTER, PERSONAL, Delivery
from publisher.catalogue.mail_retries import begin_time, is_over, next_try
from publisher.catalogue.place_mails import PLACE_MAILS, has_address, wanted_address
from publisher.catalogue.published import Catalogue
from publisher.catalogue.series_mails import GATHERED, waiting_with

__all__ = ["DueDeliveries"]

_MAX_ATTEMPTS = 6
"""Of a mail whose failure lies in itself or in its recipient."""

_MOST_REFUSALS = 2
"""Newsletters in a row that a mailbox was unknown for."""


class DueDeliveries:
    """The due rows of the table of deliveries; each method is one transaction."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._connection = catalogue.connection

    def due(self, now: Millis, limit: int = 100) -> list[Delivery]:
        """The deliveries that are due, the oldest first; of those, whoever was refused as the studio might be goes last.

        Where the clock was set back meanwhile, each waits for what was left of its pause.
        """
        ahead = now + SET_BACK_TOLERANCE
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
            " ORDER BY due_at, coalesce(refused_at, 0), attempts, session_id, recipient LIMIT :limit",
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

    def give_back(self, delivery: Delivery, now: Millis) -> None:
        """Undo ``begin``: nothing was sent, for a reason of our own, and the attempt does not count."""
        self._set(delivery, "preparing", now, attempts=delivery.attempts)

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
    ) -> bool:
        """The server has not taken it: fail ``for_good``, or retry later until its time is over.

        What lies in the mail or in its recipient, ``its_own``, fails after a few attempts. Returns whether it failed.
        """
        with self._connection.transaction():
            begin_time(self._connection, delivery, now)
            failed = for_good or (its_own and delivery.attempts + 1 >= _MAX_ATTEMPTS)
            if not failed and is_over(self._connection, delivery, now):
                failed, error = True, f"not taken in time: {error}"
            if failed:
                self._set(delivery, "failed", now, error=error)
            else:
                self._set(delivery, "preparing", now, error=error, due_at=next_try(delivery, now))
        return failed

    def refused_to_studio(self, delivery: Delivery, error: str, now: Millis) -> None:
        """The server refused the studio and not this recipient: no attempt counts, and next time the others go first."""
        with self._connection.transaction():
            begin_time(self._connection, delivery, now)
            self._note_refused_at(delivery, ":now", now)
            self._set(delivery, "preparing", now, attempts=delivery.attempts, error=error)

    def note_refusal(self, delivery: Delivery, now: Millis) -> bool:
        """Note when a recipient was refused, unless noted; returns whether another one was accepted since: it is theirs alone."""
        with self._connection.transaction():
            self._note_refused_at(delivery, "coalesce(refused_at, :now)", now)
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

    def recover(self, now: Millis) -> int:
        """At the start of the process: what a dead one was submitting is uncertain, or due again. Returns how many."""
        return self._connection.execute(
            "UPDATE deliveries SET state = CASE WHEN again_at IS NULL THEN 'uncertain' ELSE 'preparing' END,"
            " attempts = CASE WHEN again_at IS NULL THEN attempts ELSE 0 END,"
            " due_at = coalesce(again_at, due_at), first_due_at = coalesce(again_at, first_due_at),"
            " refused_at = CASE WHEN again_at IS NULL THEN refused_at END, again_at = NULL,"
            " error = CASE WHEN again_at IS NULL THEN 'the publisher stopped while sending' END, updated_at = :now"
            " WHERE state = 'submitting'",
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

    def _note_refused_at(self, delivery: Delivery, when: str, now: Millis) -> None:
        for session_id, kind in delivery.rows:
            self._connection.execute(
                f"UPDATE deliveries SET refused_at = {when}"
                " WHERE session_id = :id AND kind = :kind AND recipient = :recipient",
                now=now,
                id=session_id,
                kind=kind,
                recipient=delivery.recipient,
            )

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
        # What was said last stays with a mail that is tried again: by it one knows that it was tried.
        said = "coalesce(:error, error)" if state in ("submitting", "preparing") else ":error"
        changed = self._connection.execute(
            "UPDATE deliveries SET state = CASE WHEN again_at IS NULL THEN :state ELSE 'preparing' END,"
            " attempts = CASE WHEN again_at IS NULL THEN coalesce(:attempts, attempts) ELSE 0 END,"
            " due_at = coalesce(again_at, :due_at, due_at), first_due_at = coalesce(again_at, first_due_at),"
            " refused_at = CASE WHEN again_at IS NULL THEN refused_at END, again_at = NULL,"
            f" error = CASE WHEN again_at IS NULL THEN {said} END, updated_at = :now"
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
