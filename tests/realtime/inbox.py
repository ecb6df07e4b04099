"""What a client of the tests has heard, and waiting for what it will hear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Inbox"]


class Inbox(list[dict[str, Any]]):
    """Messages in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message that came."""
        self.append(message)
        self._changed.set()

    async def until(self, kind: str, number: int = 1, **content: Any) -> dict[str, Any]:
        """The ``number``-th message of a kind whose content has these values.

        Raises:
            TimeoutError: it has not come within five seconds.
        """

        def fits(message: dict[str, Any]) -> bool:
            inner = {**message, **message.get("content", {})}
            return message["type"] == kind and all(inner.get(key) == value for key, value in content.items())

        async with asyncio.timeout(5):
            while len(found := [message for message in self if fits(message)]) < number:
                self._changed.clear()
                await self._changed.wait()
        return found[number - 1]

    async def settled(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Return once the server has answered something sent after all that went before."""
        before = sum(message["type"] == "heartbeat_ack" for message in self)
        await send("heartbeat")
        await self.until("heartbeat_ack", before + 1)
