"""What is published: the tables from which the whole site can be made again, byte for byte.

They stand in the database file beside the engine's. A change of the catalogue marks the pages that it touches
in the same transaction, so that a publisher that dies in between finds them marked when it starts again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4
from zoneinfo import ZoneInfo

from engine.domain import techniques
from engine.domain.instant import Millis, to_datetime
from engine.domain.quality import quality_of
from engine.domain.snapshot import Snapshot
from publisher.changes import ARCHIVE_SIZE, EVERYTHING, touched
from publisher.quotes import key_of

__all__ = ["Catalogue", "Published"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS published (
    session_id TEXT PRIMARY KEY,
    content_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    gist TEXT NOT NULL,
    title TEXT NOT NULL,
    session_date INTEGER NOT NULL,
    day TEXT NOT NULL,
    visibility TEXT NOT NULL,
    instructor TEXT,
    instructor_slug TEXT,
    featured INTEGER NOT NULL,
    feed_month TEXT,
    feed_number INTEGER,
    published_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS published_by_date ON published (visibility, session_date, session_id);
CREATE INDEX IF NOT EXISTS published_by_day ON published (visibility, day, session_date);
CREATE INDEX IF NOT EXISTS published_by_instructor ON published (visibility, instructor_slug, session_date);
CREATE INDEX IF NOT EXISTS published_by_feature ON published (visibility, featured, session_date);
CREATE INDEX IF NOT EXISTS published_by_feed ON published (visibility, feed_month, feed_number);
CREATE TABLE IF NOT EXISTS feed_months (
    month TEXT PRIMARY KEY,
    items INTEGER NOT NULL,
    latest INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS practised (
    slug TEXT NOT NULL,
    session_date INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    PRIMARY KEY (slug, session_date, session_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS practised_by_session ON practised (session_id);
CREATE TABLE IF NOT EXISTS tombstones (
    session_id TEXT PRIMARY KEY,
    feed_month TEXT,
    feed_number INTEGER,
    published_at INTEGER NOT NULL,
    withdrawn_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quotes (
    session_id TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dirty (page TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS drafts (
    session_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    edited TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, channel)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS analytics (
    session_id TEXT PRIMARY KEY,
    session_date INTEGER NOT NULL,
    document TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS analytics_by_date ON analytics (session_date);
CREATE TABLE IF NOT EXISTS subscribers (
    address TEXT PRIMARY KEY,
    shown TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    address TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    error TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, kind, recipient)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, due_at);
"""


@dataclass(frozen=True, slots=True)
class Published:
    """A published session as lists show it."""

    session_id: str
    title: str
    session_date: Millis
    day: str
    """``2024-03-21`` in the studio's zone."""
    visibility: str
    instructor: str | None
    instructor_slug: str | None
    featured: bool
    feed_month: str | None
    feed_number: int | None
    published_at: Millis
    updated_at: Millis
    slugs: tuple[str, ...] = ()
    """Of the catalogue's techniques that were practised."""

    @property
    def month(self) -> str:
        """``2024-03``."""
        return self.day[:7]

    @property
    def archive(self) -> str | None:
        """The part of the feed's archive that the session belongs to: ``2024-03-1``."""
        if self.feed_month is None or self.feed_number is None:
            return None
        return f"{self.feed_month}-{(self.feed_number - 1) // ARCHIVE_SIZE + 1}"


_COLUMNS = (
    "session_id, title, session_date, day, visibility, instructor, instructor_slug, featured, feed_month,"
    " feed_number, published_at, updated_at"
)


