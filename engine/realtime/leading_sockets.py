"""Sockets that lead a session with the rights of a key: closed once it is revoked or renewed, or leads the session no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import structlog

from engine.clock import Clock
from engine.domain.rejection import Unavailable
from engine.realtime.authorization import SocketAuthorization

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
        self._open: dict[int, tuple[str, str, Callable[[], object]]] = {}

    def add(
        self, credential: str | None, session_id: str, close: Callable[[], object]
    ) -> Callable[[], object]:
        """Watch over a socket; returns what is to be called when it has ended. What stands for no key is not watched."""
        if credential is None or not self._authorization.stands_for_key(credential):
            return lambda: None
        number = next(self._numbers)
        self._open[number] = (credential, session_id, close)
        return lambda: self._open.pop(number, None)

    async def run(self) -> None:
        """Repeat the rounds until the task is cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL / self._clock.rate)
            try:
                await self.close_ended()
            except Unavailable as error:
                # Nobody who leads is sent away because the database is busy: the next round asks again.
                log.warning("leading sockets not checked", reason=str(error))

    async def close_ended(self) -> None:
        """Close the sockets whose credential leads their session no more."""
        open_now = {(credential, session_id) for credential, session_id, _ in self._open.values()}
        ended = {each for each in open_now if not await self._authorization.still_leads(*each)}
        for credential, session_id, close in list(self._open.values()):
            if (credential, session_id) in ended:
                close()
