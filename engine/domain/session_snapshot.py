"""Make the snapshot of an ended session from its state alone."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

from engine.domain.group_metrics import average_improvement
from engine.domain.heart.shares import SMALLEST_GROUP
from engine.domain.instant import SECOND, Millis
from engine.domain.labels import SMALLEST_WORKSHOP, SessionType
from engine.domain.recompute import supported_badges, supported_milestones
from engine.domain.session import LONGEST_SESSION, CurvePoint, Session, Span
from engine.domain.snapshot import Achieved, GroupPoint, Quote, Reached, Snapshot, TechniqueSpan
from engine.domain.techniques.lookup import FREE_BREATHING

__all__ = ["make_snapshot"]

_MOST_TECHNIQUES = 10
_MOST_POINTS = 300


def make_snapshot(
    state: Session,
    *,
    content_id: str,
    version: int = 1,
    quotes: tuple[Quote, ...] = (),
    approved: bool = False,
) -> Snapshot | None:
    """The snapshot of an ended session, or None where nobody came, or it neither started nor anything was done in it.

    The same state gives the same snapshot: its dates are the session's own.
    """
    assert state.ended_at is not None, "only an ended session has a snapshot"
    stated = state.stated
    joined = sum(1 for _ in state.participants())
    count = joined if stated.total_participants is None else stated.total_participants
    if count < 1 or not state.took_place():
        return None
    began = state.began_at(state.ended_at)
    lasted = (state.ended_at - began) // SECOND if stated.duration is None else stated.duration
    duration = min(max(1, lasted), LONGEST_SESSION // SECOND)
    kind: SessionType = state.details.session_type
    if kind == "workshop" and count < SMALLEST_WORKSHOP:
        kind = "practice"
    names = _names(state.spans, state.ended_at)
    ratings = [member.rating for member in state.participants() if member.rating is not None]
    improvement = average_improvement(state)
    completion = state.completion_rate(state.ended_at)
    # What a platform stated for after the end that it stated is no part of the session.
    badges = [badge for badge in supported_badges(state) if badge.at <= state.ended_at]
    milestones = [(at, value) for at, value in supported_milestones(state) if at <= state.ended_at]
    curves = tuple(point for point in state.curves if point.at <= state.ended_at)
    return Snapshot(
        session_id=state.session_id,
        content_id=content_id,
        version=version,
        title=state.details.title,
        content=state.details.description,
        session_type=kind,
        instructor_name=state.details.instructor,
        session_date=began,
        session_duration=duration,
        participant_count=min(count, 1000),
        breathing_techniques=names[:_MOST_TECHNIQUES] or (FREE_BREATHING,),
        average_hrv_improvement=None if improvement is None else min(max(improvement, -100.0), 200.0),
        key_achievements=tuple(dict.fromkeys(badge.title for badge in badges))[:10],
        visibility=state.details.visibility,
        place=state.details.place,
        series_id=state.details.series_id,
        approved=approved,
        timeline=_timeline(state, began, state.ended_at),
        curves=_thinned(curves, began),
        milestones=tuple(Reached(t_s=_offset(at, began), improvement=value) for at, value in milestones),
        achievements=tuple(
            Achieved(t_s=_offset(badge.at, began), title=badge.title, description=badge.description)
            for badge in badges
        ),
        quotes=quotes,
        completion_rate=completion if joined >= SMALLEST_GROUP else None,
        engagement_rate=state.engagement_rate() if joined >= SMALLEST_GROUP else None,
        average_rating=round(fmean(ratings), 1) if len(ratings) >= SMALLEST_GROUP else None,
        ended_at=state.ended_at,
    )


def _names(spans: tuple[Span, ...], ended: Millis) -> tuple[str, ...]:
    """The techniques that had begun by the end: a platform may tell of both within one millisecond, or in whole seconds.

    Where none had, those that the instructor had named: the session ended within seconds of it.
    """
    begun = [span for span in spans if span.started_at <= ended]
    named = begun or [span for span in spans if not span.stated]
    return tuple(dict.fromkeys(span.technique for span in named))


def _offset(at: Millis, began: Millis) -> float:
    return max(0, at - began) / SECOND


def _timeline(state: Session, began: Millis, ended: Millis) -> tuple[TechniqueSpan, ...]:
    """What was practised when; a technique that began with the end is named, but has no time."""
    spans = [span for span in state.spans if span.started_at < ended]
    starts = [max(span.started_at, began) for span in spans] + [ended]
    return tuple(
        TechniqueSpan(
            technique=span.technique,
            start_s=_offset(start, began),
            duration_s=max(0, end - start) / SECOND,
            instruction=span.instruction,
            pattern=span.pattern,
        )
        for span, (start, end) in zip(spans, pairwise(starts), strict=True)
    )


def _thinned(curves: tuple[CurvePoint, ...], began: Millis) -> tuple[GroupPoint, ...]:
    step = max(1, -(-len(curves) // _MOST_POINTS))
    return tuple(
        GroupPoint(
            t_s=_offset(point.at, began),
            participants=point.participants,
            measured=point.measured or 0,
            hrv_improvement=point.hrv_improvement,
            coherence=point.coherence,
            synchrony=point.synchrony,
        )
        for point in curves[::step]
    )
