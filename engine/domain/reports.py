"""``decide`` for the reports of platforms: taken as stated, late ones and in any order.

An event with an instant of its own goes into the record there. One that is older than what is under way changes
nobody's screen.
"""

from __future__ import annotations

from typing import assert_never

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.instant import Millis
from engine.domain.late_reports import has_newer_technique, is_outdated, member_after_report
from engine.domain.session import Member, Phase, Presence, Role, Session
from engine.domain.start_and_end import end, start
from engine.domain.techniques.lookup import named

__all__ = ["report"]


def report(state: Session, command: c.Report, _: c.Sender, at: Millis) -> list[e.Event]:
    """The events of a report; none where the session is over, or nothing changes."""
    if state.phase.is_over:
        return []
    match command:
        case c.ReportStarted():
            return [] if state.phase is Phase.LIVE else start(state, command)
        case c.ReportEnded():
            return [*_opened(state), *end(state, at, "ended", report=command)]
        case c.ReportJoined():
            return _joined(state, command)
        case c.ReportLeft():
            return _left(state, command)
        case c.ReportTechnique():
            return [*_opened(state), _technique(state, command, at)]
        case c.ReportMilestone():
            return [*_opened(state), _milestone(state, command, at)]
        case c.ReportAchievement():
            return [*_opened(state), _achievement(state, command, at)]
        case _:
            assert_never(command)


def _opened(state: Session) -> list[e.Event]:
    return [e.RoomOpened()] if state.phase is Phase.SCHEDULED else []


def _technique(state: Session, command: c.ReportTechnique, at: Millis) -> e.TechniqueChanged | e.ReportedLate:
    when = at if command.at is None else command.at
    changed = e.TechniqueChanged(
        named(command.technique).name,
        when,
        command.duration,
        command.instruction,
        stated=command.at is not None,
    )
    return (
        e.ReportedLate(changed)
        if command.at is not None and has_newer_technique(state, when, at)
        else changed
    )


def _milestone(
    state: Session, command: c.ReportMilestone, at: Millis
) -> e.HrvMilestoneReached | e.ReportedLate:
    reached = e.HrvMilestoneReached(
        command.improvement, command.average_hrv, stated=True, reached_at=command.at
    )
    newest = max((reached_at for reached_at, _ in state.stated_milestones), default=None)
    late = command.at is not None and is_outdated(state, command.at, at, newest)
    return e.ReportedLate(reached) if late else reached


def _achievement(
    state: Session, command: c.ReportAchievement, at: Millis
) -> e.AchievementUnlocked | e.ReportedLate:
    unlocked = e.AchievementUnlocked(
        command.title, command.description, command.badge_url, unlocked_at=command.at
    )
    newest = max((badge.at for badge in state.achievements if badge.mark is None), default=None)
    late = command.at is not None and is_outdated(state, command.at, at, newest)
    return e.ReportedLate(unlocked) if late else unlocked


def _joined(state: Session, command: c.ReportJoined) -> list[e.Event]:
    member = state.members.get(command.client_id)
    joined = e.MemberJoined(
        command.client_id, Role.PARTICIPANT, state.count() + 1, external=True, joined_at=command.at
    )
    if member is None:
        return [*_opened(state), joined]
    # Whoever was asked to leave stays out, whoever withdrew says themselves that they came again, and whoever is here
    # over a connection is here, whatever a platform says.
    if member.presence is Presence.REMOVED or member.withdrew or member.role is not Role.PARTICIPANT:
        return []
    if command.at is None:
        return [] if member.is_here else [*_opened(state), joined]
    if member.is_here and not member.external:
        return []
    after = member_after_report(member, command.at, here=True)
    if after.is_here and not member.is_here:
        return [*_opened(state), joined]
    return [] if after == member or not member.external else [e.ReportedLate(joined)]


def _left(state: Session, command: c.ReportLeft) -> list[e.Event]:
    member = state.members.get(command.client_id)
    if member is None:
        if command.at is None:
            return []
        # Their coming is reported later: they were here.
        left = e.MemberLeft(command.client_id, Role.PARTICIPANT, state.count(), left_at=command.at)
        return [*_opened(state), e.ReportedLate(left)]
    # Who is here over a connection of their own leaves by it.
    if not _is_reported(member):
        return []
    leaves = member.is_here and (
        command.at is None or not member_after_report(member, command.at, here=False).is_here
    )
    count = state.count() - leaves
    left = e.MemberLeft(command.client_id, Role.PARTICIPANT, count, left_at=command.at)
    if leaves:
        return [left]
    if command.at is None or member_after_report(member, command.at, here=False) == member:
        return []
    return [e.ReportedLate(left)]


def _is_reported(member: Member) -> bool:
    return (
        member.external
        and member.role is Role.PARTICIPANT
        and member.presence is not Presence.REMOVED
        and not member.withdrew
    )
