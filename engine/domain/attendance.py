"""``decide`` for arrivals and departures: presence, capacity, and the locked door."""

from __future__ import annotations

from typing import assert_never

from engine.domain import commands as c
from engine.domain.events import (
    ConnectionLost,
    EpochBegun,
    Event,
    MemberJoined,
    MemberLeft,
    MemberReturned,
    RoomOpened,
    ServerRestarted,
)
from engine.domain.instant import Millis, iso
from engine.domain.registrations import is_held
from engine.domain.rejection import BadCredential, Conflict, Forbidden, NotFound, unknown_session
from engine.domain.session import GRACE, STAFF, Member, Phase, Presence, Role, Session

__all__ = ["attend", "join", "known_member", "leave", "leave_after_grace", "lose"]


def attend(state: Session, command: c.ConnectionCommand, _: c.Sender, at: Millis) -> list[Event]:
    """The events of a connection that comes or goes.

    Raises:
        Rejected: somebody may not come in (see ``join``).
    """
    match command:
        case c.Join():
            return join(state, command, at)
        case c.Leave():
            return leave(state, command.client_id)
        case c.LoseConnection():
            return lose(state, command.client_id)
        case c.Restart():
            return _restart(state, command.epoch)
        case _:
            assert_never(command)


def _restart(state: Session, epoch: str | None) -> list[Event]:
    if state.phase.is_over:
        return []
    begun: list[Event] = [] if epoch is None else [EpochBegun(epoch)]
    here = any(member.is_here and not member.external for member in state.members.values())
    return [*begun, ServerRestarted()] if here else begun


def join(state: Session, command: c.Join, at: Millis) -> list[Event]:
    """Somebody connects: for the first time, again, or in place of an older connection.

    Raises:
        Rejected: with the code that names the reason (``unknown_session``, ``client_id_in_use``, ``not_open_yet``,
            ``session_over``, ``token_required``, ``removed``, ``locked``, ``full``).
    """
    known = state.members.get(command.client_id)
    was_here = known is not None and known.owned and command.proved
    if state.details.visibility == "private" and not command.admitted and not was_here:
        # First of all: no other refusal may tell a stranger that it exists.
        raise unknown_session(state.session_id)
    opened: list[Event] = []
    if state.phase.is_over:
        raise Conflict("session_over", "This session is over.")
    if state.phase is Phase.SCHEDULED:
        # Whoever waited in it when it was moved is inside, and stays so within the grace of a lost connection.
        inside = known is not None and known.owned and known.is_here
        if at >= state.opens_at:
            opened.append(RoomOpened())
        elif command.role not in STAFF and not inside:
            raise Conflict("not_open_yet", "The room is not open yet.", {"opens_at": iso(state.opens_at)})
    if known is not None and known.presence is Presence.REMOVED:
        raise Forbidden("removed", "The instructor has asked this person to leave.")
    if known is not None and known.owned and not command.proved:
        raise BadCredential(
            "client_id_in_use", "Somebody here has this client_id; only they can return with it."
        )
    if command.client_id in command.held and not command.proved:
        raise BadCredential("client_id_in_use", "This client_id is somebody's who has said that they come.")
    if known is not None and known.role is not command.role:
        raise BadCredential("client_id_in_use", f"This client_id is here as {known.role}.")
    if state.details.access == "invite" and not command.admitted and (known is None or not known.owned):
        raise BadCredential(
            "token_required", "This session is by invitation: open the link that was sent to you."
        )
    if known is not None and not known.external:
        if known.presence is Presence.PRESENT:
            # The newer connection takes the older one's place; of who withdrew it is a new arrival.
            return [*opened, MemberReturned(command.client_id)] if known.withdrew else opened
        if known.presence is Presence.AWAY:
            return [*opened, MemberReturned(command.client_id)]
    if command.role not in STAFF:
        _admit(state, known, command, at)
    here = known is not None and known.is_here
    if here:  # Announced when a platform reported them; they come in person now.
        return [*opened, MemberReturned(command.client_id)]
    count = state.count() + (command.role is Role.PARTICIPANT)
    return [*opened, MemberJoined(command.client_id, command.role, count)]


def _admit(state: Session, known: Member | None, command: c.Join, at: Millis) -> None:
    if state.locked and (known is None or known.presence is not Presence.LOST):
        raise Forbidden("locked", "The door is closed for this session.")
    counted = command.role is not Role.PARTICIPANT or (known is not None and known.is_here)
    if not counted and state.count() + _held(state, command, at) >= state.details.max_participants:
        raise Conflict("full", f"All {state.details.max_participants} places are taken.")


def _held(state: Session, command: c.Join, at: Millis) -> int:
    """How many places are kept from somebody for others, who have said that they come and are not here."""
    if command.client_id in command.held or not is_held(state.started_at, at):
        return 0
    members = state.members
    return sum(1 for each in command.held if each not in members or not members[each].is_here)


def leave(state: Session, client_id: str) -> list[Event]:
    """Somebody left on purpose: announced at once."""
    member = state.members.get(client_id)
    if member is None or not member.is_here or state.phase.is_over:
        return []
    return [MemberLeft(client_id, member.role, _count_without(state, member))]


def lose(state: Session, client_id: str) -> list[Event]:
    """A connection was lost: the grace begins."""
    member = state.members.get(client_id)
    if member is None or member.presence is not Presence.PRESENT or state.phase.is_over:
        return []
    return [ConnectionLost(client_id)]


def leave_after_grace(state: Session, at: Millis) -> list[Event]:
    """Those whose grace has run out, in the order in which they were lost."""
    expired = sorted(
        (m for m in state.members.values() if m.presence is Presence.AWAY and m.since + GRACE <= at),
        key=lambda member: member.since,
    )
    count = state.count()
    events: list[Event] = []
    for member in expired:
        count -= member.role is Role.PARTICIPANT
        events.append(MemberLeft(member.client_id, member.role, count, "lost"))
    return events


def _count_without(state: Session, member: Member) -> int:
    return state.count() - (member.role is Role.PARTICIPANT)


def known_member(state: Session, client_id: str) -> Member:
    """The member with this ``client_id``.

    Raises:
        NotFound: nobody came with it.
    """
    member = state.members.get(client_id)
    if member is None:
        raise NotFound("unknown_client", f"Nobody here is {client_id}.")
    return member
