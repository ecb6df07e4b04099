"""``decide`` for the commands of participants: chat, in which staff answer too, ratings, consents, a raised hand."""

from __future__ import annotations

from typing import assert_never

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.instant import Millis
from engine.domain.rejection import Conflict, Forbidden, NotFound
from engine.domain.session import OPEN_AFTER_END, STAFF, Member, Phase, Presence, Session
from engine.domain.start_and_end import recompute_snapshot, session_over
from engine.domain.techniques.lookup import named, slug_of

__all__ = ["take_part"]


def take_part(state: Session, command: c.ParticipantCommand, sender: c.Sender, at: Millis) -> list[e.Event]:
    """The events of a command by a participant.

    Ratings and consents are accepted after the end too, for ``OPEN_AFTER_END``; consents can be taken back at any time.

    Raises:
        Rejected: the session's phase does not allow it, or the sender was removed or has withdrawn.
    """
    member = _sender_of(state, sender)
    if isinstance(command, c.LeaveAddress):
        _need_open_feedback(state, at)
        return []
    allowed_after_end = isinstance(command, c.RateSession | c.Consent)
    if state.phase.is_over and not (allowed_after_end and state.phase in (Phase.ENDED, Phase.PUBLISHED)):
        raise session_over(state)
    if not (isinstance(command, c.Consent) and not (command.heart_rate or command.group)):
        _need_open_feedback(state, at)
    # What they say of themselves they may still say, and take back.
    if member.presence is Presence.REMOVED and not allowed_after_end:
        raise Forbidden("removed", "The instructor has asked this person to leave.")
    match command:
        case c.Chat():
            if not state.details.chat:
                raise Forbidden("chat_off", "The chat of this session is switched off.")
            return [e.ChatMessageSent(member.client_id, command.message, sender.role in STAFF)]
        case c.RateTechnique():
            return [e.TechniqueRated(member.client_id, command.technique, command.rating, command.difficulty)]
        case c.RateSession():
            return [e.SessionRated(member.client_id, command.rating), *recompute_snapshot(state)]
        case c.RaiseHand():
            return [] if member.hand == command.raised else [e.HandRaised(member.client_id, command.raised)]
        case c.NeedToStop():
            # Asked for again, it is told again; only who has stopped comes back.
            known = not command.stopped and not member.resting
            return [] if known else [e.StopNeeded(member.client_id, command.stopped)]
        case c.Consent():
            changed = e.ConsentChanged(member.client_id, command.heart_rate, command.group, command.version)
            return [changed, *recompute_snapshot(state)]
        case c.OptIn():
            technique = named(command.technique)
            planned = {slug_of(plan.technique) for plan in state.details.techniques}
            if technique.group is None or technique.slug not in planned:
                raise Conflict("nothing_to_opt_in", f"{technique.name} asks for no consent in this session.")
            return [e.OptedIn(member.client_id, technique.name, command.accepted)]
        case _:
            assert_never(command)


def _sender_of(state: Session, sender: c.Sender) -> Member:
    """The member who sent a command, unless they have withdrawn since they began to."""
    member = state.members.get(sender.client_id or "")
    seen = state.position if sender.seen is None else sender.seen
    if member is None or member.withdrew or member.withdrawn > seen:
        raise NotFound("unknown_client", "Nothing is known of you here, or you have withdrawn.")
    return member


def _need_open_feedback(state: Session, at: Millis) -> None:
    over_since = state.over_since()
    if over_since is not None and at > over_since + OPEN_AFTER_END:
        raise Forbidden("too_late", "The session ended more than 24 hours ago; you can still withdraw.")
