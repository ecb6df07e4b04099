"""How long mails are tried, and how long they wait between two tries.

A mail of a kind whose time is over soon (a mail for signing in) is given up then, also where no server was asked. Every
other one is given up only when a try after its time fails, and its time begins with the first try that fails: a studio
may run its server for an hour a week. After such a time each is tried for an hour at least, as a server that has just
started may have no network yet.
"""

from __future__ import annotations

from engine.domain.instant import HOUR, MINUTE, Millis
from engine.domain.registrations import UNCONFIRMED_KEPT, PlaceMail
from engine.storage.database import Connection, one_of
from engine.storage.sign_ins import SIGN_IN_MAIL
from publisher.catalogue.deliveries import KEY_MAILS, NEWSLETTER_TEST, Delivery

__all__ = ["begin_time", "expire", "is_over", "next_try", "postpone_due"]

_LONGEST_PAUSE: Millis = HOUR
_LONGEST_PAUSE_OF_SHORT_LIVED: Millis = 10 * MINUTE

_LIFETIME: Millis = 5 * 24 * HOUR
"""How long mails are tried: as long as mail servers try (RFC 5321, 4.5.4.1)."""

_LIFETIMES: dict[str, Millis] = {
    # Whoever asked for it waits for it now.
    str(SIGN_IN_MAIL): HOUR,
    NEWSLETTER_TEST: HOUR,
    # Their link is good no longer.
    str(PlaceMail.CONFIRM): UNCONFIRMED_KEPT,
}
"""Of the short-lived kinds, from when they were to leave. Reminders end with what they remind of (``wanted_address``)."""

_SHORT_LIVED, _SHORT_LIVED_VALUES = one_of("short_lived", _LIFETIMES)


def next_try(delivery: Delivery, now: Millis) -> Millis:
    """When a mail that was refused is tried again: pauses grow from a minute to the longest of its kind."""
    longest = _LONGEST_PAUSE_OF_SHORT_LIVED if delivery.kind in _LIFETIMES else _LONGEST_PAUSE
    return now + min(longest, MINUTE << min(delivery.attempts, 10))


def begin_time(connection: Connection, delivery: Delivery, now: Millis) -> None:
    """At a try that failed: the time of a mail that was never tried before begins now."""
    if delivery.kind in _LIFETIMES:
        return
    for session_id, kind in delivery.rows:
        connection.execute(
            "UPDATE deliveries SET first_due_at = :now"
            " WHERE session_id = :id AND kind = :kind AND recipient = :recipient AND error IS NULL",
            now=now,
            id=session_id,
            kind=kind,
            recipient=delivery.recipient,
        )


def is_over(connection: Connection, delivery: Delivery, now: Millis) -> bool:
    """Whether a mail that was just refused is given up, with all that it tells. The short-lived ones end with ``expire``."""
    if delivery.kind in _LIFETIMES:
        return False
    return all(
        connection.value(
            "SELECT 1 FROM deliveries WHERE session_id = :id AND kind = :kind AND recipient = :recipient"
            " AND first_due_at <= :begun",
            id=session_id,
            kind=kind,
            recipient=delivery.recipient,
            begun=now - _LIFETIME,
        )
        for session_id, kind in delivery.rows
    )


def postpone_due(connection: Connection, error: str, now: Millis, until: Millis) -> int:
    """Postpone every due mail until a time, as no server takes a connection; counts as no attempt. Returns how many.

    Short-lived ones wait ten minutes at most; what was tried for its whole time fails.
    """
    with connection.transaction():
        connection.execute(
            "UPDATE deliveries SET state = 'failed', error = :error, updated_at = :now"
            " WHERE state = 'preparing' AND due_at <= :now AND error IS NOT NULL AND first_due_at <= :begun"
            f" AND kind NOT IN {_SHORT_LIVED}",
            error=f"not taken in time: {error}",
            now=now,
            begun=now - _LIFETIME,
            **_SHORT_LIVED_VALUES,
        )
        return connection.execute(
            f"UPDATE deliveries SET due_at = CASE WHEN kind IN {_SHORT_LIVED} THEN :soon ELSE :until END,"
            f" first_due_at = CASE WHEN error IS NULL AND kind NOT IN {_SHORT_LIVED} THEN :now ELSE first_due_at END,"
            " error = :error, updated_at = :now WHERE state = 'preparing' AND due_at <= :now",
            soon=min(until, now + _LONGEST_PAUSE_OF_SHORT_LIVED),
            until=until,
            error=error,
            now=now,
            **_SHORT_LIVED_VALUES,
        )


def expire(connection: Connection, now: Millis) -> int:
    """Give up the short-lived mails whose time is over. Returns how many.

    Those to the owners of keys are removed, as nobody can send them again but who asks anew; others fail.
    """
    key_mails, values = one_of("key_mail", KEY_MAILS)
    given_up = 0
    with connection.transaction():
        _note_times(connection)
        _allow_an_hour(connection, now)
        for kind, lifetime in _LIFETIMES.items():
            over = "WHERE state = 'preparing' AND kind = :kind AND first_due_at <= :begun"
            given_up += connection.execute(
                f"DELETE FROM deliveries {over} AND kind IN {key_mails}",
                kind=kind,
                begun=now - lifetime,
                **values,
            )
            given_up += connection.execute(
                "UPDATE deliveries SET state = 'failed', updated_at = :now,"
                f" error = coalesce('not taken in time: ' || error, 'could not be sent in time') {over}",
                now=now,
                kind=kind,
                begun=now - lifetime,
            )
    return given_up


def _allow_an_hour(connection: Connection, now: Millis) -> None:
    """Let what was due while no server ran be tried for an hour from now on, where its time would be over before."""
    connection.execute(
        f"UPDATE deliveries SET first_due_at = :begun WHERE state = 'preparing' AND due_at <= :missed"
        f" AND first_due_at < :begun AND kind NOT IN {_SHORT_LIVED}",
        begun=now + HOUR - _LIFETIME,
        missed=now - HOUR,
        **_SHORT_LIVED_VALUES,
    )


def _note_times(connection: Connection) -> None:
    """Begin the time of what a server of 0.2.0 scheduled, or scheduled again: it knows no ``first_due_at``."""
    by_kind = " ".join(f"WHEN :kind_{at} THEN :for_{at}" for at in range(len(_LIFETIMES)))
    connection.execute(
        "UPDATE deliveries SET first_due_at = due_at WHERE state = 'preparing' AND (first_due_at IS NULL"
        " OR (attempts = 0 AND due_at > first_due_at AND (error IS NULL"
        f" OR due_at > first_due_at + :pause + CASE kind {by_kind} ELSE :lifetime END)))",
        pause=_LONGEST_PAUSE,
        lifetime=_LIFETIME,
        **{f"kind_{at}": kind for at, kind in enumerate(_LIFETIMES)},
        **{f"for_{at}": lifetime for at, lifetime in enumerate(_LIFETIMES.values())},
    )
