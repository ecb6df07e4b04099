"""What is published: the tables from which the whole site can be made again, byte for byte.

They stand in the database file beside the engine's. A change of the catalogue marks the pages that it touches
in the same transaction, so that a publisher that dies in between finds them marked when it starts again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4
from zoneinfo import ZoneInfo

from engine.domain.instant import Millis, to_datetime
from engine.domain.quality import quality_of
from engine.domain.snapshot import Snapshot
from engine.domain.techniques import lookup
from publisher.catalogue.changes import ALL_PAGES, DRAFTS_PREFIX, touched
from publisher.catalogue.listing import Listing, Published
from publisher.catalogue.quotes import quote_key
from publisher.catalogue.tables import TABLES, TABLES_VERSION

__all__ = ["Catalogue", "Published"]

_CACHE_KIB = 2048


class Catalogue(Listing):
    """The tables of the publisher over one connection; blocking, every verb that writes one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        # The journal's connection keeps much of the file in memory; what is published is read here and there.
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if self.meta("publisher_tables") != TABLES_VERSION:
            with self.transaction():
                self._create_tables()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is written at once, or nothing is; inside another one, as a part that can fail alone."""
        nested = self.connection.in_transaction
        self.connection.execute("SAVEPOINT part" if nested else "BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK TO part" if nested else "ROLLBACK")
            raise
        finally:
            if nested:
                self.connection.execute("RELEASE part")
        if not nested:
            self.connection.execute("COMMIT")

    def meta(self, key: str) -> str | None:
        """A value that is kept for the whole site."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row["value"])

    def set_meta(self, key: str, value: str) -> None:
        """Keep a value for the whole site."""
        self.connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )

    # What is published

    def publish(self, snapshot: Snapshot, zone: ZoneInfo, at: Millis) -> None:
        """Make a snapshot the published version of its session, and mark what it touches. ``at``: its first time.

        The same snapshot again marks the same pages and changes nothing else.
        """
        with self.transaction():
            before = self.published(snapshot.session_id)
            marked = self._affected_pages(before)
            complete = set(self.archives())
            # Publication times only rise, so that the feed's order never changes behind its readers.
            first = before.published_at if before else self._first_published(snapshot.session_id, at)
            month, number = self._feed_position(snapshot, first)
            day = to_datetime(snapshot.session_date).astimezone(zone).date().isoformat()
            quality = quality_of(snapshot.average_hrv_improvement)
            name = snapshot.instructor_name
            self.connection.execute(
                "INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    snapshot.session_id,
                    snapshot.content_id,
                    snapshot.version,
                    snapshot.model_dump_json(),
                    _excerpt(snapshot).model_dump_json(),
                    snapshot.title,
                    snapshot.session_date,
                    day,
                    snapshot.visibility,
                    name,
                    lookup.slug_of(name) if name else None,
                    bool(quality and quality.featured),
                    month,
                    number,
                    first,
                    max(at, first),
                ),
            )
            self._index_techniques(snapshot)
            self._store_quotes(snapshot, at)
            # Words that somebody took back must not go on standing in what was said before.
            self.connection.execute(
                "UPDATE snapshots SET document = json_set(document, '$.quotes', json('[]'))"
                " WHERE session_id = ? AND version < ?",
                (snapshot.session_id, snapshot.version),
            )
            self.connection.execute("DELETE FROM tombstones WHERE session_id = ?", (snapshot.session_id,))
            # A new item may complete its own part of the feed's archive, or end the month before.
            completed = {f"archive/{name}" for name in self.archives() if name not in complete}
            self.mark_dirty(marked | completed | self._affected_pages(self.published(snapshot.session_id)))

    def withdraw(self, session_id: str, at: Millis) -> bool:
        """Take a session off the site for good, and its drafts; whether there was either.

        A tombstone keeps its place in the feed.
        """
        with self.transaction():
            before = self.published(session_id)
            if before is None and not self._has_drafts(session_id):
                return False
            marked = self._affected_pages(before)
            self.connection.execute(
                "INSERT INTO tombstones"
                " SELECT session_id, feed_month, feed_number, published_at, :at FROM published"
                " WHERE session_id = :id UNION ALL SELECT :id, NULL, NULL, :at, :at LIMIT 1"
                " ON CONFLICT (session_id) DO UPDATE SET withdrawn_at = excluded.withdrawn_at",
                {"id": session_id, "at": at},
            )
            for table in ("published", "practised", "quotes", "drafts", "analytics"):
                self.connection.execute(f"DELETE FROM {table} WHERE session_id = ?", (session_id,))
            self.connection.execute(
                "DELETE FROM deliveries WHERE session_id = ? AND state = 'preparing'", (session_id,)
            )
            self.mark_dirty({*marked, DRAFTS_PREFIX + session_id})
            self.connection.execute(
                "DELETE FROM outbox WHERE session_id = ? AND state IN ('pending', 'failed')", (session_id,)
            )
        return True

    def withdrawn_at(self, session_id: str) -> Millis | None:
        """When a session was withdrawn; None when it was not."""
        row = self.connection.execute(
            "SELECT withdrawn_at FROM tombstones WHERE session_id = ?", (session_id,)
        ).fetchone()
        return None if row is None else int(row[0])

    def recompute_days(self, zone: ZoneInfo) -> None:
        """Recompute the calendar day of every published session in another time zone."""
        with self.transaction():
            rows = self.connection.execute("SELECT session_id, session_date FROM published").fetchall()
            self.connection.executemany(
                "UPDATE published SET day = ? WHERE session_id = ?",
                [
                    (to_datetime(row["session_date"]).astimezone(zone).date().isoformat(), row["session_id"])
                    for row in rows
                ],
            )

    # Which pages wait to be built

    def mark_dirty(self, pages: Iterable[str]) -> None:
        """Mark pages to be built again; marking one that is being built right now counts once more."""
        self.connection.executemany(
            "INSERT INTO marks VALUES (?, 1) ON CONFLICT (page) DO UPDATE SET times = times + 1",
            [(page,) for page in sorted(pages)],
        )

    def dirty_pages(self) -> dict[str, int]:
        """The dirty pages, each with how often it was marked; hand this to ``clear_dirty`` once they are built."""
        return {page: times for page, times in self._dirty() if not page.startswith(DRAFTS_PREFIX)}

    def drafts_to_remove(self) -> dict[str, int]:
        """The drafts to remove, as ``drafts/<session_id>``, each with how often it was marked."""
        return {mark: times for mark, times in self._dirty() if mark.startswith(DRAFTS_PREFIX)}

    def is_dirty(self) -> bool:
        """Whether any page waits to be built, or any draft to be removed."""
        return self.connection.execute("SELECT 1 FROM marks LIMIT 1").fetchone() is not None

    def clear_dirty(self, marks: Mapping[str, int]) -> None:
        """Unmark what was built; a page that was marked again since it was read stays dirty."""
        with self.transaction():
            self.connection.executemany("DELETE FROM marks WHERE page = ? AND times = ?", marks.items())

    def mark_all_dirty(self) -> None:
        """Mark the whole site to be built again."""
        self.mark_dirty([ALL_PAGES])

    # Quotes

    def quote_states(self, session_id: str) -> dict[str, str]:
        """``waiting``, ``approved`` or ``withdrawn`` by the quote's key."""
        rows = self.connection.execute("SELECT key, state FROM quotes WHERE session_id = ?", (session_id,))
        return {row["key"]: row["state"] for row in rows}

    def approved_quotes(self) -> dict[str, list[str]]:
        """The keys of the quotes that stand on pages, by session."""
        quotes: dict[str, list[str]] = {}
        for session_id, key in self.connection.execute(
            "SELECT session_id, key FROM quotes WHERE state = 'approved' ORDER BY session_id, key"
        ):
            quotes.setdefault(session_id, []).append(key)
        return quotes

    def decide_quote(self, session_id: str, key: str, state: str, at: Millis) -> bool:
        """Approve or withdraw a quote; whether it exists. Its page is marked."""
        with self.transaction():
            changed = self.connection.execute(
                "UPDATE quotes SET state = ?, updated_at = ? WHERE session_id = ? AND key = ?",
                (state, at, session_id, key),
            ).rowcount
            if changed:
                self.mark_dirty([f"session/{session_id}"])
        return bool(changed)

    # Inner parts

    def _create_tables(self) -> None:
        for statement in TABLES.split(";"):
            if statement.strip():
                self.connection.execute(statement)
        self.connection.execute("INSERT OR IGNORE INTO meta VALUES ('site_id', ?)", (uuid4().hex,))
        if self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'dirty'").fetchone():
            self.connection.execute("INSERT OR IGNORE INTO marks SELECT page, 1 FROM dirty")
            self.connection.execute("DROP TABLE dirty")
        self.set_meta("publisher_tables", TABLES_VERSION)

    def _has_drafts(self, session_id: str) -> bool:
        found = self.connection.execute("SELECT 1 FROM drafts WHERE session_id = ? LIMIT 1", (session_id,))
        return found.fetchone() is not None

    def _dirty(self) -> list[tuple[str, int]]:
        return [tuple(row) for row in self.connection.execute("SELECT page, times FROM marks ORDER BY page")]

    def _store_quotes(self, snapshot: Snapshot, at: Millis) -> None:
        state = "approved" if snapshot.approved else "waiting"
        kept = [quote_key(quote) for quote in snapshot.quotes]
        # A quote that is no longer in the snapshot was taken back by whoever said it.
        self.connection.execute(
            "DELETE FROM quotes WHERE session_id = ? AND key NOT IN (SELECT value FROM json_each(?))",
            (snapshot.session_id, json.dumps(kept)),
        )
        self.connection.executemany(
            "INSERT OR IGNORE INTO quotes VALUES (?, ?, ?, ?)",
            [(snapshot.session_id, key, state, at) for key in kept],
        )

    def _index_techniques(self, snapshot: Snapshot) -> None:
        self.connection.execute("DELETE FROM practised WHERE session_id = ?", (snapshot.session_id,))
        if snapshot.visibility != "public":
            return
        known = (lookup.find(name) for name in snapshot.breathing_techniques)
        self.connection.executemany(
            "INSERT OR IGNORE INTO practised VALUES (?, ?, ?)",
            [(each.slug, snapshot.session_date, snapshot.session_id) for each in known if each],
        )

    def _first_published(self, session_id: str, at: Millis) -> Millis:
        row = self.connection.execute(
            "SELECT published_at FROM tombstones WHERE session_id = ? AND feed_month IS NOT NULL"
            " UNION ALL SELECT max(?, coalesce(max(latest), 0)) FROM feed_months",
            (session_id, at),
        ).fetchone()
        return int(row[0])

    def _feed_position(self, snapshot: Snapshot, first: Millis) -> tuple[str | None, int | None]:
        kept = self.connection.execute(
            "SELECT feed_month, feed_number FROM published WHERE session_id = ?"
            " UNION ALL SELECT feed_month, feed_number FROM tombstones WHERE session_id = ?",
            (snapshot.session_id, snapshot.session_id),
        ).fetchone()
        if kept is not None and kept["feed_month"] is not None:
            return kept["feed_month"], kept["feed_number"]
        if snapshot.visibility != "public":
            return None, None
        newest = self.connection.execute("SELECT max(month) FROM feed_months").fetchone()[0] or ""
        month = max(to_datetime(first).strftime("%Y-%m"), newest)
        row = self.connection.execute(
            "INSERT INTO feed_months VALUES (?, 1, ?) ON CONFLICT (month) DO UPDATE SET items = items + 1,"
            " latest = max(latest, excluded.latest) RETURNING items",
            (month, first),
        ).fetchone()
        return month, int(row[0])

    def version_created_at(self, session_id: str, version: int) -> Millis | None:
        """When a version of a session's snapshot was stored; None when it is not there."""
        row = self.connection.execute(
            "SELECT created_at FROM snapshots WHERE session_id = ? AND version = ?", (session_id, version)
        ).fetchone()
        return None if row is None else int(row[0])

    def _affected_pages(self, entry: Published | None) -> set[str]:
        if entry is None:
            return set()
        neighbours = self.neighbours(entry) if entry.visibility == "public" else (None, None)
        return touched(
            entry.session_id,
            visibility=entry.visibility,
            day=entry.day,
            slugs=entry.slugs,
            instructor_slug=entry.instructor_slug,
            neighbours=tuple(each.session_id for each in neighbours if each),
            archives=(entry.archive,) if entry.archive else (),
        )


def _excerpt(snapshot: Snapshot) -> Snapshot:
    return snapshot.model_copy(update={"timeline": (), "curves": (), "milestones": (), "quotes": ()})
