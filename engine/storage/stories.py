"""How a story's versions and the work on them are written: what came later stands, what was taken back goes.

Every function works inside its caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from engine.storage.rows import OutboxRow, SnapshotRow

__all__ = ["SCHEDULE", "queue_job", "store_story"]

SCHEDULE = "schedule"
"""The channel of the rooms' calendar; its jobs have no snapshot, and a room's sequence as version."""

_EMPTIED = ("curves", "milestones", "achievements", "key_achievements")
_UNSAID = ("average_hrv_improvement", "average_rating")
#: A live session's story tells computed figures; those of a summary were stated, and stay.
_WITHOUT_FIGURES = (
    "UPDATE snapshots SET document = json_set(document, "
    + ", ".join(f"'$.{name}', json('[]')" for name in _EMPTIED)
    + ", "
    + ", ".join(f"'$.{name}', NULL" for name in _UNSAID)
    + ") WHERE session_id = ? AND json_extract(document, '$.source') = 'live'"
)


def store_story(
    connection: sqlite3.Connection, snapshot: SnapshotRow | None, jobs: Sequence[OutboxRow]
) -> SnapshotRow | None:
    """Write a snapshot and jobs; returns the snapshot as stored.

    A version that is taken (a summary came in over the API for the same session) becomes the next free one. A live
    session's story that is retold once such a summary stands over it replaces only what it told before: its own newest
    version, and the channels that the summary left to it.
    """
    if snapshot is None:
        for job in jobs:
            queue_job(connection, job)
        return None
    # What a person took back must not live on in an older version: their words, and their share of the figures,
    # which follows from the figures before and after.
    connection.execute(
        "UPDATE snapshots SET document = json_set(document, '$.quotes', json('[]')) WHERE session_id = ?",
        (snapshot.session_id,),
    )
    document = json.loads(snapshot.document)
    told = None
    if document["source"] == "live":
        connection.execute(_WITHOUT_FIGURES, (snapshot.session_id,))
        told = _told_over(connection, snapshot.session_id)
    if told is None:
        stored = _added(connection, snapshot, document)
    else:
        jobs = [job for job in jobs if job.channel == SCHEDULE or not _says_otherwise(connection, job)]
        stored = _retold(connection, snapshot, document, told)
    for job in jobs:
        queue_job(connection, job if job.channel == SCHEDULE else replace(job, version=stored.version))
    return stored


def _added(connection: sqlite3.Connection, snapshot: SnapshotRow, document: dict[str, object]) -> SnapshotRow:
    row = connection.execute(
        "SELECT max(version) FROM snapshots WHERE session_id = ?", (snapshot.session_id,)
    ).fetchone()
    taken = row[0] or 0
    if snapshot.version <= taken:
        text = json.dumps({**document, "version": taken + 1}, ensure_ascii=False)
        snapshot = replace(snapshot, version=taken + 1, document=text)
    connection.execute(
        "INSERT INTO snapshots (session_id, version, content_id, document, created_at) VALUES (?, ?, ?, ?, ?)",
        (
            snapshot.session_id,
            snapshot.version,
            snapshot.content_id,
            snapshot.document,
            snapshot.created_at,
        ),
    )
    return snapshot


def _told_over(connection: sqlite3.Connection, session_id: str) -> tuple[int, str] | None:
    """Version and publication of the session's own newest story where something newer stands over it, else None."""
    rows = connection.execute(
        "SELECT version, content_id, json_extract(document, '$.source') AS source FROM snapshots"
        " WHERE session_id = ? ORDER BY version DESC",
        (session_id,),
    ).fetchall()
    own = next((row for row in rows if row["source"] == "live"), None)
    return None if own is None or own is rows[0] else (own["version"], own["content_id"])


def _retold(
    connection: sqlite3.Connection, snapshot: SnapshotRow, document: dict[str, object], told: tuple[int, str]
) -> SnapshotRow:
    version, content_id = told
    text = json.dumps({**document, "version": version, "content_id": content_id}, ensure_ascii=False)
    connection.execute(
        "UPDATE snapshots SET document = ?, created_at = ? WHERE session_id = ? AND version = ?",
        (text, snapshot.created_at, snapshot.session_id, version),
    )
    return replace(snapshot, version=version, content_id=content_id, document=text)


def _says_otherwise(connection: sqlite3.Connection, job: OutboxRow) -> bool:
    """Whether a channel last said something else than the session's own story."""
    row = connection.execute(
        "SELECT json_extract(document, '$.source') AS source FROM outbox JOIN snapshots USING (session_id, version)"
        " WHERE session_id = ? AND channel = ? ORDER BY version DESC, outbox.id DESC LIMIT 1",
        (job.session_id, job.channel),
    ).fetchone()
    return row is not None and row["source"] != "live"


def queue_job(connection: sqlite3.Connection, job: OutboxRow) -> None:
    """Queue a job inside the caller's transaction, in place of older ones of its channel that have not begun."""
    connection.execute(
        "DELETE FROM outbox WHERE session_id = ? AND channel = ? AND content_hash <> ?"
        " AND state IN ('pending', 'failed')",
        (job.session_id, job.channel, job.content_hash),
    )
    connection.execute(
        "INSERT INTO outbox (session_id, channel, version, content_hash, state, attempts, next_attempt_at,"
        " last_error, updated_at) VALUES (?, ?, ?, ?, 'pending', 0, ?, NULL, ?)"
        " ON CONFLICT (session_id, channel, content_hash) DO UPDATE SET version = excluded.version,"
        " state = 'pending', attempts = 0, next_attempt_at = excluded.next_attempt_at, last_error = NULL,"
        " updated_at = excluded.updated_at",
        (
            job.session_id,
            job.channel,
            job.version,
            job.content_hash,
            job.next_attempt_at or job.updated_at,
            job.updated_at,
        ),
    )
