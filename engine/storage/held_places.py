"""For whom places are held in a session, for those who let people in: read at most twice a second for each session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from engine.domain.instant import Millis
from engine.domain.registrations import REGISTRATION_PREFIX
from engine.storage.database import Database, DatabaseError
from engine.storage.places import Places

__all__ = ["HeldPlaces"]

_FRESH: Millis = 500
_MOST_SESSIONS = 10_000
_READ_AT_ONCE = 500


class HeldPlaces:
    """Reads on a thread with a connection of its own. ``elapsed`` tells milliseconds that never go back.

    Sessions that are asked for in one loop tick, or while others are read, are read together.
    """

    def __init__(self, database: Database, elapsed: Callable[[], Millis]) -> None:
        self._connection = database.connect()
        self._places = Places(self._connection)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="held-places")
        self._elapsed = elapsed
        self._known: dict[str, tuple[Millis, asyncio.Future[frozenset[str]]]] = {}
        self._wanted: dict[str, asyncio.Future[frozenset[str]]] = {}
        """What was asked for and is not being read yet."""
        self._reading: asyncio.Task[None] | None = None

    async def of(self, session_id: str, proved: str | None = None) -> frozenset[str]:
        """The registrations that hold a place; nobody while the database does not answer, which must keep no door shut.

        ``proved`` is who asks to be let in. A registration that held none when it was read may have come up since: it is read again.
        """
        asked_at = self._elapsed()
        holders = await self._since(session_id, asked_at - _FRESH + 1)
        if proved and proved.startswith(REGISTRATION_PREFIX) and proved not in holders:
            holders = await self._since(session_id, asked_at)
        return holders

    async def _since(self, session_id: str, earliest: Millis) -> frozenset[str]:
        """As they were at an instant, or later."""
        known = self._known.get(session_id)
        if known is None or known[0] < earliest:
            if len(self._known) >= _MOST_SESSIONS:
                self._known.clear()
            asked = self._wanted.setdefault(session_id, asyncio.get_running_loop().create_future())
            known = self._known[session_id] = (self._elapsed(), asked)
            if self._reading is None:
                self._reading = asyncio.create_task(self._read())
        try:
            # Shielded: others wait for the same answer.
            return await asyncio.shield(known[1])
        except DatabaseError:
            return frozenset()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while self._wanted:
            wanted = dict(islice(self._wanted.items(), _READ_AT_ONCE))
            for session_id in wanted:
                del self._wanted[session_id]
            try:
                holders = await loop.run_in_executor(self._pool, self._places.holders_of, list(wanted))
            except Exception as error:  # noqa: BLE001  # whatever it is, whoever waits must hear of it
                for asked in wanted.values():
                    asked.set_exception(error)
                    asked.exception()  # Known: whoever asked may be gone by now.
            else:
                for session_id, asked in wanted.items():
                    asked.set_result(holders.get(session_id, frozenset()))
        self._reading = None

    def close(self) -> None:
        """Finish what is being read, then close the connection."""
        self._pool.shutdown(wait=True)
        self._connection.close()
