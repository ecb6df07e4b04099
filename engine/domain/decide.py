"""``decide``: the events that a command causes in a session, or why it is refused.

Pure: the same state, command, sender and instant always give the same events. Each part of it owns the commands of one
union: ``leading``, ``participation``, ``attendance``, ``reports``; those of the server itself stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.attendance import attend, known_member, leave, leave_after_grace
from engine.domain.deadlines import Deadline, due, time_limit_at
from engine.domain.instant import MINUTE, Millis
from engine.domain.leading import lead
from engine.domain.participation import take_part
from engine.domain.rejection import Conflict, Forbidden, NotFound
from engine.domain.reports import report
from engine.domain.session import LONGEST_SESSION, Phase, Session
from engine.domain.start_and_end import end, is_publishable, recompute_snapshot

__all__ = ["decide"]


def decide(state: Session | None, command: c.Command, *, sender: c.Sender, at: Millis) -> list[e.Event]:
    """The events that ``command`` causes at ``at``, in order; none when it changes nothing.

    Raises:
        Rejected: the command is refused; nothing changes.
    """
    if isinstance(command, c.Create):
        if state is not None:
            raise Conflict("session_exists", f"There is already a session {command.session_id}.")
        return _create(command, at)
    if state is None:
        raise NotFound("unknown_session", "There is no such session.")
    kind = type(command)
    allowed = c.PERMITTED.get(kind)
    if allowed is not None and sender.role not in allowed:
        raise Forbidden("forbidden", f"Role {sender.role} may not send this.")
    return _DECIDED_BY[kind](state, command, sender, at)


def _create(command: c.Create, at: Millis) -> list[e.Event]:
    created = e.SessionCreated(command.session_id, command.epoch, command.details)
    opens_at = Session(command.session_id, command.epoch, command.details, at, at).opens_at
    return [created, e.RoomOpened()] if opens_at <= at else [created]


def _serve(state: Session, command: c.ServerCommand, _: c.Sender, at: Millis) -> list[e.Event]:
    """The events of a command by the server itself."""
    live = state.phase is Phase.LIVE
    match command:
        case c.Tick():
            return _tick(state, at)
        case c.MarkEngaged():
            new = tuple(i for i in command.client_ids if i in state.members and not state.members[i].engaged)
            return [e.Engaged(new)] if new else []
        case c.RecordMetrics():
            return _record(command) if live else []
        case c.ReachMilestone():
            return [e.HrvMilestoneReached(command.improvement)] if live else []
        case c.ReachAchievement():
            reached = e.AchievementUnlocked(command.title, command.description, mark=command.mark)
            return [reached] if live else []
        case c.Withdraw():
            member = known_member(state, command.client_id)
            # They leave at once: whoever comes again is announced anew, and may speak again.
            left = leave(state, member.client_id)
            return [e.PersonWithdrew(member.client_id), *left, *recompute_snapshot(state)]
        case c.MarkPublished():
            return [e.SessionPublished()] if state.phase is Phase.ENDED else []
        case _:
            assert_never(command)


def _record(command: c.RecordMetrics) -> list[e.Event]:
    recorded = e.MetricsRecorded(command.point)
    return [e.PartsFormed(command.formed), recorded] if command.formed else [recorded]


def _tick(state: Session, at: Millis) -> list[e.Event]:
    """Everything that time alone makes due, oldest first."""
    if state.phase is Phase.ENDING:
        return [e.SessionEnded()]
    if state.phase.is_over:
        return []
    passed = due(state, at)
    if Deadline.TIME_LIMIT in passed:
        return end(state, at, "time_limit", report=_latest_end(state))
    if Deadline.EMPTY in passed:
        return end(state, at, "empty")
    events: list[e.Event] = leave_after_grace(state, at)
    if Deadline.NOBODY_STARTS in passed and not events:
        return end(state, at, "empty" if is_publishable(state, c.ReportEnded()) else "nobody_came")
    if Deadline.OPENING in passed:
        events.append(e.RoomOpened())
    if Deadline.WARNING in passed:
        left = (time_limit_at(state) - at) / MINUTE
        events.append(e.EndAnnounced(max(1, round(left))))
    return events


def _latest_end(state: Session) -> c.ReportEnded | None:
    """The end of a session whose start a platform reported late, and its end never: two hours after its start."""
    assert state.started_at is not None
    latest = state.started_at + LONGEST_SESSION
    return c.ReportEnded(at=latest) if time_limit_at(state) > latest else None


_DECIDED_BY: Mapping[type, Callable[[Session, Any, c.Sender, Millis], list[e.Event]]] = {
    **dict.fromkeys(c.LeadingCommand.__args__, lead),
    **dict.fromkeys(c.ParticipantCommand.__args__, take_part),
    **dict.fromkeys(c.ConnectionCommand.__args__, attend),
    **dict.fromkeys(c.Report.__args__, report),
    **dict.fromkeys(c.ServerCommand.__args__, _serve),
}
"""A table by type: a match would try one case after the other."""
