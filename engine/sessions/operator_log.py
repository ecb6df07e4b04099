"""Logs for operators that a session opened, started, ended or was cancelled, with figures and no names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from engine.domain import events as e
from engine.domain.instant import SECOND
from engine.domain.session import Session

__all__ = ["log_turn"]

_log = structlog.get_logger(__name__)


def log_turn(state: Session, events: Iterable[e.Event]) -> None:
    """Log what an operator wants to hear of the events of one durable turn; ``state`` is the one after them."""
    for event in events:
        # By far the most are said in the room, and no line here.
        log_event = _LINE_OF.get(type(event))
        if log_event is not None:
            log_event(state, event)


def _opened(state: Session, _: e.RoomOpened) -> None:
    _log.info("session opened", session_id=state.session_id)


def _started(state: Session, _: e.SessionStarted) -> None:
    _log.info("session started", session_id=state.session_id, participants=state.count())


def _ended(state: Session, event: e.SessionEnding) -> None:
    _log.info(
        "session ended",
        session_id=state.session_id,
        participants=_participants(state),
        lasted_s=_lasted_s(state),
        reason=event.reason,
    )


def _cancelled(state: Session, _: e.SessionCancelled) -> None:
    _log.info("session cancelled", session_id=state.session_id)


_LINE_OF: Mapping[type, Callable[[Session, Any], None]] = {
    e.RoomOpened: _opened,
    e.SessionStarted: _started,
    e.SessionEnding: _ended,
    e.SessionCancelled: _cancelled,
}


def _participants(state: Session) -> int:
    """How many took part: as a platform stated, or as many as came."""
    stated = state.stated.total_participants
    return sum(1 for _ in state.participants()) if stated is None else stated


def _lasted_s(state: Session) -> int:
    """Whole seconds from start to end, 0 where it never started."""
    if state.stated.duration is not None:
        return state.stated.duration
    if state.ended_at is None:
        return 0
    return max(0, state.ended_at - state.began_at(state.ended_at)) // SECOND
