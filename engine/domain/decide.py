"""``decide``: what a command makes happen in a session, or why it does not.

Pure: the same state, command, sender and instant always give the same events.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.attendance import join, leave, leave_after_grace, lose
from engine.domain.deadlines import Deadline, due, time_limit_at
from engine.domain.instant import MINUTE, SECOND, Millis
from engine.domain.rejection import Conflict, Forbidden, Invalid, NotFound
from engine.domain.reports import report
from engine.domain.session import (
    LONGEST_SESSION,
    OPEN_AFTER_END,
    Member,
    Phase,
    Presence,
    Role,
    Session,
)
from engine.domain.start_and_end import end, is_publishable, start
from engine.domain.techniques.lookup import Pattern, named, slug_of

__all__ = ["SHORTEST_LEAD", "decide"]

SHORTEST_LEAD: Millis = 3 * SECOND
"""Changes are announced at least this long ahead, so that every pacer knows of them in time."""
_LATEST_LEAD: Millis = 10 * MINUTE


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
    allowed = c.PERMITTED.get(type(command))
    if allowed is not None and sender.role not in allowed:
        raise Forbidden("forbidden", f"Role {sender.role} may not send this.")
    match command:
        case c.Join():
            return join(state, command, at)
        case c.Leave():
            return leave(state, command.client_id)
        case c.LoseConnection():
            return lose(state, command.client_id)
        case c.Restart():
            here = any(member.is_here and not member.external for member in state.members.values())
            return [e.ServerRestarted()] if here and not state.phase.is_over else []
        case c.Tick():
            return _tick(state, at)
        case c.Engage():
            new = tuple(i for i in command.client_ids if i in state.members and not state.members[i].engaged)
            return [e.Engaged(new)] if new else []
        case c.RecordMetrics():
            return _record(command) if state.phase is Phase.LIVE else []
        case c.ReachMilestone():
            return [e.HrvMilestoneReached(command.improvement)] if state.phase is Phase.LIVE else []
        case c.ReachAchievement():
            reached = e.AchievementUnlocked(command.title, command.description, mark=command.mark)
            return [reached] if state.phase is Phase.LIVE else []
        case c.Withdraw():
            member = _known(state, command.client_id)
            # They go at once: whoever comes again is announced anew, and may speak again.
            gone = leave(state, member.client_id)
            return [e.PersonWithdrew(member.client_id), *gone, *_recomputed(state)]
        case c.MarkPublished():
            return [e.SessionPublished()] if state.phase is Phase.ENDED else []
        case (
            c.Start()
            | c.ChangeTechnique()
            | c.Rest()
            | c.ResumePractice()
            | c.Announce()
            | c.UnlockAchievement()
            | c.RemoveParticipant()
            | c.Vouch()
            | c.Lock()
            | c.SwitchChat()
            | c.End()
            | c.ChangeDetails()
            | c.Cancel()
        ):
            return _lead(state, command, at)
        case (
            c.Chat()
            | c.RateTechnique()
            | c.RateSession()
            | c.RaiseHand()
            | c.NeedToStop()
            | c.Consent()
            | c.OptIn()
            | c.LeaveAddress()
        ):
            return _take_part(state, command, sender, at)
        case (
            c.ReportStarted()
            | c.ReportJoined()
            | c.ReportLeft()
            | c.ReportTechnique()
            | c.ReportMilestone()
            | c.ReportAchievement()
            | c.ReportEnded()
        ):
            return report(state, command, at)
        case _:
            assert_never(command)


def _create(command: c.Create, at: Millis) -> list[e.Event]:
    created = e.SessionCreated(command.session_id, command.epoch, command.details)
    opens_at = Session(command.session_id, command.epoch, command.details, at, at).opens_at
    return [created, e.RoomOpened()] if opens_at <= at else [created]


def _record(command: c.RecordMetrics) -> list[e.Event]:
    recorded = e.MetricsRecorded(command.point)
    return [e.PartsFormed(command.formed), recorded] if command.formed else [recorded]


def _recomputed(state: Session) -> list[e.Event]:
    """A change of what is shown after the end makes a new version of the story."""
    return [e.StoryRecomputed()] if state.phase in (Phase.ENDED, Phase.PUBLISHED) else []


def _over(state: Session) -> Conflict:
    return Conflict("session_over", f"Session {state.session_id} is {state.phase}.")


def _need_live(state: Session) -> None:
    if state.phase.is_over:
        raise _over(state)
    if state.phase is not Phase.LIVE:
        raise Conflict("not_live", f"Session {state.session_id} has not started yet; start it first.")


def _lead(state: Session, command: c.StaffCommand | c.ChangeDetails | c.Cancel, at: Millis) -> list[e.Event]:
    """What instructors do."""
    if state.phase.is_over:
        if isinstance(command, c.End) and state.phase is not Phase.CANCELLED:
            return []  # A second end is harmless.
        raise _over(state)
    match command:
        case c.Start():
            if state.phase is Phase.LIVE:
                raise Conflict("already_live", f"Session {state.session_id} is live already.")
            return start(state)
        case c.ChangeTechnique():
            _need_live(state)
            return [_change_technique(state, command, at)]
        case c.Rest():
            _need_live(state)
            return [] if state.resting else [e.PracticeRested()]
        case c.ResumePractice():
            _need_live(state)
            return [e.PracticeResumed()] if state.resting else []
        case c.Announce():
            if not state.phase.is_open and not state.count():
                raise Conflict(
                    "not_open", f"Session {state.session_id} is not open yet: nobody could hear it."
                )
            return [e.Announced(command.title, command.message, command.action_url, command.type)]
        case c.UnlockAchievement():
            _need_live(state)
            return [e.AchievementUnlocked(command.title, command.description or "")]
        case c.RemoveParticipant():
            return _remove(state, command.client_id)
        case c.Vouch():
            member = _known(state, command.client_id)
            return (
                []
                if member.vouched == command.vouched
                else [e.SeatVouched(member.client_id, command.vouched)]
            )
        case c.Lock():
            return [] if state.locked == command.locked else [e.DoorLocked(command.locked)]
        case c.SwitchChat():
            return [] if state.details.chat == command.enabled else [e.ChatSwitched(command.enabled)]
        case c.End():
            if state.phase is Phase.SCHEDULED:
                raise Conflict("not_open", "A session that has not opened is cancelled, not ended.")
            return end(state, at, "ended")
        case c.ChangeDetails():
            return _change_details(state, command, at)
        case c.Cancel():
            if state.phase is Phase.LIVE:
                raise Conflict("already_live", "A live session is ended, not cancelled.")
            return [e.SessionCancelled()]
        case _:
            assert_never(command)


def _change_technique(state: Session, command: c.ChangeTechnique, at: Millis) -> e.TechniqueChanged:
    pattern = _custom_pattern(command.pattern)
    technique = named(command.technique, pattern)
    if technique.group is not None:
        planned = {slug_of(plan.technique) for plan in state.details.techniques}
        if technique.slug not in planned:
            raise Conflict(
                "not_in_plan",
                f"{technique.name} needs everybody's consent at joining: put it into the plan beforehand.",
            )
        if technique.group == "B" and state.details.place != "room":
            raise Conflict("room_only", f"{technique.name} is for people together in one room.")
    return e.TechniqueChanged(
        technique.name,
        _begins_at(state, command.at, at),
        command.duration,
        command.instruction,
        command.pattern,
    )


def _custom_pattern(steps: tuple[float, float, float, float] | None) -> Pattern | None:
    if steps is None:
        return None
    try:
        return Pattern.of(*steps)
    except ValueError as wrong:
        raise Invalid("invalid", "The pattern cannot be breathed.", {"pattern": str(wrong)}) from None


def _begins_at(state: Session, wanted: Millis | None, at: Millis) -> Millis:
    if wanted is not None:
        if wanted > at + _LATEST_LEAD:
            raise Invalid("invalid", "That is too far ahead.", {"at": "at most 10 minutes ahead"})
        return max(wanted, at)
    earliest = at + SHORTEST_LEAD
    current = state.technique_at(at)
    if current is None:
        return earliest
    pattern = named(current.technique, _custom_pattern(current.pattern)).pattern
    if pattern is None or state.resting:
        return earliest
    into = (earliest - current.started_at) % pattern.cycle_ms
    return earliest if into == 0 else earliest + pattern.cycle_ms - into


def _known(state: Session, client_id: str) -> Member:
    member = state.members.get(client_id)
    if member is None:
        raise NotFound("unknown_client", f"Nobody here is {client_id}.")
    return member


def _remove(state: Session, client_id: str) -> list[e.Event]:
    member = _known(state, client_id)
    if member.role is not Role.PARTICIPANT:
        raise Forbidden("forbidden", "Only participants can be removed.")
    if member.presence is Presence.REMOVED:
        return []
    if not member.is_here:
        return [e.MemberBarred(client_id)]
    return [e.MemberLeft(client_id, member.role, state.count() - 1, "removed")]


def _change_details(state: Session, command: c.ChangeDetails, at: Millis) -> list[e.Event]:
    """What changes; a session that has not begun opens or closes its doors as its new time says.

    Whoever already waits in a room that is moved away stays in it, and is told of the new time; others are let in when
    it opens.
    """
    changes = {name: value for name in command.__slots__ if (value := getattr(command, name)) is not None}
    details = replace(state.details, **changes)
    if details == state.details:
        return []
    if state.phase is Phase.LIVE and details.scheduled_start != state.details.scheduled_start:
        raise Conflict(
            "already_live", "A live session cannot be moved.", {"scheduled_start": "the session is live"}
        )
    events: list[e.Event] = [e.DetailsChanged(details)]
    opens_later = replace(state, details=details).opens_at > at
    if state.phase is Phase.SCHEDULED and not opens_later:
        events.append(e.RoomOpened())
    # By its time alone: a platform may have opened the room ahead of it.
    moved = details.scheduled_start != state.details.scheduled_start
    if state.phase is Phase.WAITING and moved and opens_later:
        events.append(e.RoomClosed())
    return events


def _take_part(state: Session, command: c.ParticipantCommand, sender: c.Sender, at: Millis) -> list[e.Event]:
    """What participants do."""
    member = _unwithdrawn(state, sender)
    if isinstance(command, c.LeaveAddress):
        _need_time(state, at)
        return []
    told_late = isinstance(command, c.RateSession | c.Consent)
    if state.phase.is_over and not (told_late and state.phase in (Phase.ENDED, Phase.PUBLISHED)):
        raise _over(state)
    if not (isinstance(command, c.Consent) and not (command.heart_rate or command.group)):
        _need_time(state, at)
    # What they say of themselves they may still say, and take back.
    if member.presence is Presence.REMOVED and not told_late:
        raise Forbidden("removed", "The instructor has asked this person to leave.")
    match command:
        case c.Chat():
            if not state.details.chat:
                raise Forbidden("chat_off", "The chat of this session is switched off.")
            return [e.ChatMessageSent(member.client_id, command.message)]
        case c.RateTechnique():
            return [e.TechniqueRated(member.client_id, command.technique, command.rating, command.difficulty)]
        case c.RateSession():
            return [e.SessionRated(member.client_id, command.rating), *_recomputed(state)]
        case c.RaiseHand():
            return [] if member.hand == command.raised else [e.HandRaised(member.client_id, command.raised)]
        case c.NeedToStop():
            return [e.StopNeeded(member.client_id)]
        case c.Consent():
            changed = e.ConsentChanged(member.client_id, command.heart_rate, command.group, command.version)
            return [changed, *_recomputed(state)]
        case c.OptIn():
            technique = named(command.technique)
            planned = {slug_of(plan.technique) for plan in state.details.techniques}
            if technique.group is None or technique.slug not in planned:
                raise Conflict("nothing_to_opt_in", f"{technique.name} asks for no consent in this session.")
            return [e.OptedIn(member.client_id, technique.name, command.accepted)]
        case _:
            assert_never(command)


def _unwithdrawn(state: Session, sender: c.Sender) -> Member:
    """Who says something of themselves, unless they took everything back since they began to."""
    member = state.members.get(sender.client_id or "")
    seen = state.position if sender.seen is None else sender.seen
    if member is None or member.withdrew or member.withdrawn > seen:
        raise NotFound("unknown_client", "Nothing is known of you here, or you have withdrawn.")
    return member


def _need_time(state: Session, at: Millis) -> None:
    over_since = state.over_since()
    if over_since is not None and at > over_since + OPEN_AFTER_END:
        raise Forbidden("too_late", "The session ended more than 24 hours ago; you can still withdraw.")


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
