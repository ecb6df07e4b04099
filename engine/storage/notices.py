"""Queues notices for webhooks, in the transaction that makes them true."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from engine.domain.instant import Millis, iso
from engine.storage.database import Connection
from engine.storage.meta import Meta

__all__ = ["Notice", "forget_subject", "insert_deliveries", "queue_notice"]

_INSERT = (
    "INSERT INTO webhook_deliveries (id, webhook_id, event, subject, payload, state, attempts, created_at, updated_at,"
    " next_attempt_at) VALUES (:id, :webhook_id, :event, :subject, :payload, :state, 0, :at, :at, :due)"
)


class Notice(NamedTuple):
    """Something that happened and that webhooks may ask for."""

    event: str
    session_id: str
    data: Mapping[str, Any]
    at: Millis
    subject: str = ""
    """The registration that it is about: its name leaves the queue with it."""


def queue_notice(connection: Connection, notice: Notice) -> None:
    """Queue a notice for every webhook that asks for it, in the caller's transaction."""
    rows = connection.rows(
        "SELECT id FROM webhooks WHERE off_at IS NULL AND events LIKE :wanted", wanted=f'%"{notice.event}"%'
    )
    if rows:
        insert_deliveries(connection, notice, [row["id"] for row in rows], "pending", notice.at)


def insert_deliveries(
    connection: Connection, notice: Notice, webhooks: Sequence[str], state: str, due: Millis
) -> list[str]:
    """Insert a notice's delivery to each of the webhooks, in the caller's transaction; returns the deliveries' ids."""
    payload = _payload(connection, notice)
    rows: list[dict[str, Any]] = [
        {
            "id": f"msg_{uuid4().hex}",
            "webhook_id": webhook_id,
            "event": notice.event,
            "subject": notice.subject,
            "payload": payload,
            "state": state,
            "at": notice.at,
            "due": due,
        }
        for webhook_id in webhooks
    ]
    connection.many(_INSERT, rows)
    return [row["id"] for row in rows]


def _payload(connection: Connection, notice: Notice) -> str:
    data = dict(notice.data)
    if notice.session_id:
        base = Meta(connection).get("public_url") or ""
        data = {"session_id": notice.session_id, **data, "url": f"{base}/sessions/{notice.session_id}/"}
    content = {"type": notice.event, "timestamp": iso(notice.at), "data": data}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def forget_subject(connection: Connection, subject: str) -> None:
    """Take a person's name out of what still waits to be sent about them, in the caller's transaction."""
    rows = connection.rows(
        "SELECT id, payload FROM webhook_deliveries WHERE subject = :subject AND payload <> ''",
        subject=subject,
    )
    changed = []
    for row in rows:
        content = json.loads(row["payload"])
        content["data"] = {**content["data"], "name": None}
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        changed.append({"id": row["id"], "payload": text})
    connection.many("UPDATE webhook_deliveries SET payload = :payload WHERE id = :id", changed)
