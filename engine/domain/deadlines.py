"""The instants at which time alone changes a session: when each is due, and the next of all."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from engine.domain.instant import Millis
from engine.domain.session import (
    EMPTY_ROOM_TIMEOUT,
    GRACE,
    LONGEST_SESSION,
    WARNING_BEFORE_END,
    Phase,
    Presence,
    Session,
)

__all__ = ["Deadline", "due", "next_deadline", "time_limit_at"]


class Deadline(Enum):
    """What time alone brings about, beside the end of each member's grace."""

    OPENING = "opening"
    """The waiting room opens."""
    NOBODY_STARTS = "nobody_starts"
    """A waiting room in which nobody is left is closed."""
    TIME_LIMIT = "time_limit"
    """A live session ends by itself."""
    EMPTY = "empty"
    """A live session that everybody has left ends."""
    WARNING = "warning"
    """The end by the time limit is announced."""


def due(state: Session, at: Millis) -> list[Deadline]:
    """The deadlines of the session's phase that have come by ``at``."""
    return [deadline for deadline, due_at in _deadlines(state) if due_at <= at]


def next_deadline(state: Session) -> Millis | None:
    """The next instant at which time alone changes this session; None when it never does."""
    if state.phase.is_over:
        return None
    graces = (member.since + GRACE for member in state.members.values() if member.presence is Presence.AWAY)
    return min((*graces, *(due_at for _, due_at in _deadlines(state))), default=None)


def time_limit_at(state: Session) -> Millis:
    """When a live session ends by itself: two hours after its start, and not before a platform that reported the start
    late had time to report the rest."""
    assert state.started_at is not None
    told_at = state.started_at if state.start_told_at is None else state.start_told_at
    return max(state.started_at + LONGEST_SESSION, told_at + EMPTY_ROOM_TIMEOUT)


def _deadlines(state: Session) -> Iterator[tuple[Deadline, Millis]]:
    match state.phase:
        case Phase.SCHEDULED:
            yield Deadline.OPENING, state.opens_at
        case Phase.WAITING:
            if not state.somebody_is_here():
                # A session may be created after its scheduled start, and still waits for people.
                waits_from = max(state.details.scheduled_start, state.created_at)
                yield (
                    Deadline.NOBODY_STARTS,
                    max(waits_from + LONGEST_SESSION, (state.empty_since or 0) + EMPTY_ROOM_TIMEOUT),
                )
        case Phase.LIVE:
            time_limit = time_limit_at(state)
            yield Deadline.TIME_LIMIT, time_limit
            if not state.warned:
                yield Deadline.WARNING, time_limit - WARNING_BEFORE_END
            if state.empty_since is not None and not _people_are_elsewhere(state):
                yield Deadline.EMPTY, state.empty_since + EMPTY_ROOM_TIMEOUT
        case _:
            return


def _people_are_elsewhere(state: Session) -> bool:
    """Whether the people of this session need no connection: a platform reported them, or leads it and nobody came."""
    reported = any(member.external and member.is_here for member in state.members.values())
    unvisited = state.stated.started and not any(member.owned for member in state.participants())
    return reported or unvisited
