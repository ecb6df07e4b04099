"""Queries of the published sessions: by date, technique, instructor. The feed's order is in ``feed_archive``.

A long module: one query for each list that a page shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from engine.domain.instant import Millis
from engine.domain.snapshot import Snapshot
from engine.storage.database import Connection, Row, Value

__all__ = ["COLUMNS", "NAMING_NEXT", "Listing", "Published", "entry_of"]

NAMING_NEXT = 3
"""How many of the newest stories, of the studio and of each series, name the next session."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published session as lists show it."""

    session_id: str
    title: str
    session_date: Millis
    day: str
    """``2024-03-21`` in its own zone."""
    visibility: str
    instructor: str | None
    instructor_slug: str | None
    featured: bool
    guid: str
    """What feed readers know it by."""
    feed_month: str | None
    feed_number: int | None
    published_at: Millis
    updated_at: Millis
    series_id: str | None = None
    time_zone: str | None = None
    """IANA name of the zone in which its times are said; None: the studio's."""
    slugs: tuple[str, ...] = ()
    """Of the catalogue's techniques that were practised."""

    @property
    def month(self) -> str:
        """``2024-03``."""
        return self.day[:7]


COLUMNS = (
    "session_id, title, session_date, day, visibility, instructor, instructor_slug, featured, guid, feed_month,"
    " feed_number, published_at, updated_at, series_id, time_zone"
)


_NO_LIMIT = 2**31 - 1