class Catalogue:
    """The tables of the publisher over one connection; blocking, every verb that writes one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        known = connection.execute("SELECT value FROM meta WHERE key = 'site_id'").fetchone()
        if known is None:
            with self.transaction():
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute("INSERT OR IGNORE INTO meta VALUES ('site_id', ?)", (uuid4().hex,))

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

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Everything read inside is of one moment, whatever others write meanwhile."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
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
            marked = self._around(before)
            complete = set(self.archives())
            # Publication times only rise, so that the feed's order never changes behind its readers.
            first = before.published_at if before else self._first_published(snapshot.session_id, at)
            month, number = self._place_in_feed(snapshot, first)
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
                    _gist(snapshot).model_dump_json(),
                    snapshot.title,
                    snapshot.session_date,
                    day,
                    snapshot.visibility,
                    name,
                    techniques.slug_of(name) if name else None,
                    bool(quality and quality.featured),
                    month,
                    number,
                    first,
                    max(at, first),
                ),
            )
            self._practised(snapshot)
            self._quotes(snapshot, at)
            self.connection.execute("DELETE FROM tombstones WHERE session_id = ?", (snapshot.session_id,))
            # A new item may complete its own part of the feed's archive, or end the month before.
            completed = {f"archive/{name}" for name in self.archives() if name not in complete}
            self.mark(marked | completed | self._around(self.published(snapshot.session_id)))

    def withdraw(self, session_id: str, at: Millis) -> bool:
        """Take a session off the site for good; whether it was on it. A tombstone keeps its place in the feed."""
        with self.transaction():
            before = self.published(session_id)
            if before is None:
                return False
            marked = self._around(before)
            self.connection.execute(
                "INSERT OR REPLACE INTO tombstones"
                " SELECT session_id, feed_month, feed_number, published_at, ? FROM published"
                " WHERE session_id = ?",
                (at, session_id),
            )
            for table in ("published", "practised", "quotes", "drafts", "analytics"):
                self.connection.execute(f"DELETE FROM {table} WHERE session_id = ?", (session_id,))
            self.connection.execute(
                "DELETE FROM deliveries WHERE session_id = ? AND state = 'preparing'", (session_id,)
            )
            self.mark({*marked, f"drafts/{session_id}"})
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

    def published(self, session_id: str) -> Published | None:
        """The list entry of a published session."""
        rows = self._list("WHERE session_id = ?", session_id)
        if not rows:
            return None
        slugs = self.connection.execute(
            "SELECT slug FROM practised WHERE session_id = ? ORDER BY slug", (session_id,)
        ).fetchall()
        return _entry(rows[0], tuple(row["slug"] for row in slugs))

    def snapshot(self, session_id: str) -> Snapshot | None:
        """The published version of a session."""
        row = self.connection.execute(
            "SELECT document FROM published WHERE session_id = ?", (session_id,)
        ).fetchone()
        return Snapshot.model_validate_json(row["document"]) if row else None

    def gist(self, session_id: str) -> Snapshot | None:
        """The published version without timeline, curves and quotes: what feeds and cards tell of, quickly read."""
        row = self.connection.execute(
            "SELECT gist FROM published WHERE session_id = ?", (session_id,)
        ).fetchone()
        return Snapshot.model_validate_json(row["gist"]) if row else None

    def rezone(self, zone: ZoneInfo) -> None:
        """Move every session to the day it has in another zone."""
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

    def mark(self, pages: Iterable[str]) -> None:
        """These pages are to be built again."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO dirty VALUES (?)", [(page,) for page in sorted(pages)]
        )

    def marked(self) -> list[str]:
        """The pages that wait, in no special order."""
        return [row["page"] for row in self.connection.execute("SELECT page FROM dirty ORDER BY page")]

    def built(self, pages: Iterable[str]) -> None:
        """These pages are on the disk."""
        with self.transaction():
            self.connection.executemany("DELETE FROM dirty WHERE page = ?", [(page,) for page in pages])

    def mark_everything(self) -> None:
        """The whole site is to be built again."""
        self.mark([EVERYTHING])

    # Lists, of public sessions only

    def count(self) -> int:
        """How many public sessions there are."""
        return self._number("SELECT count(*) FROM published WHERE visibility = 'public'")

    def newest(self, limit: int) -> list[Published]:
        """By date, the newest first."""
        return self._entries(
            "WHERE visibility = 'public' ORDER BY session_date DESC, session_id DESC LIMIT ?", limit
        )

    def featured(self, limit: int) -> list[Published]:
        """Those whose score asks for it, the newest first."""
        return self._entries(
            "WHERE visibility = 'public' AND featured = 1 ORDER BY session_date DESC, session_id DESC LIMIT ?",
            limit,
        )

    def neighbours(self, entry: Published) -> tuple[Published | None, Published | None]:
        """The public sessions before and after one, by date."""
        at = (entry.session_date, entry.session_id)
        earlier = self._entries(
            "WHERE visibility = 'public' AND (session_date, session_id) < (?, ?)"
            " ORDER BY session_date DESC, session_id DESC LIMIT 1",
            *at,
        )
        later = self._entries(
            "WHERE visibility = 'public' AND (session_date, session_id) > (?, ?)"
            " ORDER BY session_date, session_id LIMIT 1",
            *at,
        )
        return (earlier[0] if earlier else None, later[0] if later else None)

    def days(self, prefix: str) -> list[tuple[str, int]]:
        """Days that begin with a prefix (``2024-03``) and how many sessions each has, in order."""
        rows = self.connection.execute(
            "SELECT day, count(*) AS n FROM published WHERE visibility = 'public' AND day >= ? AND day < ?"
            " GROUP BY day ORDER BY day",
            (prefix, prefix + "~"),
        )
        return [(row["day"], row["n"]) for row in rows]

    def of_day(self, day: str, limit: int | None = None) -> list[Published]:
        """The sessions of a day, in order."""
        return self._entries(
            "WHERE visibility = 'public' AND day = ? ORDER BY session_date, session_id LIMIT ?",
            day,
            -1 if limit is None else limit,
        )

    def months(self) -> list[tuple[str, int]]:
        """Months with sessions and how many each has, in order."""
        rows = self.connection.execute(
            "SELECT substr(day, 1, 7) AS month, count(*) AS n FROM published WHERE visibility = 'public'"
            " GROUP BY month ORDER BY month"
        )
        return [(row["month"], row["n"]) for row in rows]

    def of_month(self, month: str) -> Iterator[Published]:
        """The sessions of a month, in order."""
        rows = self._list(
            "WHERE visibility = 'public' AND day >= ? AND day < ? ORDER BY session_date, session_id",
            month,
            month + "~",
        )
        return (_entry(row) for row in rows)

    def with_technique(self, slug: str, limit: int) -> tuple[list[Published], int]:
        """The newest public sessions with a technique, and how many there are."""
        rows = self.connection.execute(
            "SELECT session_id FROM practised WHERE slug = ? ORDER BY session_date DESC, session_id DESC LIMIT ?",
            (slug, limit),
        ).fetchall()
        entries = [self.published(row["session_id"]) for row in rows]
        total = self._number("SELECT count(*) FROM practised WHERE slug = ?", slug)
        return [entry for entry in entries if entry], total

    def instructors(self) -> list[tuple[str, str, int]]:
        """(slug, name, sessions) of everybody who led a public session, by slug; the newest spelling of the name."""
        rows = self.connection.execute(
            "SELECT instructor_slug AS slug, count(*) AS n FROM published"
            " WHERE visibility = 'public' AND instructor_slug IS NOT NULL"
            " GROUP BY instructor_slug ORDER BY instructor_slug"
        ).fetchall()
        return [(row["slug"], self.led_by(row["slug"], 1)[0].instructor or "", row["n"]) for row in rows]

    def led_by(self, slug: str, limit: int) -> list[Published]:
        """The newest public sessions of an instructor."""
        return self._entries(
            "WHERE visibility = 'public' AND instructor_slug = ? ORDER BY session_date DESC, session_id DESC LIMIT ?",
            slug,
            limit,
        )

    def led_count(self, slug: str) -> int:
        """How many public sessions an instructor led."""
        return self._number(
            "SELECT count(*) FROM published WHERE visibility = 'public' AND instructor_slug = ?", slug
        )

    def all_ids(self) -> Iterator[tuple[str, str]]:
        """(session_id, visibility) of everything published, by id."""
        for row in self.connection.execute(
            "SELECT session_id, visibility FROM published ORDER BY session_id"
        ):
            yield row["session_id"], row["visibility"]

    # The feed

    def newest_in_feed(self, limit: int) -> list[Published]:
        """By publication, the newest first."""
        return self._entries(
            "WHERE visibility = 'public' AND feed_month IS NOT NULL ORDER BY feed_month DESC, feed_number DESC LIMIT ?",
            limit,
        )

    def archive(self, name: str) -> list[Published]:
        """What stands in a part of the feed's archive, the newest first."""
        month, _, part = name.rpartition("-")
        first = (int(part) - 1) * ARCHIVE_SIZE + 1
        return self._entries(
            "WHERE visibility = 'public' AND feed_month = ? AND feed_number BETWEEN ? AND ?"
            " ORDER BY feed_number DESC",
            month,
            first,
            first + ARCHIVE_SIZE - 1,
        )

    def archives(self) -> list[str]:
        """The complete parts of the feed's archive in order: full ones, and all of months that are over."""
        rows = self.connection.execute("SELECT month, items FROM feed_months ORDER BY month").fetchall()
        names: list[str] = []
        for row in rows:
            over = row is not rows[-1]
            parts = -(-row["items"] // ARCHIVE_SIZE) if over else row["items"] // ARCHIVE_SIZE
            names.extend(f"{row['month']}-{part}" for part in range(1, parts + 1))
        return names

    # Quotes

    def quote_states(self, session_id: str) -> dict[str, str]:
        """``waiting``, ``approved`` or ``withdrawn`` by the quote's key."""
        rows = self.connection.execute("SELECT key, state FROM quotes WHERE session_id = ?", (session_id,))
        return {row["key"]: row["state"] for row in rows}

    def decide_quote(self, session_id: str, key: str, state: str, at: Millis) -> bool:
        """Approve or withdraw a quote; whether it exists. Its page is marked."""
        with self.transaction():
            changed = self.connection.execute(
                "UPDATE quotes SET state = ?, updated_at = ? WHERE session_id = ? AND key = ?",
                (state, at, session_id, key),
            ).rowcount
            if changed:
                self.mark([f"session/{session_id}"])
        return bool(changed)

    # Inner parts

    def _quotes(self, snapshot: Snapshot, at: Millis) -> None:
        state = "approved" if snapshot.approved else "waiting"
        kept = [key_of(quote) for quote in snapshot.quotes]
        # A quote that is no longer in the snapshot was taken back by whoever said it.
        self.connection.execute(
            "DELETE FROM quotes WHERE session_id = ? AND key NOT IN (SELECT value FROM json_each(?))",
            (snapshot.session_id, json.dumps(kept)),
        )
        self.connection.executemany(
            "INSERT OR IGNORE INTO quotes VALUES (?, ?, ?, ?)",
            [(snapshot.session_id, key, state, at) for key in kept],
        )

    def _practised(self, snapshot: Snapshot) -> None:
        self.connection.execute("DELETE FROM practised WHERE session_id = ?", (snapshot.session_id,))
        if snapshot.visibility != "public":
            return
        known = (techniques.find(name) for name in snapshot.breathing_techniques)
        self.connection.executemany(
            "INSERT OR IGNORE INTO practised VALUES (?, ?, ?)",
            [(each.slug, snapshot.session_date, snapshot.session_id) for each in known if each],
        )

    def _first_published(self, session_id: str, at: Millis) -> Millis:
        row = self.connection.execute(
            "SELECT published_at FROM tombstones WHERE session_id = ?"
            " UNION ALL SELECT max(?, coalesce(max(latest), 0)) FROM feed_months",
            (session_id, at),
        ).fetchone()
        return int(row[0])

    def _place_in_feed(self, snapshot: Snapshot, first: Millis) -> tuple[str | None, int | None]:
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

    def said_at(self, session_id: str, version: int) -> Millis | None:
        """When a version of a session's story was written."""
        row = self.connection.execute(
            "SELECT created_at FROM snapshots WHERE session_id = ? AND version = ?", (session_id, version)
        ).fetchone()
        return None if row is None else int(row[0])

    def _around(self, entry: Published | None) -> set[str]:
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

    def _list(self, where: str, *values: object) -> list[sqlite3.Row]:
        return self.connection.execute(f"SELECT {_COLUMNS} FROM published {where}", values).fetchall()

    def _entries(self, where: str, *values: object) -> list[Published]:
        return [_entry(row) for row in self._list(where, *values)]

    def _number(self, query: str, *values: object) -> int:
        return int(self.connection.execute(query, values).fetchone()[0])


def _gist(snapshot: Snapshot) -> Snapshot:
    return snapshot.model_copy(update={"timeline": (), "curves": (), "milestones": (), "quotes": ()})


def _entry(row: sqlite3.Row, slugs: Sequence[str] = ()) -> Published:
    return Published(
        session_id=row["session_id"],
        title=row["title"],
        session_date=row["session_date"],
        day=row["day"],
        visibility=row["visibility"],
        instructor=row["instructor"],
        instructor_slug=row["instructor_slug"],
        featured=bool(row["featured"]),
        feed_month=row["feed_month"],
        feed_number=row["feed_number"],
        published_at=row["published_at"],
        updated_at=row["updated_at"],
        slugs=tuple(slugs),
    )
