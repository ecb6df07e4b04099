"""Words that people wrote to everybody stand in the log; when they are taken back, or their time is over, they go.

The log keeps its records, in their places and with their numbers: only what a chat message said is gone from it.
"""

from __future__ import annotations

import json
import sqlite3

from engine.domain.instant import Millis

__all__ = ["REDACTED", "redact", "redact_ended", "without_words"]

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


def redact(connection: sqlite3.Connection, session_id: str, client_id: str | None = None) -> None:
    """Take the words of one person, or of everybody, out of a session's log, in the caller's transaction."""
    rows = connection.execute(
        "SELECT position, event FROM journal WHERE session_id = ? AND instr(event, ?) > 0",
        (session_id, _CHAT),
    ).fetchall()
    changes = ((without_words(row["event"], client_id), session_id, row["position"]) for row in rows)
    connection.executemany(
        "UPDATE journal SET event = ? WHERE session_id = ? AND position = ?",
        [change for change in changes if change[0] is not None],
    )


def redact_ended(connection: sqlite3.Connection, ended_before: Millis) -> None:
    """Take everybody's words out of the logs of sessions that ended before an instant, each session once."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_DONE_BEFORE,)).fetchone()
    done_before = 0 if row is None else int(row["value"])
    ended = connection.execute(
        "SELECT session_id FROM rooms WHERE ended_at >= ? AND ended_at < ?", (done_before, ended_before)
    ).fetchall()
    for room in ended:
        # One after the other: live sessions write beside this.
        connection.execute("BEGIN IMMEDIATE")
        try:
            redact(connection, room["session_id"])
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    if ended_before > done_before:
        connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_DONE_BEFORE, str(ended_before)),
        )
