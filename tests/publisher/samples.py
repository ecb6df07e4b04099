"""Sessions to publish in tests."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from engine.domain.instant import HOUR, Millis
from engine.domain.snapshot import Achieved, GroupPoint, Quote, Reached, Snapshot, TechniqueSpan

NOW: Millis = 1_711_029_600_000
"""2024-03-21T14:00:00Z."""

_NAMESPACE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def content(**changed: Any) -> dict[str, Any]:
    """A body as the API takes it, two hours old at ``NOW``."""
    return {
        "title": "Morning Mindfulness Session",
        "content": "Deep breathing session for stress relief",
        "session_id": "session-2024-03-21-001",
        "session_duration": 1800,
        "participant_count": 25,
        "breathing_techniques": ["Box Breathing", "4-7-8 Breathing", "Coherent Breathing"],
        "average_hrv_improvement": 12.5,
        "key_achievements": ["Perfect group synchronization", "100% completion rate"],
        "session_type": "live",
        "instructor_name": "Sarah Chen",
        "session_date": "2024-03-21T12:00:00Z",
        "metrics_summary": {"quality_score": 4.5, "engagement_rate": 0.95},
        "participant_feedback": {"items": [{"participant_name": "John D.", "comment": "Best session yet!"}]},
        "published": True,
        **changed,
    }


def snapshot(session_id: str = "s-1", **changed: Any) -> Snapshot:
    """A live session with a timeline, curves and a quote."""
    began = changed.pop("session_date", NOW - 2 * HOUR)
    version = changed.pop("version", 1)
    fields: dict[str, Any] = {
        "session_id": session_id,
        "content_id": str(uuid5(_NAMESPACE, f"{session_id}:{version}:{sorted(changed.items(), key=str)}")),
        "version": version,
        "title": "Evening Relaxation",
        "content": "Guided breathing for better sleep.\n\nTwo techniques, one room.",
        "session_type": "live",
        "instructor_name": "Sarah Chen",
        "session_date": began,
        "session_duration": 1200,
        "participant_count": 12,
        "breathing_techniques": ("Box Breathing", "Coherent Breathing"),
        "average_hrv_improvement": 8.0,
        "timeline": (
            TechniqueSpan(technique="Box Breathing", start_s=30, duration_s=500, pattern=(4, 4, 4, 4)),
            TechniqueSpan(
                technique="Coherent Breathing", start_s=560, duration_s=600, instruction="Follow the orb."
            ),
        ),
        "curves": tuple(
            GroupPoint(
                t_s=10.0 * i,
                participants=12,
                measured=8,
                hrv_improvement=i / 10 if i > 12 else None,
                synchrony=min(0.9, i / 100),
            )
            for i in range(120)
        ),
        "milestones": (Reached(t_s=600, improvement=5.0),),
        "achievements": (Achieved(t_s=900, title="In step", description="Everybody breathed as one."),),
        "quotes": (Quote(text="I felt my shoulders drop.", name="Mara"),),
        "completion_rate": 0.9,
        "average_rating": 4.5,
        "ended_at": began + 1200 * 1000,
    }
    return Snapshot.model_validate({**fields, **changed})
