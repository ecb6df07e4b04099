"""Writes the versions of a session's story and the jobs that publish them.

Every function works inside its caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from engine.storage.database import Connection
from engine.storage.rows import OutboxRow, SnapshotRow

__all__ = [
    "COMPUTED",
    "QUOTED",
    "SCHEDULE",
    "dumped",
    "filter_quotes",
    "filtered",
    "queue_job",
    "quoted",
    "remove_quotes",
    "store_story",
]

SCHEDULE = "schedule"
"""The channel of the rooms' calendar; its jobs have no snapshot, and a room's sequence as version."""

QUOTED: Final = {"quoted": '%"quotes":[{%', "spaced": '%"quotes": [{%'}
"""Patterns of a document that has quotes, as ``LIKE`` takes them: with and without a space after the colon."""

_Document: TypeAlias = dict[str, Any]

COMPUTED: Final[Mapping[str, Any]] = {
    "curves": [],
    "milestones": [],
    "achievements": [],
    "key_achievements": [],
    "average_hrv_improvement": None,
    "average_rating": None,
}
"""A live session's story tells computed figures; those of a summary were stated, and stay."""


def dumped(document: _Document) -> str:
    """A document as its column holds it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def store_story(
    connection: Connection,
    snapshot: SnapshotRow | None,
    jobs: Sequence[OutboxRow],
    *,
    on_top: bool = False,
) -> SnapshotRow | None:
    """Write a snapshot and jobs; returns the snapshot as stored.

    A version that is taken (a summary came in over the API for the same session) becomes the next free one. A live
    session's story that is retold once such a summary stands over it replaces only what it told before: its own newest
    version, and the channels that the summary left to it. ``on_top``: it stands over the summary instead.
    """
    if snapshot is None:
        for job in jobs:
            queue_job(connection, job)
        return None
    document = json.loads(snapshot.document)
    live = document["source"] == "live"
    # What a person withdrew must not stay in an older version: their quotes, and their share of the figures,
    # which could be computed from the figures before and after.
    earlier = _rewrite(
        connection, snapshot.session_id, _without_quotes_and_figures if live else _without_quotes
    )
    own = max((version for version, source in earlier.items() if source == "live"), default=None)
    if on_top or not live or own is None or own == max(earlier):
        stored = _add(connection, snapshot, document, after=max(earlier, default=0))
    else:
        jobs = [
            job for job in jobs if job.channel == SCHEDULE or not _is_from_summary(connection, job, earlier)
        ]
        stored = _replace(connection, snapshot, document, version=own)
    for job in jobs:
        queue_job(connection, job if job.channel == SCHEDULE else replace(job, version=stored.version))
    return stored


def remove_quotes(connection: Connection, session_id: str, *, before: int) -> None:
    """Remove the quotes from a session's stories older than a version."""
    _rewrite(connection, session_id, _without_quotes, before=before)


def quoted(connection: Connection) -> list[tuple[str, int]]:
    """Session and version of every story that has quotes; a few more may be among them."""
    rows = connection.rows(
        "SELECT session_id, version FROM snapshots WHERE document LIKE :quoted OR document LIKE :spaced"
        " ORDER BY session_id, version",
        **QUOTED,
    )
    return [(row["session_id"], row["version"]) for row in rows]


def filtered(
    connection: Connection, session_id: str, version: int, keep: Callable[[_Document], list[Any]]
) -> _Document | None:
    """A story without the quotes that ``keep`` does not pick from its document; None where it keeps all of them."""
    text = connection.value(
        "SELECT document FROM snapshots WHERE session_id = :id AND version = :version",
        id=session_id,
        version=version,
    )
    document: _Document = json.loads(text or "{}")
    kept = keep(document)
    return None if len(kept) == len(document.get("quotes", ())) else {**document, "quotes": kept}


def filter_quotes(
    connection: Connection, session_id: str, version: int, keep: Callable[[_Document], list[Any]]
) -> bool:
    """Remove the quotes of a story that ``keep`` does not pick from its document; returns whether any went."""
    document = filtered(connection, session_id, version, keep)
    if document is None:
        return False
    connection.execute(
        "UPDATE snapshots SET document = :document WHERE session_id = :id AND version = :version",
        document=dumped(document),
        id=session_id,
        version=version,
    )
    return True


