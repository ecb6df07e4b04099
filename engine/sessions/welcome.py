"""The welcome, the first message of every live socket: the client's identity, its position, the session's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.domain.instant import Millis, iso
from engine.domain.session import STAFF, Role, Session
from engine.protocol.outgoing import Message, name_of, welcome_state
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
    if join.role in STAFF:
        # So that a console that is opened anew goes on with the curves it had.
        payload["curves"] = [
            {
                "at": iso(point.at),
                "hrv_improvement": point.hrv_improvement,
                "coherence": point.coherence,
                "synchrony": point.synchrony,
            }
            for point in state.curves
        ]
        payload["participants"] = [
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
        ]
    return payload
