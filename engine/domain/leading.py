"""``decide`` for the commands of staff: start, techniques, announcements, the door, details, end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.attendance import known_member
from engine.domain.instant import MINUTE, SECOND, Millis
from engine.domain.rejection import Conflict, Forbidden, Invalid, NotFound
from engine.domain.session import Details, Phase, Presence, Role, Session, TechniquePlan
from engine.domain.start_and_end import end, session_over, start
from engine.domain.techniques.lookup import Pattern, find, named, slug_of

__all__ = ["SHORTEST_LEAD", "lead"]

SHORTEST_LEAD: Millis = 3 * SECOND
"""Changes are announced at least this long ahead, so that every pacer knows of them in time."""
_LATEST_LEAD: Millis = 10 * MINUTE


def lead(state: Session, command: c.LeadingCommand, _: c.Sender, at: Millis) -> list[e.Event]:
    """The events of a command by staff.

    Raises:
        Rejected: the session's phase does not allow it, or it names what is not there.
    """
    if state.phase.is_over:
        if isinstance(command, c.End) and state.phase is not Phase.CANCELLED:
            return []  # A second end is harmless.
        raise session_over(state)
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
            removed = _remove(state, command.client_id)
            # Their words first: they go from the screen of whoever is removed, too.
            return (
                [e.MessagesDeleted(client_id=command.client_id), *removed]
                if command.delete_messages
                else removed
            )
        case c.DeleteMessage():
            if command.seq > state.seq:
                raise NotFound("unknown_message", f"There is no message {command.seq} in this session.")
            return [e.MessagesDeleted(seq=command.seq)]
        case c.Vouch():
            member = known_member(state, command.client_id)
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
            if command.by_series and state.details.changed_alone:
                return []
            return [e.SessionCancelled()]
        case _:
            assert_never(command)


def _need_live(state: Session) -> None:
    if state.phase.is_over:
        raise session_over(state)
    if state.phase is not Phase.LIVE:
        raise Conflict("not_live", f"Session {state.session_id} has not started yet; start it first.")


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
    steps = command.pattern
    if steps is None and find(command.technique) is None:
        # One of the plan with a pattern of its own keeps that, whoever begins it by its name.
        steps = next(
            (p.pattern for p in state.details.techniques if slug_of(p.technique) == technique.slug), None
        )
    return e.TechniqueChanged(
        technique.name,
        _begins_at(state, command.at, at),
        command.duration,
        command.instruction,
        steps,
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


def _remove(state: Session, client_id: str) -> list[e.Event]:
    member = known_member(state, client_id)
    if member.role is not Role.PARTICIPANT:
        raise Forbidden("forbidden", "Only participants can be removed.")
    if member.presence is Presence.REMOVED:
        return []
    if not member.is_here:
        return [e.MemberBarred(client_id)]
    return [e.MemberLeft(client_id, member.role, state.count() - 1, "removed")]


_FIXED_WHEN_LIVE: Mapping[str, str] = {
    "scheduled_start": "the session is live: it cannot be moved",
    "instructor": "the session is live: its instructor stays",
    "access": "the session is live: who may join stays as it is",
    "visibility": "the session is live: who may see it stays as it is",
    "place": "the session is live: it takes place where it began",
    "session_type": "the session is live: it stays what it was announced as",
}


def _need_changeable_live(state: Session, details: Details, at: Millis) -> None:
    """Raise ``Conflict`` where a live session would change in what its people came for, or in what was practised.

    What has begun of the plan stays in it as it was; the rest may be changed, taken out and put into another order.
    """
    refused = {
        name: reason
        for name, reason in _FIXED_WHEN_LIVE.items()
        if getattr(details, name) != getattr(state.details, name)
    }
    kept = list(details.techniques)
    for item in _begun(state, at):
        if item not in kept:
            refused["techniques"] = f"{item.technique} has begun: it stays in the plan as it is"
            break
        kept.remove(item)
    if refused:
        raise Conflict("already_live", "The session is live: see details.", refused)


def _begun(state: Session, at: Millis) -> list[TechniquePlan]:
    """The items of the plan that have begun: for each technique as many as there were times of it, the first ones."""
    times = Counter(slug_of(span.technique) for span in state.spans if span.started_at <= at)
    begun = []
    for item in state.details.techniques:
        slug = named(item.technique).slug
        if times[slug] > 0:
            times[slug] -= 1
            begun.append(item)
    return begun


def _change_details(state: Session, command: c.ChangeDetails, at: Millis) -> list[e.Event]:
    """What changes; a session that has not begun opens or closes its doors as its new time says.

    Whoever already waits in a room that is moved away stays in it, and gets the new time; others are let in when
    it opens.
    """
    alone = state.details.series_id is not None and not command.by_series
    if command.by_series and (state.phase is Phase.LIVE or state.details.changed_alone):
        return []
    changes = {
        name: value
        for name in command.__slots__
        if name not in ("by_series", "cleared") and (value := getattr(command, name)) is not None
    } | dict.fromkeys(command.cleared)
    if changes.get("visibility") == "private":
        changes.setdefault("access", "invite")
    details = replace(state.details, **changes)
    if details.visibility == "private" and changes.get("access") == "open":
        raise Invalid(
            "invalid_data",
            "A private session is by invitation.",
            {"access": "open is not possible while visibility is private"},
        )
    if details == state.details:
        return []
    if state.phase is Phase.LIVE:
        _need_changeable_live(state, details, at)
    if alone:
        details = replace(details, changed_alone=True)
    events: list[e.Event] = [e.DetailsChanged(details)]
    opens_later = replace(state, details=details).opens_at > at
    if state.phase is Phase.SCHEDULED and not opens_later:
        events.append(e.RoomOpened())
    # By its time alone: a platform may have opened the room ahead of it.
    moved = details.scheduled_start != state.details.scheduled_start
    if state.phase is Phase.WAITING and moved and opens_later:
        events.append(e.RoomClosed())
    return events
