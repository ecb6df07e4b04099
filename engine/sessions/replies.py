"""Replies to the sender of a socket message, sent once its command is durable."""

from __future__ import annotations

from engine.domain import commands as c
from engine.domain.instant import Millis, iso
from engine.protocol.incoming import Inbound
from engine.protocol.outgoing import Message, message

__all__ = ["answers", "expects_answer", "heartbeat_answer"]

_CONFIRMED = (c.RateTechnique, c.RateSession)


def expects_answer(inbound: Inbound) -> bool:
    """Whether its sender waits for a reply."""
    return inbound.id is not None or isinstance(inbound.command, _CONFIRMED)


def answers(inbound: Inbound, session_id: str, seq: int, at: Millis) -> list[Message]:
    """The replies to the sender; ``seq`` is the number that the command got, or the newest."""
    replies: list[Message] = []
    match inbound.command:
        case c.RateTechnique():
            content = {"technique": inbound.command.technique, "rating": inbound.command.rating}
            replies.append(message("feedback_received", session_id, at, content))
        case c.RateSession():
            replies.append(message("feedback_received", session_id, at, {"rating": inbound.command.rating}))
        case _:
            pass
    if inbound.id is not None:
        ack = {"reply_to": inbound.id, "seq": seq}
        replies.append(message("ack", session_id, at, ack, **ack))
    return replies


def heartbeat_answer(inbound: Inbound, session_id: str, seq: int, at: Millis) -> Message:
    """The reply to a heartbeat: the server's clock and the newest ``seq``; a client that is behind it has missed something."""
    content = {"server_time": iso(at), "seq": seq}
    top = content if inbound.id is None else {**content, "reply_to": inbound.id}
    return message("heartbeat_ack", session_id, at, content, **top)
