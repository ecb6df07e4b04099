"""Recompute the group's recorded figures without somebody who withdrew.

Beats are gone when a session ends, and one person's figure is never stored. A withdrawal takes out the whole part of
the group in which the person was counted (``heart.shares``); where nothing was stored apart, the figure goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from engine.domain.heart.cohort import EarlierFigures
from engine.domain.heart.shares import Figure, figure_without
from engine.domain.instant import SECOND, Millis
from engine.domain.session import Badge, CurvePoint, Session

__all__ = ["earlier_figures", "supported_badges", "supported_milestones", "without_share"]

_FIGURES: Final[tuple[Figure, ...]] = ("hrv_improvement", "coherence", "synchrony")
#: Points are a minute apart where nothing moves, and their figures up to half a minute old.
_NEAR: Final = 90 * SECOND


def without_share(state: Session, client_id: str) -> dict[str, Any]:
    """The fields of a state that somebody's withdrawal changes; none where they never counted in a figure.

    Call it with the state before the withdrawal: it tells who had agreed to be counted.
    """
    removed = frozenset(part.number for part in state.parts.values() if client_id in part.people)
    member = state.members[client_id]
    agreed = member.heart_rate and member.group
    curves = tuple(_point_without(point, state, removed, agreed=agreed) for point in state.curves)
    if not removed and curves == state.curves:
        return {}
    parts = {number: part for number, part in state.parts.items() if number not in removed}
    return {"curves": curves, "parts": parts, "shares_withdrawn": True}


def _point_without(point: CurvePoint, state: Session, removed: frozenset[int], *, agreed: bool) -> CurvePoint:
    """``agreed``: the person had agreed to be counted, and may be in a figure of which no shares were kept."""
    changed: dict[str, Any] = {}
    for figure in _FIGURES:
        if getattr(point, figure) is None:
            continue
        kept = [
            share
            for share in point.shares
            if share.part in state.parts and state.parts[share.part].figure == figure
        ]
        if any(share.part in removed for share in kept) or (agreed and not kept):
            changed[figure], n = figure_without(figure, kept, state.parts, removed)
            if figure == "hrv_improvement":
                changed["measured"] = n
    if not changed:
        return point
    return replace(point, shares=tuple(s for s in point.shares if s.part not in removed), **changed)


def earlier_figures(state: Session, figure: Figure) -> EarlierFigures | None:
    """What the recorded curve has published of a figure, for a session that is rebuilt; None where nothing."""
    parts = {number: part for number, part in state.parts.items() if part.figure == figure}
    groups: dict[frozenset[str], Millis] = {}
    for point in state.curves:
        behind = frozenset(
            who for share in point.shares if share.part in parts for who in parts[share.part].people
        )
        if behind and getattr(point, figure) is not None:
            groups[behind] = point.at
    if not groups:
        return None
    return EarlierFigures(tuple(parts.values()), tuple(groups), max(groups.values()))


def supported_milestones(state: Session) -> tuple[tuple[Millis, float], ...]:
    """The milestones that still hold: those that a platform stated, and those that the recomputed curve reaches."""
    if not state.shares_withdrawn:
        return state.milestones
    return tuple(
        (at, improvement)
        for at, improvement in state.milestones
        if (at, improvement) in state.stated_milestones or _reaches(state, "hrv_improvement", improvement, at)
    )


def supported_badges(state: Session) -> tuple[Badge, ...]:
    """The achievements that still hold: all but those of synchrony that the recomputed curve does not reach."""
    if not state.shares_withdrawn:
        return state.achievements
    return tuple(badge for badge in state.achievements if _still_holds(state, badge))


def _still_holds(state: Session, badge: Badge) -> bool:
    kind, _, threshold = (badge.mark or "").partition(":")
    return kind != "synchrony" or _reaches(state, "synchrony", float(threshold), badge.at)


def _reaches(state: Session, figure: Figure, threshold: float, at: Millis) -> bool:
    figures = (getattr(point, figure) for point in state.curves if abs(point.at - at) <= _NEAR)
    return any(value is not None and value >= threshold for value in figures)
