"""Sockets that lead a session with the rights of a key: closed when the key is revoked or leads the session no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import structlog

from engine.clock import Clock
from engine.realtime.authorization import SocketAuthorization
from engine.storage.database import DatabaseError

__all__ = ["ENDED", "LeadingSockets"]

ENDED = "this key leads this session no more"
_INTERVAL = 5.0
"""Seconds between two rounds."""

log = structlog.get_logger()


class LeadingSockets:
    """The open ones. Used on the event loop only.

    The table is asked again and again, for a removal may come from another server or from the command line.
    """

    def __init__(self, authorization: SocketAuthorization, clock: Clock) -> None:
        self._authorization = authorization
        self._clock = clock
        self._numbers = count()
        self._open: dict[int, tuple[str, str, Callable[[], Awaitable[object]]]] = {}

    def add(
        self, key_name: str | None, session_id: str, close: Callable[[], Awaitable[object]]
    ) -> Callable[[], object]:
        """Watch over a socket; returns what is to be called when it has ended. Without a key there is nothing to watch."""
        if key_name is None:
            return lambda: None
        number = next(self._numbers)
        self._open[number] = (key_name, session_id, close)
        return lambda: self._open.pop(number, None)

    async def run(self) -> None:
        """Repeat the rounds until the task is cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL / self._clock.rate)
            try:
                await self.close_ended()
            except DatabaseError as error:
                # Nobody who leads is sent away because the database is busy: the next round asks again.
                log.warning("leading sockets not checked", reason=str(error))

    async def close_ended(self) -> None:
        """Close the sockets whose key leads their session no more."""
        asked = {(key_name, session_id) for key_name, session_id, _ in self._open.values()}
        ended = {each for each in asked if not await self._authorization.still_leads(*each)}
        closing = [
            close() for key_name, session_id, close in self._open.values() if (key_name, session_id) in ended
        ]
        await asyncio.gather(*closing, return_exceptions=True)
