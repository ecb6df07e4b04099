"""The welcome, the first message of every live socket: the client's identity, its position, the session's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.domain.instant import Millis, iso
from engine.domain.session import STAFF, Role, Session
from engine.domain.techniques.lookup import named
from engine.protocol.outgoing import Message, chat_line, name_of, welcome_state
from engine.sessions.messages import Attach

__all__ = ["welcome"]


def welcome(
    state: Session,
    attach: Attach,
    names: Mapping[str, str],
    *,
    metrics: Mapping[str, Any],
    seq: int,
    recovered: bool,
    at: Millis,
) -> Message:
    """The welcome; the next numbered message after it is ``seq`` + 1. ``metrics`` are the group's."""
    join = attach.join
    payload: Message = {
        "type": "welcome",
        "session_id": state.session_id,
        "role": str(join.role),
        "client_id": join.client_id,
        "name": name_of(join.client_id, names),
        "epoch": state.epoch,
        "seq": seq,
        "recovered": recovered,
        "server_time": iso(at),
        "timestamp": iso(at),
        **welcome_state(state, at),
        "metrics": metrics,
        **attach.top,
    }
    member = state.members.get(join.client_id)
    if member is not None and join.role is Role.PARTICIPANT:
        payload["consents"] = {"heart_rate": member.heart_rate, "group": member.group}
        payload["opted_in"] = list(member.opted_in)
        payload["hand"] = member.hand
        payload["stopped"] = member.resting
    if join.role in STAFF:
        payload |= _for_staff(state, names, at)
    return payload


def _for_staff(state: Session, names: Mapping[str, str], at: Millis) -> Message:
    """What a console shows beside the room itself, so that one that is opened anew goes on like one that stayed open."""
    practised = {named(span.technique).name: None for span in state.spans if span.started_at <= at}
    return {
        "practised": list(practised),
        "curves": [
            {
                "at": iso(point.at),
                "hrv_improvement": point.hrv_improvement,
                "coherence": point.coherence,
                "synchrony": point.synchrony,
            }
            for point in state.curves
        ],
        "participants": [
            {
                "client_id": other.client_id,
                "name": name_of(other.client_id, names),
                "present": other.is_here,
                "presence": str(other.presence),
                "vouched": other.vouched,
                "hand": other.hand,
                "stopped": other.resting,
            }
            for other in state.participants()
        ],
        "chat_log": [
            {"seq": line.seq, **chat_line(line, names, state.details.instructor)} for line in state.chat
        ],
        "technique_ratings": [
            {"client_id": other.client_id, "technique": technique, "rating": rating}
            for other in state.participants()
            for technique, rating in other.technique_ratings.items()
        ],
    }
