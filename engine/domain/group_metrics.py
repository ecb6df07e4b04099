"""The group's figures as the API, a welcome and a snapshot show them, from the state alone."""

from __future__ import annotations

from statistics import fmean

from engine.domain.heart.shares import SMALLEST_GROUP
from engine.domain.instant import Millis
from engine.domain.session import Session

__all__ = ["average_improvement", "current_improvement", "group_metrics"]


def current_improvement(state: Session) -> float | None:
    """The group's HRV improvement (percent) now: as a platform stated it, else the newest computed one."""
    if state.stated.improvement is not None:
        return state.stated.improvement
    return state.curves[-1].hrv_improvement if state.curves else None


def average_improvement(state: Session) -> float | None:
    """The average HRV improvement over the session, as a platform stated it, else computed, in whole percent."""
    stated = state.stated
    for figure in (stated.average_hrv_improvement, stated.average_hrv, stated.improvement):
        if figure is not None:
            return figure
    known = [point.hrv_improvement for point in state.curves if point.hrv_improvement is not None]
    return round(fmean(known)) if known else None


def group_metrics(
    state: Session, at: Millis, *, rates: tuple[float | None, float | None] | None = None
) -> dict[str, float | int | None]:
    """The group's figures as the API and a welcome show them.

    HRV figures in percent, rates as fractions; each computed one None where fewer than five people
    stand behind it. ``rates``: completion and engagement as they were shown, where nobody need be counted anew.
    """
    newest = state.curves[-1] if state.curves else None
    if rates is None:
        enough = sum(not member.external for member in state.participants()) >= SMALLEST_GROUP
        rates = (state.completion_rate(at), state.engagement_rate()) if enough else (None, None)
    return {
        "participants": state.count(),
        "measured": newest.measured if newest else None,
        "average_hrv": average_improvement(state),
        "current_hrv_improvement": current_improvement(state),
        "hrv_improvement": current_improvement(state),
        "coherence": newest.coherence if newest else None,
        "synchrony": newest.synchrony if newest else None,
        "completion_rate": rates[0],
        "engagement_rate": rates[1],
    }