def _rewrite(
    connection: Connection,
    session_id: str,
    change: Callable[[_Document], _Document],
    *,
    before: int | None = None,
) -> dict[int, str | None]:
    """Change a session's stored stories, those older than a version; returns the source of each by its version."""
    rows = connection.rows(
        "SELECT version, document FROM snapshots WHERE session_id = :id ORDER BY version", id=session_id
    )
    sources: dict[int, str | None] = {}
    for row in rows:
        if before is not None and row["version"] >= before:
            continue
        document = json.loads(row["document"])
        sources[row["version"]] = document.get("source")
        changed = change(document)
        if changed != document:
            connection.execute(
                "UPDATE snapshots SET document = :document WHERE session_id = :id AND version = :version",
                document=dumped(changed),
                id=session_id,
                version=row["version"],
            )
    return sources


def _without_quotes(document: _Document) -> _Document:
    return {**document, "quotes": []}


def _without_quotes_and_figures(document: _Document) -> _Document:
    computed = COMPUTED if document.get("source") == "live" else {}
    return {**document, "quotes": [], **computed}


def _add(connection: Connection, snapshot: SnapshotRow, document: _Document, *, after: int) -> SnapshotRow:
    if snapshot.version <= after:
        snapshot = replace(snapshot, version=after + 1, document=dumped({**document, "version": after + 1}))
    connection.execute(
        "INSERT INTO snapshots (session_id, version, content_id, document, created_at)"
        " VALUES (:session_id, :version, :content_id, :document, :created_at)",
        session_id=snapshot.session_id,
        version=snapshot.version,
        content_id=snapshot.content_id,
        document=snapshot.document,
        created_at=snapshot.created_at,
    )
    return snapshot


def _replace(
    connection: Connection, snapshot: SnapshotRow, document: _Document, *, version: int
) -> SnapshotRow:
    """Write a story in the place of an older one, under the older one's publication."""
    content_id = connection.value(
        "SELECT content_id FROM snapshots WHERE session_id = :id AND version = :version",
        id=snapshot.session_id,
        version=version,
    )
    text = dumped({**document, "version": version, "content_id": content_id})
    connection.execute(
        "UPDATE snapshots SET document = :document, created_at = :at WHERE session_id = :id AND version = :version",
        document=text,
        at=snapshot.created_at,
        id=snapshot.session_id,
        version=version,
    )
    return replace(snapshot, version=version, content_id=content_id, document=text)


def _is_from_summary(connection: Connection, job: OutboxRow, sources: Mapping[int, str | None]) -> bool:
    """Whether what a channel told last is not the session's own story. ``sources``: of each stored version."""
    rows = connection.rows(
        "SELECT version FROM outbox WHERE session_id = :id AND channel = :channel ORDER BY version DESC, id DESC",
        id=job.session_id,
        channel=job.channel,
    )
    found = [sources[row["version"]] for row in rows if row["version"] in sources]
    return bool(found) and found[0] != "live"


def queue_job(connection: Connection, job: OutboxRow) -> None:
    """Queue a job inside the caller's transaction, in place of older ones of its channel that have not begun."""
    connection.execute(
        "DELETE FROM outbox WHERE session_id = :id AND channel = :channel AND content_hash <> :hash"
        " AND state IN ('pending', 'failed')",
        id=job.session_id,
        channel=job.channel,
        hash=job.content_hash,
    )
    connection.execute(
        "INSERT INTO outbox (session_id, channel, version, content_hash, state, attempts, next_attempt_at,"
        " last_error, updated_at) VALUES (:id, :channel, :version, :hash, 'pending', 0, :due, NULL, :at)"
        " ON CONFLICT (session_id, channel, content_hash) DO UPDATE SET version = excluded.version,"
        " state = 'pending', attempts = 0, next_attempt_at = excluded.next_attempt_at, last_error = NULL,"
        " updated_at = excluded.updated_at",
        id=job.session_id,
        channel=job.channel,
        version=job.version,
        hash=job.content_hash,
        due=job.next_attempt_at or job.updated_at,
        at=job.updated_at,
    )
