"""What the command line does with the publisher: blocking functions, each over a connection of its own.

Where a publisher runs on the same data folder, they queue or mark the work and wait until it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

from pydantic import ValidationError

from engine.domain.channels import IMPORT_CHANNELS
from engine.domain.instant import Millis, iso
from engine.domain.labels import Visibility
from engine.domain.snapshot import Snapshot
from engine.storage.database import Database
from engine.storage.outbox import Outbox
from publisher.catalogue.changes import ALL_PAGES
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.published import Catalogue
from publisher.content import ANY_AGE, SessionContentStrict, field_errors, snapshot_of
from publisher.import_reader import read_sessions
from publisher.jobs import JobRunner
from publisher.site.search import update_index
from publisher.worker import Busy, publisher_lock

__all__ = ["export", "import_file", "list_publications", "rebuild", "retry", "unpublish"]

Progress = Callable[[int, int], None]

_LINES_IN_MEMORY = 500
_SNAPSHOTS_PER_TRANSACTION = 50
"""A live session beside this writes its journal into the same file: transactions are short."""
_LOOK_EVERY_S = 0.2


def _now() -> Millis:
    return time.time_ns() // 1_000_000


def rebuild(data: Path, database: Database, output: Path | None, progress: Progress) -> int:
    """Build the whole site into ``output``, or in the place of ``public/``; returns its number of files.

    While a server runs, its own publisher rebuilds ``public/`` and this waits for it, but not for cards: those that have
    to be drawn again follow the pages.
    """
    with database.connect() as connection:
        catalogue = Catalogue(connection)
        if output is not None:
            files = JobRunner(data, catalogue, Outbox(connection)).setup.site_builder.rebuild(
                output, progress=progress
            )
            update_index(output, catalogue)
            return files
        try:
            with publisher_lock(data, database):
                jobs = JobRunner(data, catalogue, Outbox(connection))
                catalogue.mark_all_dirty()
                jobs.run_due(0, progress=progress)
                while jobs.draw_cards(0, wait_s=_LOOK_EVERY_S):
                    pass
        except Busy:
            catalogue.mark_all_dirty()
            while ALL_PAGES in catalogue.dirty_pages():
                time.sleep(_LOOK_EVERY_S)
    return sum(1 for file in (data / "public").rglob("*") if file.is_file())


def import_file(data: Path, database: Database, file: Path, progress: Progress) -> tuple[int, list[str]]:
    """Publish the sessions of a JSON Lines file, of any age, in one pass over the site.

    Returns how many were imported, and a sentence for each line that was refused. A session that is published
    already is replaced.

    Raises:
        UnreadableImport: nothing of the file can be read.
    """
    refused: list[str] = []
    imported = 0
    with database.connect() as connection:
        catalogue = Catalogue(connection)
        outbox = Outbox(connection)
        snapshots: list[Snapshot] = []
        for place, found in read_sessions(file):
            snapshot = found if isinstance(found, str) else _parsed(found)
            if isinstance(snapshot, str):
                refused.append(f"{place}: {snapshot}")
                continue
            snapshots.append(snapshot)
            imported += 1
            if len(snapshots) == _LINES_IN_MEMORY:
                _queue(catalogue, outbox, snapshots)
                snapshots = []
        _queue(catalogue, outbox, snapshots)
        _publish_queued(data, database, catalogue, outbox, progress)
    return imported, refused


def _parsed(body: dict[str, Any]) -> Snapshot | str:
    """The snapshot of an imported session, or the reason why it is refused."""
    visibility = body.pop("visibility", "public")
    if visibility not in get_args(Visibility):
        return "visibility: one of public, unlisted, private"
    try:
        content = SessionContentStrict.model_validate(body, context=ANY_AGE)
    except ValidationError as error:
        return "; ".join(f"{field}: {reason}" for field, reason in field_errors(error).items())
    if not content.published:
        return "published: false, so it may not go live"
    return snapshot_of(
        content,
        content_id=str(uuid4()),
        source="import",
        channels=("web",),
        approved=True,
        visibility=visibility,
    )


def _queue(catalogue: Catalogue, outbox: Outbox, snapshots: list[Snapshot]) -> None:
    now = _now()
    for start in range(0, len(snapshots), _SNAPSHOTS_PER_TRANSACTION):
        with catalogue.transaction():
            for snapshot in snapshots[start : start + _SNAPSHOTS_PER_TRANSACTION]:
                outbox.enqueue(snapshot, IMPORT_CHANNELS, now)


def _publish_queued(
    data: Path, database: Database, catalogue: Catalogue, outbox: Outbox, progress: Progress
) -> None:
    """Run the queued jobs, or wait until the running publisher has."""
    try:
        with publisher_lock(data, database):
            jobs = JobRunner(data, catalogue, outbox)
            jobs.run_due(_now(), limit=1_000_000, progress=progress)
    except Busy:
        total = outbox.unfinished(_now())
        while waiting := outbox.unfinished(_now()):
            progress(max(0, total - waiting), total)
            time.sleep(_LOOK_EVERY_S)
        progress(total, total)


def export(database: Database) -> Iterator[dict[str, Any]]:
    """Every published session as ``import_file`` takes it, by date."""
    with database.connect() as connection:
        for snapshot in Catalogue(connection).snapshots():
            yield _content_of(snapshot)


def _content_of(snapshot: Snapshot) -> dict[str, Any]:
    content = SessionContentStrict.model_validate(
        {
            "title": snapshot.title,
            "content": snapshot.content or snapshot.title,
            "session_id": snapshot.session_id,
            "session_duration": snapshot.session_duration,
            "participant_count": snapshot.participant_count,
            "breathing_techniques": list(snapshot.breathing_techniques),
            "average_hrv_improvement": snapshot.average_hrv_improvement,
            "key_achievements": list(snapshot.key_achievements or (a.title for a in snapshot.achievements))[
                :10
            ],
            "session_type": snapshot.session_type,
            "instructor_name": snapshot.instructor_name,
            "session_date": iso(snapshot.session_date),
            "metrics_summary": snapshot.metrics_summary,
            "participant_feedback": {
                "items": [{"participant_name": n, "comment": c} for n, c in snapshot.participant_feedback]
            },
        },
        context=ANY_AGE,
    )
    return {**content.model_dump(mode="json"), "visibility": snapshot.visibility}


def list_publications(database: Database, session_id: str | None) -> list[dict[str, Any]]:
    """The newest job of each channel, and how many mails there are of each kind and state; of all sessions, or of one.

    Keys: session_id, channel, state, attempts, last_error, updated_at; for mails ``mails`` says how many.
    """
    with database.connect() as connection:
        outbox = Outbox(connection)
        deliveries = Deliveries(Catalogue(connection))
        listed: list[dict[str, Any]] = []
        for each in outbox.session_ids() if session_id is None else [session_id]:
            listed += [
                {
                    "session_id": row.session_id,
                    "channel": row.channel,
                    "state": row.state,
                    "attempts": row.attempts,
                    "last_error": row.last_error,
                    "updated_at": iso(row.updated_at),
                }
                for row in outbox.of(each)
            ]
            listed += [
                {
                    "session_id": each,
                    "channel": f"mail: {row['kind']}",
                    "state": row["state"],
                    "attempts": row["attempts"],
                    "last_error": row["error"],
                    "updated_at": iso(row["updated_at"]),
                    "mails": row["mails"],
                }
                for row in deliveries.by_kind_and_state(each)
            ]
        return listed


def retry(database: Database, session_id: str) -> list[str]:
    """Queue the failed channels and mails of a session again; without any, every channel. Returns what was queued.

    Raises:
        KeyError: nothing of this session was ever queued.
    """
    with database.connect() as connection:
        outbox = Outbox(connection)
        rows = outbox.of(session_id)
        if not rows:
            raise KeyError(session_id)
        mails = Deliveries(Catalogue(connection)).retry_failed(session_id, _now())
        failed = [row.channel for row in rows if row.state == "failed" or row.last_error]
        wanted = failed or ([] if mails else [row.channel for row in rows])
        queued = [row.channel for row in outbox.retry(session_id, wanted, _now())] if wanted else []
        return [*queued, *([f"{mails} mails"] if mails else [])]


def unpublish(data: Path, database: Database, session_id: str) -> None:
    """Withdraw a session from its page, lists, feed, search and drafts; returns when its files are gone.

    Raises:
        KeyError: it is not published.
    """
    with database.connect() as connection:
        catalogue = Catalogue(connection)
        if not catalogue.withdraw(session_id, _now()):
            raise KeyError(session_id)
        try:
            with publisher_lock(data, database):
                JobRunner(data, catalogue, Outbox(connection)).run_due(0)
        except Busy:
            while catalogue.is_dirty():
                time.sleep(_LOOK_EVERY_S)
