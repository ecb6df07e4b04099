"""Removes the text of chat messages from the log: deleted ones, of somebody who withdrew, of sessions past retention.

The log keeps its records, in their places and with their numbers: only what a message said is gone from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from engine.domain.instant import Millis
from engine.storage.database import Connection, Row
from engine.storage.meta import Meta

__all__ = ["REDACTED", "redact", "redact_ended", "redact_message", "without_words"]

REDACTED = "…"
_CHAT = b'"chat_message_sent"'
_DONE_BEFORE = "words_forgotten_before"


def without_words(event: bytes, client_id: str | None) -> bytes | None:
    """The record of a chat message without what it said; None for any other, or of somebody else.

    ``client_id`` None is anybody.
    """
    if _CHAT not in event:
        return None
    content = json.loads(event)
    if content.get("type") != "chat_message_sent" or client_id not in (None, content["client_id"]):
        return None
    return json.dumps({**content, "message": REDACTED}, ensure_ascii=False, separators=(",", ":")).encode()


def redact(connection: Connection, session_id: str, client_id: str | None = None) -> None:
    """Remove what one person wrote, or everybody, from a session's log, in the caller's transaction."""
    rows = connection.rows("SELECT position, event FROM journal WHERE session_id = :id", id=session_id)
    _write_redacted(connection, session_id, rows, client_id)


def redact_message(connection: Connection, session_id: str, seq: int) -> None:
    """Remove what one message said, if it is a chat message, in the caller's transaction."""
    rows = connection.rows(
        "SELECT position, event FROM journal WHERE session_id = :id AND seq = :seq", id=session_id, seq=seq
    )
    _write_redacted(connection, session_id, rows, None)


def _write_redacted(
    connection: Connection, session_id: str, rows: Iterable[Row], client_id: str | None
) -> None:
    changes = ((row["position"], without_words(row["event"], client_id)) for row in rows)
    connection.many(
        "UPDATE journal SET event = :event WHERE session_id = :id AND position = :position",
        [
            {"event": event, "id": session_id, "position": position}
            for position, event in changes
            if event is not None
        ],
    )


def redact_ended(connection: Connection, ended_before: Millis) -> None:
    """Remove what everybody wrote from the logs of sessions that ended before an instant, each session once."""
    meta = Meta(connection)
    done_before = int(meta.get(_DONE_BEFORE) or 0)
    ended = connection.rows(
        "SELECT session_id FROM rooms WHERE ended_at >= :first AND ended_at < :last",
        first=done_before,
        last=ended_before,
    )
    for room in ended:
        # One after the other: live sessions write beside this.
        with connection.transaction():
            redact(connection, room["session_id"])
    if ended_before > done_before:
        meta.set(_DONE_BEFORE, str(ended_before))
