"""The frames of numbered events, and what their senders get in place of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from engine.domain import events as e
from engine.domain.instant import Millis
from engine.protocol.outgoing import frame, message, numbered

__all__ = ["NumberedFrame", "numbered_frame"]

NumberedFrame: TypeAlias = tuple[int, bytes, str | None, bytes]
"""``seq``, the frame for everybody, the client that gets another one in its place, and that one (empty for none)."""


def numbered_frame(
    event: e.Event,
    *,
    session_id: str,
    epoch: str,
    seq: int,
    at: Millis,
    names: Mapping[str, str],
    instructor: str | None = None,
) -> NumberedFrame:
    """The frame of a numbered event, as a room publishes it."""
    payload = numbered(
        event, session_id=session_id, epoch=epoch, seq=seq, at=at, names=names, instructor=instructor
    )
    match event:
        case e.ChatMessageSent():
            # In the line of numbered frames: sent before the ones that lead up to it, its sender would take them for
            # received.
            reply = frame(message("message_sent", session_id, at, {"seq": seq}, seq=seq))
            return seq, frame(payload), event.client_id, reply
        case e.MemberJoined():
            return seq, frame(payload), event.client_id, b""
        case _:
            return seq, frame(payload), None, b""
