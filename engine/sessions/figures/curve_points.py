"""Points of the group's curve: computed on each tick, recorded in the journal every half minute at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.domain.instant import SECOND, Millis
from engine.domain.session import CurvePoint, Session
from engine.domain.techniques.lookup import Pattern, named

if TYPE_CHECKING:
    # NumPy comes with it: a server is ready sooner without.
    from engine.domain.heart.group import GroupHeart

__all__ = ["compute_point", "should_record"]

_RECORDED_EVERY: Millis = 30 * SECOND
_UNCHANGED_RECORDED_EVERY: Millis = 60 * SECOND


def compute_point(heart: GroupHeart, state: Session, at: Millis) -> CurvePoint:
    """Compute the group's figures at ``at``, paced by the technique under way."""
    span = state.technique_at(at)
    technique = None
    if span is not None and not state.resting:
        own_pattern = None if span.pattern is None else Pattern.of(*span.pattern)
        technique = named(span.technique, own_pattern)
    figures = heart.figures(
        at,
        participants=state.count(),
        pacer_hz=technique.pattern.hz if technique and technique.pattern else None,
        completion_rate=state.completion_rate(at),
        engagement_rate=state.engagement_rate(),
        scored=technique is None or technique.scored,
    )
    return CurvePoint(
        at,
        figures.participants,
        figures.measured,
        figures.hrv_improvement,
        figures.coherence,
        figures.synchrony,
        figures.completion_rate,
        figures.engagement_rate,
        heart.shares(figures),
    )


def should_record(point: CurvePoint, last: CurvePoint | None) -> bool:
    """Whether a point goes into the journal after ``last``, the last one recorded.

    While nothing changes, one a minute does: it keeps the curve's shape and does not fill the journal.
    """
    if last is None:
        return True
    unchanged = _figures(point) == _figures(last)
    return point.at - last.at >= (_UNCHANGED_RECORDED_EVERY if unchanged else _RECORDED_EVERY)


def _figures(point: CurvePoint) -> tuple[float | None, ...]:
    return (point.participants, point.measured, point.hrv_improvement, point.coherence, point.synchrony)
