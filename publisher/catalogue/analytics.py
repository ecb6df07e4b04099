"""The analytics table: one row of figures for each published session."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from engine.domain.instant import Millis, iso
from engine.domain.quality import quality_of
from engine.domain.snapshot import Snapshot
from engine.storage.database import one_of
from publisher.catalogue.published import Catalogue

__all__ = ["COLUMNS", "between", "ratings_of", "record", "row_of"]

COLUMNS = (
    "session_id",
    "title",
    "session_type",
    "instructor_name",
    "session_date",
    "session_duration",
    "participant_count",
    "breathing_techniques",
    "average_hrv_improvement",
    "quality_score",
    "action",
    "featured",
    "completion_rate",
    "engagement_rate",
    "average_rating",
    "visibility",
    "source",
)


def row_of(snapshot: Snapshot) -> dict[str, Any]:
    """The figures of a session: rates as fractions, HRV in percent, the duration in seconds."""
    quality = quality_of(snapshot.average_hrv_improvement)
    return {
        "session_id": snapshot.session_id,
        "title": snapshot.title,
        "session_type": snapshot.session_type,
        "instructor_name": snapshot.instructor_name,
        "session_date": iso(snapshot.session_date),
        "session_duration": snapshot.session_duration,
        "participant_count": snapshot.participant_count,
        "breathing_techniques": list(snapshot.breathing_techniques),
        "average_hrv_improvement": snapshot.average_hrv_improvement,
        "quality_score": quality.score if quality else None,
        "action": quality.action if quality else None,
        "featured": bool(quality and quality.featured),
        "completion_rate": snapshot.completion_rate,
        "engagement_rate": snapshot.engagement_rate,
        "average_rating": snapshot.average_rating,
        "visibility": snapshot.visibility,
        "source": snapshot.source,
    }


def record(catalogue: Catalogue, snapshot: Snapshot) -> None:
    """Keep the row of a session; the same session again replaces it."""
    catalogue.connection.execute(
        "INSERT INTO analytics (session_id, session_date, document) VALUES (:id, :date, :document)"
        " ON CONFLICT (session_id) DO UPDATE SET session_date = excluded.session_date, document = excluded.document",
        id=snapshot.session_id,
        date=snapshot.session_date,
        document=json.dumps(row_of(snapshot), ensure_ascii=False),
    )


def ratings_of(catalogue: Catalogue, session_ids: Collection[str]) -> dict[str, float]:
    """The average rating of several published sessions, some hundreds at most; those without one are left out."""
    if not session_ids:
        return {}
    among, values = one_of("id", session_ids)
    rows = catalogue.connection.rows(
        f"SELECT session_id, document FROM analytics WHERE session_id IN {among}", **values
    )
    ratings = {row["session_id"]: json.loads(row["document"]).get("average_rating") for row in rows}
    return {session_id: rating for session_id, rating in ratings.items() if rating is not None}


def between(catalogue: Catalogue, first: Millis | None, last: Millis | None) -> list[dict[str, Any]]:
    """The rows of sessions that began from ``first`` to ``last``, both inclusive, by date."""
    rows = catalogue.connection.rows(
        "SELECT document FROM analytics WHERE session_date >= coalesce(:first, session_date)"
        " AND session_date <= coalesce(:last, session_date) ORDER BY session_date, session_id",
        first=first,
        last=last,
    )
    return [json.loads(row["document"]) for row in rows]
