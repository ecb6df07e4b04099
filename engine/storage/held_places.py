"""For whom places are held in a session, for those who let people in: read at most twice a second for each session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from engine.domain.instant import Millis
from engine.storage.database import Database, DatabaseError
from engine.storage.places import Places

__all__ = ["HeldPlaces"]

_FRESH: Millis = 500
_MOST_SESSIONS = 10_000


class HeldPlaces:
    """Reads on a thread with a connection of its own. ``elapsed`` tells milliseconds that never go back."""

    def __init__(self, database: Database, elapsed: Callable[[], Millis]) -> None:
        self._connection = database.connect()
        self._places = Places(self._connection)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="held-places")
        self._elapsed = elapsed
        self._known: dict[str, tuple[Millis, asyncio.Future[frozenset[str]]]] = {}

    async def of(self, session_id: str) -> frozenset[str]:
        """The registrations that hold a place; nobody while the database does not answer, which must keep no door shut."""
        known = self._known.get(session_id)
        if known is None or self._elapsed() - known[0] >= _FRESH:
            if len(self._known) >= _MOST_SESSIONS:
                self._known.clear()
            reading = asyncio.get_running_loop().run_in_executor(self._pool, self._places.holders, session_id)
            known = self._known[session_id] = (self._elapsed(), reading)
        try:
            # Shielded: others wait for the same answer.
            return await asyncio.shield(known[1])
        except DatabaseError:
            return frozenset()

    def close(self) -> None:
        """Finish what is being read, then close the connection."""
        self._pool.shutdown(wait=True)
        self._connection.close()
