"""Webhooks and their deliveries: one row for each notice to each receiver.

``notices`` queues them. ``pending`` → ``running`` → ``done`` | ``failed``; one that failed
and is to be tried again is pending. One whose server died is tried again once its lease is over: receivers know a
repetition by its id. What was sent is not kept, only that it was.
One module, although a long one: switching a webhook off or on, or removing it, settles its queue in the same transaction.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from engine.domain.instant import MINUTE, SET_BACK_TOLERANCE, Millis
from engine.domain.webhooks import TEST
from engine.storage.database import Connection, Row
from engine.storage.notices import Notice, insert_deliveries

__all__ = [
    "Delivery",
    "DueDelivery",
    "Webhook",
    "Webhooks",
]

_LEASE: Millis = MINUTE
"""After that long a delivery that is under way belongs to a server that died."""
_OFF = "the webhook is off"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of notices, without its secret."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str | None
    created_at: Millis
    off_at: Millis | None = None
    off_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one notice to one receiver."""

    id: str
    event: str
    state: str
    attempts: int
    created_at: Millis
    updated_at: Millis
    next_attempt_at: Millis | None
    status: int | None
    """Of the receiver's last answer."""
    error: str | None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery that was taken to be sent."""

    id: str
    webhook_id: str
    event: str
    url: str
    secret: str
    payload: str
    attempts: int
    """This one included."""
    created_at: Millis


class Webhooks:
    """The tables of webhooks over one connection. Blocking; every method is one transaction and may raise a ``DatabaseError``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- the webhooks ------------------------------------------------------------------------------

    def add(
        self, url: str, events: Sequence[str], description: str | None, at: Millis
    ) -> tuple[Webhook, str]:
        """A new webhook and the secret that signs what it gets: ``whsec_`` and 32 random bytes in base64."""
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        webhook = Webhook(f"wh_{uuid4().hex}", url, tuple(events), description, at)
        self._connection.execute(
            "INSERT INTO webhooks (id, url, events, description, secret, created_at)"
            " VALUES (:id, :url, :events, :description, :secret, :at)",
            id=webhook.id,
            url=url,
            events=json.dumps(list(events)),
            description=description,
            secret=secret,
            at=at,
        )
        return webhook, secret

    def all(self) -> list[Webhook]:
        """Every webhook, the oldest first."""
        return [
            _webhook(row) for row in self._connection.rows("SELECT * FROM webhooks ORDER BY created_at, id")
        ]

    def get(self, webhook_id: str) -> Webhook | None:
        """A webhook, or None."""
        row = self._connection.row("SELECT * FROM webhooks WHERE id = :id", id=webhook_id)
        return None if row is None else _webhook(row)

    def remove(self, webhook_id: str) -> bool:
        """Remove a webhook and its deliveries; whether there was one."""
        with self._connection.transaction():
            removed = self._connection.execute("DELETE FROM webhooks WHERE id = :id", id=webhook_id)
            self._connection.execute("DELETE FROM webhook_deliveries WHERE webhook_id = :id", id=webhook_id)
        return removed == 1

    def deliveries(self, webhook_id: str, limit: int) -> list[Delivery]:
        """The newest deliveries, the newest first."""
        rows = self._connection.rows(
            "SELECT * FROM webhook_deliveries WHERE webhook_id = :id ORDER BY number DESC LIMIT :limit",
            id=webhook_id,
            limit=limit,
        )
        return [_delivery(row) for row in rows]

    def delivery(self, delivery_id: str) -> Delivery | None:
        """One delivery, or None."""
        row = self._connection.row("SELECT * FROM webhook_deliveries WHERE id = :id", id=delivery_id)
        return None if row is None else _delivery(row)

    # -- sending -----------------------------------------------------------------------------------

    def begin_test(self, webhook_id: str, at: Millis) -> DueDelivery | None:
        """Take a new test delivery to be sent, also where the webhook is off; None where there is no such webhook."""
        notice = Notice(TEST, "", {"message": "This is a test."}, at)
        with self._connection.transaction():
            if self.get(webhook_id) is None:
                return None
            (delivery,) = insert_deliveries(self._connection, notice, [webhook_id], "running", at + _LEASE)
            return self._taken(delivery)

    def due(self, at: Millis) -> list[str]:
        """The webhooks for which a delivery is due.

        Where the clock was set back meanwhile, each waits for what was left of its pause.
        """
        unfinished = self._connection.row(
            "SELECT min(next_attempt_at) AS first, max(updated_at) AS newest FROM webhook_deliveries"
            " WHERE state IN ('pending', 'running')"
        )
        if unfinished is None or unfinished["first"] is None:
            return []
        if unfinished["newest"] > at + SET_BACK_TOLERANCE:
            self._connection.execute(
                "UPDATE webhook_deliveries SET next_attempt_at = :at + next_attempt_at - updated_at, updated_at = :at"
                " WHERE state IN ('pending', 'running') AND updated_at > :ahead",
                at=at,
                ahead=at + SET_BACK_TOLERANCE,
            )
        elif unfinished["first"] > at:
            return []
        if self._connection.row(
            "SELECT 1 FROM webhook_deliveries WHERE state = 'running' AND next_attempt_at <= :at LIMIT 1",
            at=at,
        ):
            self._connection.execute(
                "UPDATE webhook_deliveries SET state = CASE WHEN event = :test THEN 'failed' ELSE 'pending' END"
                " WHERE state = 'running' AND next_attempt_at <= :at",
                test=TEST,
                at=at,
            )
        rows = self._connection.rows(
            "SELECT DISTINCT d.webhook_id AS id FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id"
            " WHERE d.state = 'pending' AND d.next_attempt_at <= :at AND w.off_at IS NULL ORDER BY d.webhook_id",
            at=at,
        )
        return [row["id"] for row in rows]

    def claim(self, webhook_id: str, at: Millis) -> DueDelivery | None:
        """Take the oldest due delivery of a webhook to send it; None where nobody else left one."""
        with self._connection.transaction():
            found = self._connection.value(
                "SELECT d.id FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id"
                " WHERE d.webhook_id = :id AND d.state = 'pending' AND d.next_attempt_at <= :at"
                " AND w.off_at IS NULL ORDER BY d.number LIMIT 1",
                id=webhook_id,
                at=at,
            )
            taken = found and self._connection.execute(
                "UPDATE webhook_deliveries SET state = 'running', next_attempt_at = :lease, updated_at = :at"
                " WHERE id = :id AND state = 'pending'",
                lease=at + _LEASE,
                at=at,
                id=found,
            )
            return self._taken(found) if taken else None

    def done(self, delivery: DueDelivery, status: int, at: Millis) -> None:
        """The receiver took it; a test that succeeds switches its webhook on again."""
        with self._connection.transaction():
            self._settle(delivery, "done", None, status, None, at)
            if delivery.event == TEST:
                self._connection.execute(
                    "UPDATE webhooks SET off_at = NULL, off_reason = NULL WHERE id = :id",
                    id=delivery.webhook_id,
                )

    def failed(
        self,
        delivery: DueDelivery,
        error: str,
        status: int | None,
        next_attempt_at: Millis | None,
        at: Millis,
    ) -> None:
        """The receiver has not taken it: tried again at ``next_attempt_at``, or with None never."""
        state = "failed" if next_attempt_at is None else "pending"
        self._settle(delivery, state, error, status, next_attempt_at, at)

    def switch_off(self, webhook_id: str, reason: str, at: Millis) -> None:
        """Send nothing any more to a webhook; what waits for it has failed."""
        with self._connection.transaction():
            self._connection.execute(
                "UPDATE webhooks SET off_at = :at, off_reason = :reason WHERE id = :id AND off_at IS NULL",
                at=at,
                reason=reason,
                id=webhook_id,
            )
            self._connection.execute(
                "UPDATE webhook_deliveries SET state = 'failed', payload = '', error = coalesce(error, :off),"
                " next_attempt_at = NULL, updated_at = :at WHERE webhook_id = :id AND state = 'pending'",
                off=_OFF,
                at=at,
                id=webhook_id,
            )

    def forget(self, before: Millis) -> int:
        """Remove what was settled before an instant, and what belongs to no webhook any more; returns how many rows."""
        return self._connection.execute(
            "DELETE FROM webhook_deliveries WHERE (state IN ('done', 'failed') AND updated_at < :before)"
            " OR NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.id = webhook_deliveries.webhook_id)",
            before=before,
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _taken(self, delivery_id: str) -> DueDelivery:
        self._connection.execute(
            "UPDATE webhook_deliveries SET attempts = attempts + 1 WHERE id = :id", id=delivery_id
        )
        row = self._connection.row(
            "SELECT d.*, w.url, w.secret FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id"
            " WHERE d.id = :id",
            id=delivery_id,
        )
        assert row is not None
        return DueDelivery(
            row["id"],
            row["webhook_id"],
            row["event"],
            row["url"],
            row["secret"],
            row["payload"],
            row["attempts"],
            row["created_at"],
        )

    def _settle(
        self,
        delivery: DueDelivery,
        state: str,
        error: str | None,
        status: int | None,
        next_attempt_at: Millis | None,
        at: Millis,
    ) -> None:
        keeps = "" if state == "pending" else " payload = '',"
        self._connection.execute(
            f"UPDATE webhook_deliveries SET state = :state,{keeps} error = :error, status = :status,"
            " next_attempt_at = :due, updated_at = :at WHERE id = :id AND state = 'running'",
            state=state,
            error=error,
            status=status,
            due=next_attempt_at,
            at=at,
            id=delivery.id,
        )


def _webhook(row: Row) -> Webhook:
    return Webhook(
        row["id"],
        row["url"],
        tuple(json.loads(row["events"])),
        row["description"],
        row["created_at"],
        row["off_at"],
        row["off_reason"],
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(
        row["id"],
        row["event"],
        row["state"],
        row["attempts"],
        row["created_at"],
        row["updated_at"],
        row["next_attempt_at"] if row["state"] == "pending" else None,
        row["status"],
        row["error"],
    )
