"""The outbox: jobs that publish stories, queued with the last event of a session, claimed by the publisher.

Every method is one short transaction. The key of a job is ``session:channel:content_hash``: the same
content again is the same job, queued again; newer content overtakes what has not begun.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.domain.instant import SET_BACK_TOLERANCE, Millis
from engine.domain.snapshot import Snapshot
from engine.storage.database import Connection, Row
from engine.storage.rows import OutboxRow, SnapshotRow
from engine.storage.stories import SCHEDULE, queue_job, store_story
from engine.storage.story_reader import StoryReader

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
    """How often it was claimed, this time included."""


def content_hash(snapshot: Snapshot) -> str:
    """SHA-256 (hex) of a snapshot without its ``content_id`` and version."""
    content = snapshot.model_dump_json(exclude={"content_id", "version"})
    return hashlib.sha256(content.encode()).hexdigest()


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
    """The outbox as publisher, API and command line use it, over one connection of theirs. Blocking."""

    def __init__(self, connection: Connection, claimer: str = "") -> None:
        """``claimer`` is whose jobs they are that ``claim`` takes, where several publishers share the outbox."""
        self._connection = connection
        self._claimer = claimer
        self.stories = StoryReader(connection)

    def enqueue(
        self, snapshot: Snapshot, channels: Sequence[str], at: Millis, *, on_top: bool = False
    ) -> Snapshot:
        """Store a new version and queue its channels; returns it with the version and the id that it was given.

        ``on_top``: a session's own story stands over a summary that was published after it.
        """
        row, jobs = story(snapshot, channels, at)
        with self._connection.transaction():
            stored = store_story(self._connection, row, jobs, on_top=on_top)
        assert stored is not None
        return snapshot.model_copy(update={"version": stored.version, "content_id": stored.content_id})

    def queue(self, jobs: Sequence[OutboxRow]) -> None:
        """Queue jobs that need no new snapshot."""
        with self._connection.transaction():
            store_story(self._connection, None, jobs)

    def id_differing_by_case(self, session_id: str) -> str | None:
        """The id of a session with a job that is not over, which differs from this one by case alone; None without one."""
        found: str | None = self._connection.value(
            "SELECT session_id FROM outbox WHERE state IN ('pending', 'running') AND lower(session_id) = :folded"
            " AND session_id <> :id LIMIT 1",
            folded=session_id.lower(),
            id=session_id,
        )
        return found

    def claim(self, at: Millis, limit: int = 20, *, patience: Millis = 0) -> list[Job]:
        """Take the jobs that are due, oldest first, and mark them running.

        ``patience`` leaves those to other publishers that have been due for less. One that waits to be tried again while its channel has gone on to newer content is removed instead. Where the
        clock was set back meanwhile, each waits for what was left of its pause.
        """
        with self._connection.transaction():
            self._connection.execute(
                "UPDATE outbox SET next_attempt_at = :at + next_attempt_at - updated_at, updated_at = :at"
                " WHERE state = 'pending' AND updated_at > :ahead",
                at=at,
                ahead=at + SET_BACK_TOLERANCE,
            )
            due = self._connection.rows(
                "SELECT outbox.*, (SELECT count(*) FROM outbox newer WHERE newer.session_id = outbox.session_id"
                " AND newer.channel = outbox.channel AND newer.version > outbox.version) AS newer"
                " FROM outbox WHERE state = 'pending' AND next_attempt_at <= :at"
                " ORDER BY next_attempt_at, id LIMIT :limit",
                at=at - patience,
                limit=limit,
            )
            self._connection.many(
                "DELETE FROM outbox WHERE id = :id", [{"id": row["id"]} for row in due if row["newer"]]
            )
            rows = [row for row in due if not row["newer"]]
            self._connection.many(
                "UPDATE outbox SET state = 'running', attempts = attempts + 1, updated_at = :at, claimed_by = :claimer"
                " WHERE id = :id",
                [{"at": at, "id": row["id"], "claimer": self._claimer} for row in rows],
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
        due: Millis | None = self._connection.value(
            "SELECT min(next_attempt_at) FROM outbox WHERE state = 'pending'"
        )
        return due

    def done(self, job: Job, at: Millis | None = None) -> None:
        """Mark a job as done. One that was queued again meanwhile stays queued."""
        self._finish(job, "done", None, None, at)

    def failed(self, job: Job, error: str, next_attempt_at: Millis | None, at: Millis | None = None) -> None:
        """Mark a job as failed: tried again at ``next_attempt_at``, or with None not by itself."""
        state = "failed" if next_attempt_at is None else "pending"
        self._finish(job, state, error, next_attempt_at, at)

    def of(self, session_id: str) -> list[OutboxRow]:
        """The newest row of each channel of a session, by channel."""
        rows = self._connection.rows(
            "SELECT * FROM outbox WHERE session_id = :id ORDER BY channel, version, updated_at, id",
            id=session_id,
        )
        return list({row["channel"]: _row(row) for row in rows}.values())

    def retry(self, session_id: str, channels: Sequence[str], at: Millis) -> list[OutboxRow]:
        """Queue the newest row of the channels again, whatever its state but running; returns those rows."""
        with self._connection.transaction():
            wanted = [
                row for row in self.of(session_id) if row.channel in channels and row.state != "running"
            ]
            for row in wanted:
                queue_job(self._connection, replace(row, updated_at=at, next_attempt_at=at))
            return [row for row in self.of(session_id) if row.channel in channels]

    def drop_waiting(self, session_id: str) -> None:
        """Remove a session's jobs that wait or failed; those that run end by themselves."""
        self._connection.execute(
            "DELETE FROM outbox WHERE session_id = :id AND state IN ('pending', 'failed')", id=session_id
        )

    def requeue_interrupted(self, claimer: str | None = None) -> int:
        """Queue again the jobs that a dead publisher left running; returns how many.

        Without ``claimer`` those of the publisher before this one, to be called at the start.
        """
        mine = claimer is None or claimer == self._claimer
        return self._connection.execute(
            "UPDATE outbox SET state = 'pending', next_attempt_at = updated_at"
            f" WHERE state = 'running' AND (claimed_by = :claimer{' OR claimed_by IS NULL' if mine else ''})",
            claimer=self._claimer if claimer is None else claimer,
        )

    def other_claimers(self) -> list[str]:
        """The other publishers that have jobs running."""
        rows = self._connection.rows(
            "SELECT DISTINCT claimed_by FROM outbox WHERE state = 'running' AND claimed_by <> :claimer",
            claimer=self._claimer,
        )
        return [row["claimed_by"] for row in rows]

    def give_back(self) -> int:
        """Queue again what runs here, as if it had not been claimed: the database was away, which is no job's fault."""
        return self._connection.execute(
            "UPDATE outbox SET state = 'pending', next_attempt_at = updated_at, attempts = attempts - 1"
            " WHERE state = 'running' AND claimed_by = :claimer",
            claimer=self._claimer,
        )

    # What there is in it

    def session_ids(self) -> list[str]:
        """Every session with a job, the one that changed last first."""
        rows = self._connection.rows(
            "SELECT session_id, max(updated_at) AS at FROM outbox GROUP BY session_id ORDER BY at DESC, session_id"
        )
        return [row["session_id"] for row in rows]

    def unfinished(self, at: Millis | None = None) -> int:
        """How many jobs run or wait; with ``at`` only those that are due by then."""
        due = "" if at is None else " AND next_attempt_at <= :at"
        values = {} if at is None else {"at": at}
        return int(
            self._connection.value(
                f"SELECT count(*) FROM outbox WHERE state IN ('pending', 'running'){due}", **values
            )
        )

    def failed_sessions(self) -> int:
        """How many sessions have a channel that was given up."""
        return int(
            self._connection.value("SELECT count(DISTINCT session_id) FROM outbox WHERE state = 'failed'")
        )

    def _finish(
        self, job: Job, state: str, error: str | None, next_attempt_at: Millis | None, at: Millis | None
    ) -> None:
        self._connection.execute(
            "UPDATE outbox SET state = :state, last_error = :error, next_attempt_at = :due,"
            " updated_at = coalesce(:at, updated_at) WHERE id = :id AND version = :version AND state = 'running'",
            state=state,
            error=error,
            due=next_attempt_at,
            at=at,
            id=job.id,
            version=job.version,
        )


def _row(row: Row) -> OutboxRow:
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
