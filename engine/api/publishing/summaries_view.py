"""A session's summary as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from engine.domain.instant import iso
from engine.domain.quality import quality_of
from engine.domain.snapshot import Quote, Snapshot

if TYPE_CHECKING:
    from publisher.summary import Summary

__all__ = ["metadata_of", "parts_of", "summary_document"]

_NAMES: Mapping[str, str] = {"email": "newsletter", "web": "web_update", "social": "social_posts"}


def parts_of(summary: Summary) -> dict[str, Any]:
    """The texts of each requested channel, under the names they have over HTTP."""
    return {_NAMES[channel]: texts for channel, texts in summary.items()}


def metadata_of(average_hrv_improvement: float | None, channels: Collection[str]) -> dict[str, Any]:
    """What staff need to know of a summary: its score, the action that follows, whether it is featured."""
    quality = quality_of(average_hrv_improvement)
    return {
        "quality_score": None if quality is None else quality.score,
        "action": None if quality is None else quality.action,
        "featured": quality is not None and quality.featured,
        "channels": list(channels),
    }


def summary_document(snapshot: Snapshot, quotes: Iterable[Quote]) -> dict[str, Any]:
    """The figures of a session that is over, with the quotes that may be shown."""
    return {
        "content_id": snapshot.content_id,
        "version": snapshot.version,
        "title": snapshot.title,
        "session_type": snapshot.session_type,
        "instructor_name": snapshot.instructor_name,
        "session_date": iso(snapshot.session_date),
        "session_duration": snapshot.session_duration,
        "participant_count": snapshot.participant_count,
        "breathing_techniques": list(snapshot.breathing_techniques),
        "average_hrv_improvement": snapshot.average_hrv_improvement,
        "key_achievements": list(snapshot.key_achievements),
        "completion_rate": snapshot.completion_rate,
        "engagement_rate": snapshot.engagement_rate,
        "quotes": [quote.model_dump() for quote in quotes],
        "page": f"/sessions/{snapshot.session_id}/",
    }