class Listing:
    """Reads of the published sessions over one connection; lists hold public sessions only."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def read_transaction(self) -> AbstractContextManager[None]:
        """A read transaction: everything inside sees one state, whatever others write meanwhile."""
        return self.connection.reading()

    def published(self, session_id: str) -> Published | None:
        """The list entry of a published session."""
        rows = self._list("WHERE session_id = :id", id=session_id)
        if not rows:
            return None
        slugs = self.connection.rows(
            "SELECT slug FROM practised WHERE session_id = :id ORDER BY slug", id=session_id
        )
        return entry_of(rows[0], tuple(row["slug"] for row in slugs))

    def snapshot(self, session_id: str) -> Snapshot | None:
        """The published version of a session."""
        return self._snapshot("document", session_id)

    def document(self, session_id: str) -> str | None:
        """The same as it is stored, JSON; without its zone, which the list entry has."""
        document: str | None = self.connection.value(
            "SELECT document FROM published WHERE session_id = :id", id=session_id
        )
        return document

    def excerpt(self, session_id: str) -> Snapshot | None:
        """The published version without timeline, curves, milestones and quotes: enough for feeds and cards, cheap to read."""
        return self._snapshot("gist", session_id)

    def snapshots(self) -> Iterator[Snapshot]:
        """Every published session's snapshot, by date."""
        rows = self.connection.rows(
            "SELECT document, time_zone FROM published ORDER BY session_date, session_id"
        )
        return (_zoned(row["document"], row["time_zone"]) for row in rows)

    def fingerprint(self) -> str:
        """Changes with whatever is published, withdrawn or quoted; quickly asked."""
        row = self.connection.row(
            "SELECT (SELECT count(*) FROM published) AS published,"
            " (SELECT max(updated_at) FROM published) AS published_at,"
            " (SELECT count(*) FROM tombstones) AS withdrawn,"
            " (SELECT count(*) FROM quotes WHERE state = 'approved') AS quotes,"
            " (SELECT max(updated_at) FROM quotes) AS quoted_at"
        )
        assert row is not None
        return ":".join(str(value) for value in dict(row).values())

    # By date, technique, instructor

    def count(self) -> int:
        """How many public sessions there are."""
        return self._number("SELECT count(*) FROM published WHERE visibility = 'public'")

    def newest(self, limit: int) -> list[Published]:
        """By date, the newest first."""
        return self._entries(
            "WHERE visibility = 'public' ORDER BY session_date DESC, session_id DESC LIMIT :limit",
            limit=limit,
        )

    def featured(self, limit: int) -> list[Published]:
        """The sessions whose quality score makes them featured, the newest first."""
        return self._entries(
            "WHERE visibility = 'public' AND featured = 1 ORDER BY session_date DESC, session_id DESC LIMIT :limit",
            limit=limit,
        )

    def neighbours(self, entry: Published) -> tuple[Published | None, Published | None]:
        """The public sessions before and after one, by date."""
        earlier = self._entries(
            "WHERE visibility = 'public' AND (session_date, session_id) < (:date, :id)"
            " ORDER BY session_date DESC, session_id DESC LIMIT 1",
            date=entry.session_date,
            id=entry.session_id,
        )
        later = self._entries(
            "WHERE visibility = 'public' AND (session_date, session_id) > (:date, :id)"
            " ORDER BY session_date, session_id LIMIT 1",
            date=entry.session_date,
            id=entry.session_id,
        )
        return (earlier[0] if earlier else None, later[0] if later else None)

    def series_neighbours(self, entry: Published) -> tuple[Published | None, Published | None]:
        """The public sessions of its series before and after one, by date."""
        if entry.series_id is None:
            return None, None
        values: dict[str, Value] = {
            "series": entry.series_id,
            "date": entry.session_date,
            "id": entry.session_id,
        }
        earlier = self._entries(
            "WHERE visibility = 'public' AND series_id = :series AND (session_date, session_id) < (:date, :id)"
            " ORDER BY session_date DESC, session_id DESC LIMIT 1",
            **values,
        )
        later = self._entries(
            "WHERE visibility = 'public' AND series_id = :series AND (session_date, session_id) > (:date, :id)"
            " ORDER BY session_date, session_id LIMIT 1",
            **values,
        )
        return (earlier[0] if earlier else None, later[0] if later else None)

    def of_series(self, series_id: str | None, limit: int) -> list[Published]:
        """The newest public sessions of a series; none without one."""
        if series_id is None:
            return []
        return self._entries(
            "WHERE visibility = 'public' AND series_id = :series"
            " ORDER BY session_date DESC, session_id DESC LIMIT :limit",
            series=series_id,
            limit=limit,
        )

    def days(self, prefix: str) -> list[tuple[str, int]]:
        """Days that begin with a prefix (``2024-03``) and how many sessions each has, in order."""
        rows = self.connection.rows(
            "SELECT day, count(*) AS n FROM published WHERE visibility = 'public' AND day >= :first AND day < :last"
            " GROUP BY day ORDER BY day",
            first=prefix,
            last=prefix + "~",
        )
        return [(row["day"], row["n"]) for row in rows]

    def of_day(self, day: str, limit: int | None = None) -> list[Published]:
        """The sessions of a day, in order."""
        return self._entries(
            "WHERE visibility = 'public' AND day = :day ORDER BY session_date, session_id LIMIT :limit",
            day=day,
            limit=_NO_LIMIT if limit is None else limit,
        )

    def months(self) -> list[tuple[str, int]]:
        """Months with sessions and how many each has, in order."""
        rows = self.connection.rows(
            "SELECT substr(day, 1, 7) AS month, count(*) AS n FROM published WHERE visibility = 'public'"
            " GROUP BY month ORDER BY month"
        )
        return [(row["month"], row["n"]) for row in rows]

    def of_month(self, month: str) -> Iterator[Published]:
        """The sessions of a month, in order."""
        rows = self._list(
            "WHERE visibility = 'public' AND day >= :first AND day < :last ORDER BY session_date, session_id",
            first=month,
            last=month + "~",
        )
        return (entry_of(row) for row in rows)

    def with_technique(self, slug: str, limit: int) -> tuple[list[Published], int]:
        """The newest public sessions with a technique, and how many there are."""
        rows = self.connection.rows(
            "SELECT session_id FROM practised WHERE slug = :slug"
            " ORDER BY session_date DESC, session_id DESC LIMIT :limit",
            slug=slug,
            limit=limit,
        )
        entries = [self.published(row["session_id"]) for row in rows]
        total = self._number("SELECT count(*) FROM practised WHERE slug = :slug", slug=slug)
        return [entry for entry in entries if entry], total

    def instructors(self) -> list[tuple[str, str, int]]:
        """(slug, name, number of sessions) of each instructor of a public session, by slug; the newest spelling of the name."""
        rows = self.connection.rows(
            "SELECT instructor_slug AS slug, count(*) AS n FROM published"
            " WHERE visibility = 'public' AND instructor_slug IS NOT NULL"
            " GROUP BY instructor_slug ORDER BY instructor_slug"
        )
        return [
            (row["slug"], self.of_instructor(row["slug"], 1)[0].instructor or "", row["n"]) for row in rows
        ]

    def of_instructor(self, slug: str, limit: int) -> list[Published]:
        """The newest public sessions of an instructor."""
        return self._entries(
            "WHERE visibility = 'public' AND instructor_slug = :slug"
            " ORDER BY session_date DESC, session_id DESC LIMIT :limit",
            slug=slug,
            limit=limit,
        )

    def count_of_instructor(self, slug: str) -> int:
        """How many public sessions an instructor led."""
        return self._number(
            "SELECT count(*) FROM published WHERE visibility = 'public' AND instructor_slug = :slug",
            slug=slug,
        )

    def all_ids(self) -> Iterator[tuple[str, str]]:
        """(session_id, visibility) of everything published, by id."""
        for row in self.connection.rows("SELECT session_id, visibility FROM published ORDER BY session_id"):
            yield row["session_id"], row["visibility"]

    # Inner parts

    def _list(self, where: str, **values: Value) -> list[Row]:
        return self.connection.rows(f"SELECT {COLUMNS} FROM published {where}", **values)

    def _entries(self, where: str, **values: Value) -> list[Published]:
        return [entry_of(row) for row in self._list(where, **values)]

    def _snapshot(self, column: str, session_id: str) -> Snapshot | None:
        row = self.connection.row(
            f"SELECT {column} AS document, time_zone FROM published WHERE session_id = :id", id=session_id
        )
        return None if row is None else _zoned(row["document"], row["time_zone"])

    def _number(self, query: str, **values: Value) -> int:
        return int(self.connection.value(query, **values))


def _zoned(document: str, time_zone: str | None) -> Snapshot:
    return Snapshot.model_validate_json(document).model_copy(update={"time_zone": time_zone})


def entry_of(row: Row, slugs: Sequence[str] = ()) -> Published:
    """The list entry of a row with ``COLUMNS``."""
    return Published(
        session_id=row["session_id"],
        title=row["title"],
        session_date=row["session_date"],
        day=row["day"],
        visibility=row["visibility"],
        instructor=row["instructor"],
        instructor_slug=row["instructor_slug"],
        featured=bool(row["featured"]),
        guid=row["guid"],
        feed_month=row["feed_month"],
        feed_number=row["feed_number"],
        published_at=row["published_at"],
        updated_at=row["updated_at"],
        series_id=row["series_id"],
        time_zone=row["time_zone"],
        slugs=tuple(slugs),
    )
