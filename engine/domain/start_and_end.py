"""``decide`` for the start and the end of a session, whoever causes them."""

from __future__ import annotations

from dataclasses import replace

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.instant import SECOND, Millis
from engine.domain.rejection import Conflict
from engine.domain.session import LONGEST_SESSION, Phase, Session

__all__ = ["end", "is_publishable", "recompute_snapshot", "session_over", "start"]


def start(state: Session, report: c.ReportStarted | None = None) -> list[e.Event]:
    """The start; ``report`` is a platform's."""
    opened: list[e.Event] = [] if state.phase is Phase.WAITING else [e.RoomOpened()]
    details = state.details
    if report is None:
        return [*opened, e.SessionStarted(details.title, details.instructor)]
    started = e.SessionStarted(
        report.title or details.title,
        report.instructor or details.instructor,
        report.scheduled_duration,
        by_platform=True,
        started_at=report.at,
    )
    return [*opened, started]


def end(state: Session, at: Millis, reason: str, *, report: c.ReportEnded | None = None) -> list[e.Event]:
    """The end at ``at``, or when a platform says that it was, but never before the start.

    A snapshot comes of it where somebody was there, and something was done there.
    """
    report = report or c.ReportEnded()
    ended_at = at if report.at is None else report.at
    began_at = state.began_at(ended_at)
    lasted = (ended_at - began_at) // SECOND
    ending = e.SessionEnding(
        min(max(1, lasted), LONGEST_SESSION // SECOND) if report.duration is None else report.duration,
        is_publishable(state, report),
        reason,
        report.total_participants,
        report.average_hrv_improvement,
        report.duration,
        None if report.at is None else max(ended_at, began_at),
        sum(1 for _ in state.participants())
        if report.total_participants is None
        else report.total_participants,
    )
    return [ending, e.SessionEnded()]


def is_publishable(state: Session, report: c.ReportEnded) -> bool:
    """Whether somebody came and something was done, so that a snapshot is made of this end."""
    came = sum(1 for _ in state.participants())
    took_part = came if report.total_participants is None else report.total_participants
    stated = replace(
        state.stated,
        duration=report.duration,
        total_participants=report.total_participants,
        average_hrv_improvement=report.average_hrv_improvement,
    )
    return took_part > 0 and replace(state, stated=stated).took_place()


def recompute_snapshot(state: Session) -> list[e.Event]:
    """The event that asks for a new version of the snapshot, after a change of what an ended session shows."""
    return [e.StoryRecomputed()] if state.phase in (Phase.ENDED, Phase.PUBLISHED) else []


def session_over(state: Session) -> Conflict:
    """The refusal of what is too late for a session."""
    return Conflict("session_over", f"Session {state.session_id} is {state.phase}.")
