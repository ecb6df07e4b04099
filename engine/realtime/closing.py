"""The end of a WebSocket from this side: a close frame, and a bounded time for the peer's answer."""

from __future__ import annotations

import asyncio

from engine.protocol.frames import close_frame

__all__ = ["send_close"]

_CLOSE_TIMEOUT = 2.0
"""Seconds that a peer has to answer a close frame. A drain waits for longer than that."""


def send_close(transport: asyncio.Transport, code: int, reason: str = "") -> None:
    """Write a close frame, and abort the connection if the peer does not answer it in time.

    The socket's handler ends as soon as the peer answers.
    """
    if not transport.is_closing():
        transport.write(close_frame(code, reason))
    asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT, transport.abort)
