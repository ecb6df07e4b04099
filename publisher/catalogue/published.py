"""The catalogue: what is published. The whole site can be built again from its tables, byte for byte.

They stand in the database file beside the engine's. A change of the catalogue marks the pages that it touches
in the same transaction, so that a publisher that dies in between finds them marked when it starts again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from zoneinfo import ZoneInfo

from engine.domain.instant import Millis, to_datetime
from engine.domain.quality import quality_of
from engine.domain.snapshot import Snapshot
from engine.domain.techniques import lookup
from engine.storage.database import Connection, one_of
from engine.storage.meta import Meta
from engine.storage.migrations import migrate
from engine.storage.notices import Notice, queue_notice
from engine.storage.outbox import Outbox
from engine.storage.series import series_of
from engine.storage.session_reader import SessionReader
from engine.storage.stories import remove_quotes
from engine.storage.techniques import OwnTechniques
from publisher.catalogue.batches import write_in_batches
from publisher.catalogue.changes import DRAFTS_PREFIX, touched
from publisher.catalogue.dirty_pages import DirtyPages
from publisher.catalogue.feed_archive import FeedArchive
from publisher.catalogue.feed_places import FeedPlace, place_of
from publisher.catalogue.listing import NAMING_NEXT, Listing, Published
from publisher.catalogue.quotes import Quotes
from publisher.catalogue.tables import PUBLISHER

__all__ = ["Catalogue", "Published"]

_REPLACE = (
    "INSERT INTO published (session_id, content_id, version, document, gist, title, session_date, day, visibility,"
    " instructor, instructor_slug, featured, guid, feed_month, feed_number, published_at, updated_at,"
    " series_id, time_zone)"
    " VALUES (:session_id, :content_id, :version, :document, :gist, :title, :session_date, :day, :visibility,"
    " :instructor, :instructor_slug, :featured, :guid, :feed_month, :feed_number, :published_at, :updated_at,"
    " :series_id, :time_zone)"
    " ON CONFLICT (session_id) DO UPDATE SET content_id = excluded.content_id, version = excluded.version,"
    " document = excluded.document, gist = excluded.gist, title = excluded.title,"
    " session_date = excluded.session_date, day = excluded.day, visibility = excluded.visibility,"
    " instructor = excluded.instructor, instructor_slug = excluded.instructor_slug, featured = excluded.featured,"
    " guid = excluded.guid, feed_month = excluded.feed_month, feed_number = excluded.feed_number,"
    " published_at = excluded.published_at, updated_at = excluded.updated_at, series_id = excluded.series_id,"
    " time_zone = excluded.time_zone"
)


class Catalogue(Listing):
    """The tables of the publisher over one connection. Blocking. Each writing method is one transaction."""

    def __init__(self, connection: Connection, site: str = "") -> None:
        """``site`` is the copy of the site whose marks are read (``sites``)."""
        super().__init__(connection)
        migrate(connection, PUBLISHER)
        self.site = site
        self.dirty = DirtyPages(connection, site)
        self.feed = FeedArchive(connection)
        self.quotes = Quotes(connection, self.dirty)
        self._meta = Meta(connection)

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is written at once, or nothing is; inside another one, as a part that can fail alone."""
        return self.connection.transaction()

    def meta(self, key: str) -> str | None:
        """A value that is kept for the whole site."""
        return self._meta.get(key)

    def set_meta(self, key: str, value: str) -> None:
        """Keep a value for the whole site."""
        self._meta.set(key, value)

    # What is published

    def publish(self, snapshot: Snapshot, zone: ZoneInfo, at: Millis) -> None:
        """Make a snapshot the published version of its session, and mark what it touches. ``at``: its first time.

        ``zone`` is the studio's, for a story that has none of its own.

        The same snapshot again marks the same pages and changes nothing else.
        """
        with self.transaction():
            before = self.published(snapshot.session_id)
            marked = self._affected_pages(before)
            complete = set(self.feed.parts())
            place = place_of(self.connection, snapshot, at, self.meta("site_id") or "")
            time_zone = self._time_zone_of(snapshot, before)
            quality = quality_of(snapshot.average_hrv_improvement)
            name = snapshot.instructor_name
            self.connection.execute(
                _REPLACE,
                session_id=snapshot.session_id,
                content_id=snapshot.content_id,
                version=snapshot.version,
                document=snapshot.model_dump_json(),
                gist=_excerpt(snapshot).model_dump_json(),
                title=snapshot.title,
                session_date=snapshot.session_date,
                day=_day(snapshot.session_date, time_zone, zone),
                visibility=snapshot.visibility,
                instructor=name,
                instructor_slug=lookup.slug_of(name) if name else None,
                featured=1 if quality and quality.featured else 0,
                guid=place.guid,
                feed_month=place.month,
                feed_number=place.number,
                published_at=place.published_at,
                updated_at=_updated_at(snapshot, before, place, at),
                series_id=snapshot.series_id,
                time_zone=time_zone,
            )
            self._index_techniques(snapshot)
            self.quotes.store(snapshot, at)
            # Words that somebody took back must not go on standing in what was said before.
            remove_quotes(self.connection, snapshot.session_id, before=snapshot.version)
            if self.connection.execute(
                "DELETE FROM tombstones WHERE session_id = :id", id=snapshot.session_id
            ):
                marked |= {"calendar"}
            # A new item may complete its own part of the feed's archive, or end the month before.
            completed = {f"archive/{name}" for name in self.feed.parts() if name not in complete}
            after = self.published(snapshot.session_id)
            assert after is not None
            if place.month is not None and (before is None or before.feed_month is None):
                completed |= {f"archive/{name}" for name in self.feed.parts_from(after)}
            self.dirty.mark(marked | completed | self._affected_pages(after))

    def in_own_zone(self, snapshot: Snapshot) -> Snapshot:
        """A story with the zone in which its times are said: as it was published here, or elsewhere; else its series'."""
        time_zone = self._time_zone_of(snapshot, self.published(snapshot.session_id))
        return snapshot.model_copy(update={"time_zone": time_zone})

    def withdraw(self, session_id: str, at: Millis) -> bool:
        """Withdraw a session: unpublish it and remove its drafts. Returns whether it had either.

        A tombstone keeps its place in the feed.
        """
        with self.transaction():
            before = self.published(session_id)
            if before is None and not self._has_drafts(session_id):
                return False
            marked = self._affected_pages(before)
            self.connection.execute(
                "INSERT INTO tombstones (session_id, guid, feed_month, feed_number, published_at, withdrawn_at)"
                " VALUES (:id, :guid, :month, :number, :published_at, :at)"
                " ON CONFLICT (session_id) DO UPDATE SET withdrawn_at = excluded.withdrawn_at",
                id=session_id,
                guid=before.guid if before else "",
                month=before.feed_month if before else None,
                number=before.feed_number if before else None,
                published_at=before.published_at if before else at,
                at=at,
            )
            for table in ("published", "practised", "quotes", "drafts", "analytics"):
                self.connection.execute(f"DELETE FROM {table} WHERE session_id = :id", id=session_id)
            self.connection.execute(
                "DELETE FROM deliveries WHERE session_id = :id AND state = 'preparing'", id=session_id
            )
            self.dirty.mark({*marked, DRAFTS_PREFIX + session_id, "calendar"})
            if before is not None:
                notice = Notice("story.withdrawn", session_id, {"title": before.title}, at)
                queue_notice(self.connection, notice)
            Outbox(self.connection).drop_waiting(session_id)
        return True

    def withdrawn_at(self, session_id: str) -> Millis | None:
        """When a session was withdrawn; None when it was not."""
        at: Millis | None = self.connection.value(
            "SELECT withdrawn_at FROM tombstones WHERE session_id = :id", id=session_id
        )
        return at

    def withdrawn(self, session_ids: Sequence[str]) -> dict[str, Millis]:
        """Of these sessions those that were withdrawn, and when."""
        if not session_ids:
            return {}
        among, values = one_of("id", session_ids)
        rows = self.connection.rows(
            f"SELECT session_id, withdrawn_at FROM tombstones WHERE session_id IN {among}", **values
        )
        return {row["session_id"]: row["withdrawn_at"] for row in rows}

    def has_guid(self, guid: str, *, besides: str) -> bool:
        """Whether another session is known to feed readers by this."""
        found = self.connection.row(
            "SELECT 1 FROM published WHERE guid = :guid AND session_id <> :id LIMIT 1", guid=guid, id=besides
        )
        return found is not None

    def id_differing_by_case(self, session_id: str) -> str | None:
        """The id of a session, published or not, that differs from this one by case alone; None without one."""
        found: str | None = self.connection.value(
            "SELECT session_id FROM published WHERE lower(session_id) = :folded AND session_id <> :id LIMIT 1",
            folded=session_id.lower(),
            id=session_id,
        )
        return found or SessionReader(self.connection).id_differing_by_case(session_id)

    def recompute_days(self, zone: ZoneInfo) -> None:
        """Recompute the calendar day of every published session for another time zone of the studio."""
        rows = self.connection.rows(
            "SELECT session_id, session_date, day, time_zone FROM published ORDER BY session_id"
        )
        days = (
            (row["session_id"], row["day"], _day(row["session_date"], row["time_zone"], zone)) for row in rows
        )
        write_in_batches(
            self.connection,
            "UPDATE published SET day = :day WHERE session_id = :id",
            [{"id": session_id, "day": now} for session_id, before, now in days if now != before],
        )

    # Inner parts

    def _time_zone_of(self, snapshot: Snapshot, before: Published | None) -> str | None:
        stated = None if snapshot.origin is None else snapshot.origin.time_zone
        if stated is None and before is not None and before.series_id == snapshot.series_id:
            # A series may have moved to another zone since: what was said of the past stays.
            stated = before.time_zone
        if stated is not None or snapshot.series_id is None:
            return stated
        series = series_of(self.connection, snapshot.series_id)
        return None if series is None else series.time_zone

    def _has_drafts(self, session_id: str) -> bool:
        found = self.connection.row("SELECT 1 FROM drafts WHERE session_id = :id LIMIT 1", id=session_id)
        return found is not None

    def _index_techniques(self, snapshot: Snapshot) -> None:
        self.connection.execute("DELETE FROM practised WHERE session_id = :id", id=snapshot.session_id)
        if snapshot.visibility != "public":
            return
        own = {each.slug: each.technique for each in OwnTechniques(self.connection).all()}
        known = (lookup.find(name) or own.get(lookup.slug_of(name)) for name in snapshot.breathing_techniques)
        self.connection.many(
            "INSERT INTO practised (slug, session_date, session_id) VALUES (:slug, :date, :id)"
            " ON CONFLICT DO NOTHING",
            [
                {"slug": each.slug, "date": snapshot.session_date, "id": snapshot.session_id}
                for each in known
                if each
            ],
        )

    def _affected_pages(self, entry: Published | None) -> set[str]:
        if entry is None:
            return set()
        neighbours = self._around(entry) if entry.visibility == "public" else ()
        return touched(
            entry.session_id,
            visibility=entry.visibility,
            day=entry.day,
            slugs=entry.slugs,
            instructor_slug=entry.instructor_slug,
            neighbours=neighbours,
            archives=self.feed.parts_from(entry)[:1],
        )

    def _around(self, entry: Published) -> set[str]:
        """The sessions whose pages name this one, or the next session because of it."""
        beside = {
            each.session_id for each in (*self.neighbours(entry), *self.series_neighbours(entry)) if each
        }
        newest = {each.session_id for each in self.newest(NAMING_NEXT + 1)}
        of_series = {each.session_id for each in self.of_series(entry.series_id, NAMING_NEXT + 1)}
        for group in (newest, of_series):
            if entry.session_id in group:
                beside |= group
        return beside - {entry.session_id}


def _day(at: Millis, time_zone: str | None, zone: ZoneInfo) -> str:
    """The calendar day in a story's own zone, or in the studio's."""
    own = zone if time_zone is None else ZoneInfo(time_zone)
    return to_datetime(at).astimezone(own).date().isoformat()


def _updated_at(snapshot: Snapshot, before: Published | None, place: FeedPlace, at: Millis) -> Millis:
    """When the page last changed; of a session that is new here, as its export says."""
    stated = snapshot.origin.updated_at if snapshot.origin is not None and before is None else None
    return max(place.published_at, at if stated is None else min(at, stated))


def _excerpt(snapshot: Snapshot) -> Snapshot:
    return snapshot.model_copy(update={"timeline": (), "curves": (), "milestones": (), "quotes": ()})
