"""``evolve``: the state after an event. Total: every event in a journal has already happened.

One module, although a long one: a branch for each event, as many as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias, assert_never

from engine.domain import events as e
from engine.domain.instant import Millis
from engine.domain.late_reports import insert_in_order, insert_span, member_after_report
from engine.domain.recompute import without_share
from engine.domain.session import (
    CHAT_KEPT,
    Announcement,
    Badge,
    ChatLine,
    Member,
    Phase,
    Presence,
    Role,
    Session,
    Span,
)
from engine.domain.session_draft import draft_after, finished

__all__ = ["evolve", "evolve_all"]

_PRESENCE_AFTER: Mapping[str, Presence] = {
    "left": Presence.LEFT,
    "lost": Presence.LOST,
    "removed": Presence.REMOVED,
}

_OBSERVERS_KEPT = 500
"""Observers who have left and may return to their place, at most."""

_Changes: TypeAlias = dict[str, Any]
"""New values by the names of the fields of ``Session``."""


def evolve_all(state: Session | None, events: Iterable[tuple[e.Event, Millis]]) -> Session | None:
    """Fold a journal, oldest first."""
    for event, at in events:
        state = evolve(state, event, at)
    return state


def evolve(state: Session | None, event: e.Event, at: Millis) -> Session:
    """The state after ``event`` happened at ``at``."""
    if isinstance(event, e.SessionCreated):
        return Session(event.session_id, event.epoch, event.details, at, at, position=1)
    assert state is not None, "a journal begins with SessionCreated"
    # Not ``dataclasses.replace``, which takes ten times as long: every message of every room comes through here.
    draft = draft_after(state, seq=state.seq + 1 if e.is_numbered(event) else state.seq, at=at)
    changes_of = _CHANGES_OF.get(type(event))
    if changes_of is not None:
        for name, value in changes_of(state, event, at).items():
            setattr(draft, name, value)
    return finished(draft)


def _lifecycle(state: Session, event: e.LifecycleEvent, at: Millis) -> _Changes:
    match event:
        case e.RoomOpened():
            return {"phase": Phase.WAITING}
        case e.RoomClosed():
            return {"phase": Phase.SCHEDULED}
        case e.DetailsChanged():
            return {"details": event.details, "sequence": state.sequence + 1}
        case e.ChatSwitched():
            return {"details": replace(state.details, chat=event.enabled)}
        case e.DoorLocked():
            return {"locked": event.locked}
        case e.SessionCancelled():
            return {"phase": Phase.CANCELLED, "sequence": state.sequence + 1, "ended_at": at, "chat": ()}
        case e.SessionStarted():
            return {
                "phase": Phase.LIVE,
                "started_at": at if event.started_at is None else event.started_at,
                "start_told_at": at,
                "details": replace(state.details, title=event.title, instructor=event.instructor),
                "stated": replace(state.stated, started=event.by_platform),
                "empty_since": None if state.somebody_is_here() else at,
            }
        case e.EndAnnounced():
            return {"warned": True}
        case e.ClockSet():
            return _shifted(state, event.by)
        case e.EpochBegun():
            return {"epoch": event.epoch, "epochs": state.epochs + 1}
        case e.SessionEnding():
            return _ending(state, event, at)
        case e.SessionEnded():
            return {"phase": Phase.ENDED}
        case e.SessionPublished():
            return {"phase": Phase.PUBLISHED}
        case _:
            assert_never(event)


def _shifted(state: Session, by: Millis) -> _Changes:
    """Every instant from which a duration is counted, later by what the date leapt: all durations so far stay."""

    def later(instant: Millis | None) -> Millis | None:
        return None if instant is None else instant + by

    announcement = state.announcement
    return {
        "started_at": later(state.started_at),
        "start_told_at": later(state.start_told_at),
        "empty_since": later(state.empty_since),
        "members": {
            client_id: replace(member, joined_at=member.joined_at + by, since=member.since + by)
            for client_id, member in state.members.items()
        },
        "spans": tuple(replace(span, started_at=span.started_at + by) for span in state.spans),
        "curves": tuple(replace(point, at=point.at + by) for point in state.curves),
        "milestones": tuple((at + by, improvement) for at, improvement in state.milestones),
        "stated_milestones": tuple((at + by, improvement) for at, improvement in state.stated_milestones),
        "achievements": tuple(replace(badge, at=badge.at + by) for badge in state.achievements),
        # What stands on the screens was said since the present technique began.
        "announcement": None if announcement is None else replace(announcement, at=announcement.at + by),
    }


def _ending(state: Session, event: e.SessionEnding, at: Millis) -> _Changes:
    stated = replace(
        state.stated,
        duration=event.stated_duration,
        total_participants=event.total_participants,
        average_hrv_improvement=event.average_hrv_improvement,
    )
    return {
        "phase": Phase.ENDING,
        "ended_at": at if event.ended_at is None else event.ended_at,
        "end_told_at": at,
        "end_reason": event.reason,
        "stated": stated,
        # Nobody comes in any more who would read it, and what people wrote is not kept with the state.
        "chat": (),
    }


def _attendance(state: Session, event: e.AttendanceEvent, at: Millis) -> _Changes:
    match event:
        case e.MemberJoined():
            return {**_with_members(state, _joined(state, event, at)), "here": event.count}
        case e.MemberReturned():
            member = _with_presence(state, event.client_id, Presence.PRESENT, at)
            return _with_members(state, replace(member, external=False, owned=True, withdrew=False))
        case e.ConnectionLost():
            return _with_members(state, _with_presence(state, event.client_id, Presence.AWAY, at))
        case e.MemberBarred():
            return _with_members(state, _with_presence(state, event.client_id, Presence.REMOVED, at))
        case e.ServerRestarted():
            return {
                "members": {
                    member.client_id: _with_presence(state, member.client_id, Presence.AWAY, at)
                    if member.is_here and not member.external
                    else member
                    for member in state.members.values()
                }
            }
        case e.MemberLeft():
            return _left(state, event, at)
        case _:
            assert_never(event)


def _left(state: Session, event: e.MemberLeft, at: Millis) -> _Changes:
    left_at = at if event.left_at is None else event.left_at
    before = state.members[event.client_id]
    after = _with_presence(state, event.client_id, _PRESENCE_AFTER[event.reason], left_at)
    changes = {**_with_members(state, after), "here": event.count}
    if before.role is Role.OBSERVER:
        changes["members"] = _without_old_observers(changes["members"])
    counted = before.is_here and before.role is not Role.OBSERVER
    if counted and not replace(state, **changes).somebody_is_here():
        changes["empty_since"] = at
    return changes


def _without_old_observers(members: Mapping[str, Member]) -> Mapping[str, Member]:
    """The members, of the observers who have left only the newest hundreds: those may return to their place.

    Nobody counts observers, in the room or in its story: kept for ever, whoever came as one again and again would make every
    event of a session slower than the one before.
    """
    gone = [
        member.client_id
        for member in members.values()
        if member.role is Role.OBSERVER and member.presence in (Presence.LEFT, Presence.LOST)
    ]
    if len(gone) <= _OBSERVERS_KEPT:
        return members
    # Half at a time: not every departure pays for it.
    old = set(gone[: -(_OBSERVERS_KEPT // 2)])
    return {client_id: member for client_id, member in members.items() if client_id not in old}


def _practice(state: Session, event: e.PracticeEvent, at: Millis) -> _Changes:
    match event:
        case e.TechniqueChanged():
            # A change that was announced but had not begun gives way to the newer one.
            return {"spans": insert_span(state.spans, _span(event), at), "resting": False}
        case e.PracticeRested():
            return {"resting": True}
        case e.PracticeResumed():
            return {"resting": False}
        case e.HrvMilestoneReached():
            return _reached(state, event, at)
        case e.AchievementUnlocked():
            unlocked_at = at if event.unlocked_at is None else event.unlocked_at
            badge = Badge(unlocked_at, event.title, event.description, event.badge_url, event.mark)
            return {"achievements": insert_in_order(state.achievements, badge, attrgetter("at"))}
        case e.MetricsRecorded():
            return {"curves": (*state.curves, event.point)}
        case e.PartsFormed():
            formed = {part.number: part for part in event.parts}
            return {"parts": {**state.parts, **formed}, "parts_formed": max(state.parts_formed, *formed)}
        case _:
            assert_never(event)


def _personal(state: Session, event: e.PersonalEvent, _: Millis) -> _Changes:
    if isinstance(event, e.Engaged):
        return _with_members(state, *(replace(state.members[i], engaged=True) for i in event.client_ids))
    member = state.members[event.client_id]
    match event:
        case e.HandRaised():
            return _with_members(state, replace(member, hand=event.raised))
        case e.StopNeeded():
            return _with_members(state, replace(member, resting=event.stopped))
        case e.TechniqueRated():
            rated = {**member.technique_ratings, event.technique: event.rating}
            return _with_members(state, replace(member, technique_ratings=rated))
        case e.SessionRated():
            return _with_members(state, replace(member, rating=event.rating))
        case e.ConsentChanged():
            changes = _with_members(state, replace(member, heart_rate=event.heart_rate, group=event.group))
            if member.heart_rate and member.group and not (event.heart_rate and event.group):
                changes |= without_share(state, event.client_id)
            return changes
        case e.OptedIn():
            others = tuple(name for name in member.opted_in if name != event.technique)
            opted_in = (*others, event.technique) if event.accepted else others
            return _with_members(state, replace(member, opted_in=opted_in))
        case e.SeatVouched():
            return _with_members(state, replace(member, vouched=event.vouched))
        case e.PersonWithdrew():
            nothing_given = replace(
                member,
                heart_rate=False,
                group=False,
                vouched=False,
                rating=None,
                technique_ratings={},
                opted_in=(),
                withdrew=True,
                withdrawn=state.position + 1,
            )
            said_by_others = tuple(line for line in state.chat if line.client_id != event.client_id)
            changes = _with_members(state, nothing_given) | without_share(state, event.client_id)
            return changes | {"chat": said_by_others}
        case _:
            assert_never(event)


def _spoken(state: Session, event: e.SpokenEvent, at: Millis) -> _Changes:
    match event:
        case e.ChatMessageSent():
            line = ChatLine(state.seq + 1, event.client_id, event.message, event.by_staff)
            return {"chat": (*state.chat[1 - CHAT_KEPT :], line)}
        case e.MessagesDeleted():
            kept = tuple(
                line for line in state.chat if line.seq != event.seq and line.client_id != event.client_id
            )
            return {"chat": kept, "messages_deleted": state.position + 1}
        case e.Announced():
            return {"announcement": Announcement(at, event.title, event.message, event.action_url)}
        case _:
            assert_never(event)


def _joined(state: Session, event: e.MemberJoined, at: Millis) -> Member:
    when = at if event.joined_at is None else event.joined_at
    known = state.members.get(event.client_id)
    if known is None:
        known = Member(event.client_id, event.role, when, Presence.PRESENT, when)
    owned = known.owned or not event.external
    return replace(
        known,
        joined_at=known.joined_at if event.joined_at is None else min(known.joined_at, when),
        presence=Presence.PRESENT,
        since=when,
        external=event.external,
        owned=owned,
        hand=False,
        resting=False,
        withdrew=False,
    )


def _span(event: e.TechniqueChanged) -> Span:
    return Span(
        event.technique, event.started_at, event.duration, event.instruction, event.pattern, event.stated
    )


def _reached(state: Session, event: e.HrvMilestoneReached, at: Millis) -> _Changes:
    reached_at = at if event.reached_at is None else event.reached_at
    milestone = (reached_at, event.improvement)
    changes: _Changes = {"milestones": insert_in_order(state.milestones, milestone, itemgetter(0))}
    if event.stated:
        stated = insert_in_order(state.stated_milestones, milestone, itemgetter(0))
        changes["stated_milestones"] = stated
        if stated[-1] is milestone:
            changes["stated"] = replace(
                state.stated, improvement=event.improvement, average_hrv=event.average_hrv
            )
    return changes


def _reported_late(state: Session, reported: e.ReportedLate, at: Millis) -> _Changes:
    """What a late report adds to the record; who is here, and what is under way, stay as they are."""
    event = reported.event
    match event:
        case e.TechniqueChanged():
            return {"spans": insert_span(state.spans, _span(event), at)}
        case e.MemberJoined() | e.MemberLeft():
            here = isinstance(event, e.MemberJoined)
            stated_at = event.joined_at if isinstance(event, e.MemberJoined) else event.left_at
            when = at if stated_at is None else stated_at
            member = state.members.get(event.client_id) or Member(
                event.client_id, event.role, when, Presence.LEFT, when, external=True
            )
            return {
                "members": {**state.members, event.client_id: member_after_report(member, when, here=here)}
            }
        case e.HrvMilestoneReached() | e.AchievementUnlocked():
            return _practice(state, event, at)
        case _:
            assert_never(event)


def _with_presence(state: Session, client_id: str, presence: Presence, at: Millis) -> Member:
    member = state.members[client_id]
    if state.started_at is None:
        return replace(member, presence=presence, since=at)
    return replace(member, presence=presence, since=at, present_ms=member.present_until(at, state.started_at))


def _with_members(state: Session, *members: Member) -> _Changes:
    changes: _Changes = {"members": {**state.members, **{member.client_id: member for member in members}}}
    if any(
        m.presence is Presence.PRESENT and m.role is not Role.OBSERVER and not m.external for m in members
    ):
        changes["empty_since"] = None
    return changes


_CHANGES_OF: Mapping[type, Callable[[Session, Any, Millis], _Changes]] = {
    **dict.fromkeys(e.LifecycleEvent.__args__, _lifecycle),
    **dict.fromkeys(e.AttendanceEvent.__args__, _attendance),
    **dict.fromkeys(e.PracticeEvent.__args__, _practice),
    **dict.fromkeys(e.PersonalEvent.__args__, _personal),
    **dict.fromkeys(e.SpokenEvent.__args__, _spoken),
    e.ReportedLate: _reported_late,
}
"""The fields that an event changes, beside the counters. A table by type: a match would try one case after the other."""
