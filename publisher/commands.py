"""What the command line does with the publisher: blocking functions, each over a connection of its own.

Where a publisher runs on the same data folder, they queue or mark the work and wait until it is done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.domain.instant import Millis, iso
from engine.storage.database import Database
from engine.storage.outbox import Outbox
from publisher.catalogue.changes import ALL_PAGES
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.published import Catalogue
from publisher.catalogue.sites import site_for
from publisher.exported_line import line_of
from publisher.importing import Imported, Progress, import_file
from publisher.jobs import JobRunner
from publisher.single_round import run_single_round
from publisher.site.search import update_index
from publisher.worker import Busy

__all__ = ["Imported", "export", "import_file", "list_publications", "rebuild", "retry", "unpublish"]

_LOOK_EVERY_S = 0.2


def _now() -> Millis:
    return time.time_ns() // 1_000_000


def rebuild(data: Path, database: Database, output: Path | None, progress: Progress) -> int:
    """Build the whole site into ``output``, or in the place of ``public/``; returns its number of files.

    While a server runs, its own publisher rebuilds ``public/`` and this waits for it, but not for cards: those that have
    to be drawn again follow the pages.
    """
    with database.connect() as connection:
        catalogue = Catalogue(connection, site_for(data, database))
        if output is not None:
            setup = JobRunner(data, catalogue, Outbox(connection, site_for(data, database))).setup
            files = setup.site_builder.rebuild(output, progress=progress)
            update_index(output, catalogue, setup.studio.language)
            return files
        try:
            run_single_round(data, database, catalogue, 0, progress=progress, whole_site=True)
        except Busy:
            catalogue.dirty.mark_all()
            while ALL_PAGES in catalogue.dirty.pages():
                time.sleep(_LOOK_EVERY_S)
    return sum(1 for file in (data / "public").rglob("*") if file.is_file())


def export(database: Database) -> Iterator[dict[str, Any]]:
    """Everything that is published of every session, as an import takes it, by date."""
    with database.connect() as connection:
        catalogue = Catalogue(connection)
        for snapshot in catalogue.snapshots():
            entry = catalogue.published(snapshot.session_id)
            # One may be withdrawn meanwhile.
            if entry is not None:
                yield line_of(snapshot, entry, catalogue.quotes.states(snapshot.session_id))


def list_publications(database: Database, session_id: str | None) -> list[dict[str, Any]]:
    """The newest job of each channel, and how many mails there are of each kind and state; of all sessions, or of one.

    Keys: session_id, channel, state, attempts, last_error, updated_at; for mails ``mails`` says how many, for channels
    ``withdrawn_at`` when the story was withdrawn, or None. The mails that ask for a confirmation have no session: theirs
    is empty.
    """
    with database.connect() as connection:
        outbox, catalogue = Outbox(connection), Catalogue(connection)
        deliveries = Deliveries(catalogue)
        listed: list[dict[str, Any]] = []
        for each in [*outbox.session_ids(), ""] if session_id is None else [session_id]:
            withdrawn_at = catalogue.withdrawn_at(each)
            listed += [
                {
                    "session_id": row.session_id,
                    "channel": row.channel,
                    "state": row.state,
                    "attempts": row.attempts,
                    "last_error": row.last_error,
                    "updated_at": iso(row.updated_at),
                    "withdrawn_at": None if withdrawn_at is None else iso(withdrawn_at),
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
        catalogue = Catalogue(connection, site_for(data, database))
        if not catalogue.withdraw(session_id, _now()):
            raise KeyError(session_id)
        try:
            run_single_round(data, database, catalogue, 0)
        except Busy:
            while catalogue.dirty.any():
                time.sleep(_LOOK_EVERY_S)
