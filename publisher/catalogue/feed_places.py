"""Where a session stands in the feed: what readers know it by, and when it was first published.

The feed's order is that of publication. What is told here is published when it comes, so that nothing moves behind
readers who have been there. What is imported was published before: it goes where its own time says, into the past
months of the archive, and into the newest items only if it is among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from engine.domain.instant import Millis, to_datetime
from engine.domain.snapshot import Snapshot
from engine.storage.database import Connection

__all__ = ["FeedPlace", "place_of", "stable_id"]


@dataclass(frozen=True, slots=True)
class FeedPlace:
    """A session's place, kept for good: also while nobody may see it there."""

    guid: str
    published_at: Millis
    month: str | None
    """``2024-03``; None for what was never public."""
    number: int | None
    """Orders what older versions published in one millisecond; 0 since."""


def stable_id(site_id: str, session_id: str) -> str:
    """What feed readers know a session by, wherever the site moves to: the UUID of its id within this site's."""
    return f"urn:uuid:{uuid5(UUID(site_id), session_id)}"


def place_of(connection: Connection, snapshot: Snapshot, at: Millis, site_id: str) -> FeedPlace:
    """The place that a session has, or gets now. ``at``: when this version of its story was written."""
    kept = _kept(connection, snapshot.session_id)
    if kept is not None and kept.month is not None:
        return kept
    origin = snapshot.origin
    guid = (kept and kept.guid) or (origin and origin.guid) or stable_id(site_id, snapshot.session_id)
    if snapshot.visibility != "public":
        first = kept.published_at if kept else _own_time(snapshot, at)
        return FeedPlace(guid, at if first is None else first, None, None)
    first = _own_time(snapshot, at)
    if first is None:
        # Later than everything before, even in the same millisecond.
        latest = connection.value("SELECT max(latest) FROM feed_months")
        first = at if latest is None else max(at, latest + 1)
    month = _month_of(first)
    _count(connection, month, first)
    return FeedPlace(guid, first, month, 0)


def _own_time(snapshot: Snapshot, at: Millis) -> Millis | None:
    """When an imported session was published before it came here; None for one that is told here."""
    if snapshot.origin is not None and snapshot.origin.published_at is not None:
        return min(at, snapshot.origin.published_at)
    return min(at, snapshot.session_date) if snapshot.source == "import" else None


def _kept(connection: Connection, session_id: str) -> FeedPlace | None:
    for table in ("published", "tombstones"):
        row = connection.row(
            f"SELECT guid, published_at, feed_month, feed_number FROM {table} WHERE session_id = :id",
            id=session_id,
        )
        if row is not None:
            return FeedPlace(row["guid"], row["published_at"], row["feed_month"], row["feed_number"])
    return None


def _count(connection: Connection, month: str, first: Millis) -> None:
    connection.execute(
        "INSERT INTO feed_months (month, items, latest) VALUES (:month, 1, :first) ON CONFLICT (month) DO UPDATE"
        " SET items = feed_months.items + 1, latest = CASE WHEN feed_months.latest > excluded.latest"
        " THEN feed_months.latest ELSE excluded.latest END",
        month=month,
        first=first,
    )


def _month_of(at: Millis) -> str:
    return to_datetime(at).isoformat()[:7]
