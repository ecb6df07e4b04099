"""Stories and the work that publishing them asks for: written with a session's last event, claimed by the publisher.

Every verb is one short transaction. The key of a job is ``session:channel:content_hash``: the same
content again is the same job, queued again; newer content overtakes what has not begun.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from engine.domain.instant import Millis
from engine.domain.snapshot import Snapshot
from engine.storage.rows import OutboxRow, SnapshotRow
from engine.storage.stories import SCHEDULE, queue_job, store_story

__all__ = ["SCHEDULE", "Job", "Outbox", "content_hash", "schedule_row", "story"]


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed row of the outbox."""

    id: int
    session_id: str
    channel: str
    version: int
    content_hash: str
    attempts: int
    """How often it was begun, this time included."""


def content_hash(snapshot: Snapshot) -> str:
    """SHA-256 (hex) of what the snapshot says, whichever publication or version of it this is."""
    said = snapshot.model_dump_json(exclude={"content_id", "version"})
    return hashlib.sha256(said.encode()).hexdigest()


def story(
    snapshot: Snapshot, channels: Sequence[str], at: Millis
) -> tuple[SnapshotRow, tuple[OutboxRow, ...]]:
    """The rows that a snapshot becomes: its own, and one per channel."""
    digest = content_hash(snapshot)
    row = SnapshotRow(
        session_id=snapshot.session_id,
        version=snapshot.version,
        content_id=snapshot.content_id,
        document=snapshot.model_dump_json(),
        created_at=at,
    )
    jobs = tuple(
        OutboxRow(
            session_id=snapshot.session_id,
            channel=channel,
            version=snapshot.version,
            content_hash=digest,
            updated_at=at,
        )
        for channel in dict.fromkeys(channels)
    )
    return row, jobs


def schedule_row(session_id: str, sequence: int, at: Millis) -> OutboxRow:
    """The job that brings home page and calendar up to a room's ``sequence``."""
    return OutboxRow(session_id, SCHEDULE, sequence, f"schedule-{sequence}", at)


class Outbox:
    """The verbs of the publisher, over one connection of its own; blocking."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def enqueue(self, snapshot: Snapshot, channels: Sequence[str], at: Millis) -> Snapshot:
        """Store a new version and queue its channels; returns it with the version and the id that it was given."""
        row, jobs = story(snapshot, channels, at)
        with self._transaction():
            stored = store_story(self._connection, row, jobs)
        assert stored is not None
        return snapshot.model_copy(update={"version": stored.version, "content_id": stored.content_id})

    def queue(self, jobs: Sequence[OutboxRow]) -> None:
        """Queue jobs that need no new snapshot."""
        with self._transaction():
            store_story(self._connection, None, jobs)

    def claim(self, at: Millis, limit: int = 20) -> list[Job]:
        """Take the jobs that are due, oldest first, and mark them running.

        One that waits to be tried again while its channel has gone on to newer content is never done any more.
        """
        with self._transaction():
            due = self._connection.execute(
                "SELECT *, EXISTS (SELECT 1 FROM outbox newer WHERE newer.session_id = outbox.session_id"
                " AND newer.channel = outbox.channel AND newer.version > outbox.version) AS overtaken"
                " FROM outbox WHERE state = 'pending' AND next_attempt_at <= ?"
                " ORDER BY next_attempt_at, id LIMIT ?",
                (at, limit),
            ).fetchall()
            self._connection.executemany(
                "DELETE FROM outbox WHERE id = ?", [(row["id"],) for row in due if row["overtaken"]]
            )
            rows = [row for row in due if not row["overtaken"]]
            self._connection.executemany(
                "UPDATE outbox SET state = 'running', attempts = attempts + 1, updated_at = ? WHERE id = ?",
                [(at, row["id"]) for row in rows],
            )
        return [
            Job(
                row["id"],
                row["session_id"],
                row["channel"],
                row["version"],
                row["content_hash"],
                row["attempts"] + 1,
            )
            for row in rows
        ]

    def next_attempt(self) -> Millis | None:
        """When the next pending job is due; None without one."""
        row = self._connection.execute(
            "SELECT min(next_attempt_at) FROM outbox WHERE state = 'pending'"
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def done(self, job: Job, at: Millis | None = None) -> None:
        """The job's artefacts exist. A job queued again meanwhile stays queued."""
        self._finish(job, "done", None, None, at)

    def failed(self, job: Job, error: str, next_attempt_at: Millis | None, at: Millis | None = None) -> None:
        """It did not work: again at ``next_attempt_at``, or with None not by itself."""
        state = "failed" if next_attempt_at is None else "pending"
        self._finish(job, state, error, next_attempt_at, at)

    def of(self, session_id: str) -> list[OutboxRow]:
        """The newest row of each channel of a session, by channel."""
        rows = self._connection.execute(
            "SELECT * FROM outbox WHERE session_id = ? ORDER BY channel, version, updated_at, id",
            (session_id,),
        ).fetchall()
        return list({row["channel"]: _row(row) for row in rows}.values())

    def retry(self, session_id: str, channels: Sequence[str], at: Millis) -> list[OutboxRow]:
        """Queue the newest row of the channels again, whatever its state but running; returns those rows."""
        with self._transaction():
            wanted = [
                row for row in self.of(session_id) if row.channel in channels and row.state != "running"
            ]
            for row in wanted:
                queue_job(self._connection, replace(row, updated_at=at, next_attempt_at=at))
            return [row for row in self.of(session_id) if row.channel in channels]

    def snapshot(self, session_id: str, version: int | None = None) -> Snapshot | None:
        """A version of a session's story, the newest without ``version``; None where there is none."""
        document = self.document(session_id, version)
        return None if document is None else Snapshot.model_validate_json(document)

    def document(self, session_id: str, version: int | None = None) -> str | None:
        """The same as it is stored: what was told of it may be compared with what it says now."""
        row = self._connection.execute(
            "SELECT document FROM snapshots WHERE session_id = ? AND version = coalesce(?, version)"
            " ORDER BY version DESC LIMIT 1",
            (session_id, version),
        ).fetchone()
        return None if row is None else str(row["document"])

    def by_content_id(self, content_id: str) -> Snapshot | None:
        """The version that was published under a ``content_id``."""
        row = self._connection.execute(
            "SELECT document FROM snapshots WHERE content_id = ?", (content_id,)
        ).fetchone()
        return Snapshot.model_validate_json(row["document"]) if row else None

    def requeue_interrupted(self) -> int:
        """At the publisher's start: what a dead one left running is pending again. Returns how many."""
        with self._transaction():
            return self._connection.execute(
                "UPDATE outbox SET state = 'pending', next_attempt_at = updated_at WHERE state = 'running'"
            ).rowcount

    def _finish(
        self, job: Job, state: str, error: str | None, next_attempt_at: Millis | None, at: Millis | None
    ) -> None:
        with self._transaction():
            self._connection.execute(
                "UPDATE outbox SET state = ?, last_error = ?, next_attempt_at = ?,"
                " updated_at = coalesce(?, updated_at) WHERE id = ? AND version = ? AND state = 'running'",
                (state, error, next_attempt_at, at, job.id, job.version),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # Whoever finishes many jobs at once does so in a transaction of their own.
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _row(row: sqlite3.Row) -> OutboxRow:
    return OutboxRow(
        session_id=row["session_id"],
        channel=row["channel"],
        version=row["version"],
        content_hash=row["content_hash"],
        updated_at=row["updated_at"],
        state=row["state"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        last_error=row["last_error"],
        id=row["id"],
    )
