"""How a session starts and how it ends: the events of both, whoever causes them."""

from __future__ import annotations

from dataclasses import replace

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.instant import SECOND, Millis
from engine.domain.session import LONGEST_SESSION, Phase, Session

__all__ = ["end", "is_publishable", "start"]


def start(state: Session, said: c.ReportStarted | None = None) -> list[e.Event]:
    """The start; ``said`` is what a platform says of it."""
    opened: list[e.Event] = [] if state.phase is Phase.WAITING else [e.RoomOpened()]
    details = state.details
    if said is None:
        return [*opened, e.SessionStarted(details.title, details.instructor)]
    started = e.SessionStarted(
        said.title or details.title,
        said.instructor or details.instructor,
        said.scheduled_duration,
        by_platform=True,
        started_at=said.at,
    )
    return [*opened, started]


def end(state: Session, at: Millis, reason: str, *, said: c.ReportEnded | None = None) -> list[e.Event]:
    """The end at ``at``, or when a platform says that it was, but never before the start.

    A story comes of it where somebody was there, and something was done there.
    """
    said = said or c.ReportEnded()
    ended_at = at if said.at is None else said.at
    began_at = state.began_at(ended_at)
    lasted = (ended_at - began_at) // SECOND
    ending = e.SessionEnding(
        min(max(1, lasted), LONGEST_SESSION // SECOND) if said.duration is None else said.duration,
        is_publishable(state, said),
        reason,
        said.total_participants,
        said.average_hrv_improvement,
        said.duration,
        None if said.at is None else max(ended_at, began_at),
    )
    return [ending, e.SessionEnded()]


def is_publishable(state: Session, said: c.ReportEnded) -> bool:
    """Whether a story comes of an end of which a platform says these figures."""
    came = sum(1 for _ in state.participants())
    took_part = came if said.total_participants is None else said.total_participants
    stated = replace(
        state.stated,
        duration=said.duration,
        total_participants=said.total_participants,
        average_hrv_improvement=said.average_hrv_improvement,
    )
    return took_part > 0 and replace(state, stated=stated).took_place()
