"""Replies to the sender of a socket message, sent once its command is durable."""

from __future__ import annotations

from engine.domain import commands as c
from engine.domain import events as e
from engine.domain.instant import Millis, iso
from engine.protocol.incoming import Inbound
from engine.protocol.outgoing import Message, frame, message

__all__ = ["answers", "expects_answer", "heartbeat_answer", "sender_reply"]

_CONFIRMED = (c.RateTechnique, c.RateSession)


def expects_answer(inbound: Inbound) -> bool:
    """Whether its sender waits for word."""
    return inbound.id is not None or isinstance(inbound.command, _CONFIRMED)


def answers(inbound: Inbound, session_id: str, seq: int, at: Millis) -> list[Message]:
    """The messages for the sender; ``seq`` is the number that the command got, or the newest."""
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


def sender_reply(event: e.Event, session_id: str, seq: int, at: Millis) -> bytes:
    """The frame that the sender of a chat gets in its place. It is in the line of numbered frames: sent
    before the ones that lead up to it, its sender would take them for received."""
    if not isinstance(event, e.ChatMessageSent):
        return b""
    return frame(message("message_sent", session_id, at, {"seq": seq}, seq=seq))


def heartbeat_answer(inbound: Inbound, session_id: str, seq: int, at: Millis) -> Message:
    """The server's clock, and the newest number: a client that is behind it has missed something."""
    content = {"server_time": iso(at), "seq": seq}
    top = content if inbound.id is None else {**content, "reply_to": inbound.id}
    return message("heartbeat_ack", session_id, at, content, **top)
