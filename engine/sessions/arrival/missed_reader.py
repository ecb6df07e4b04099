"""Reads missed messages from the journal, one read at a time for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from engine.sessions.arrival.recovery import MOST_RECOVERED
from engine.sessions.messages import MissedRecords
from engine.storage.journal import Journal, JournalFailed, Record

__all__ = ["MissedReader"]

_MOST_READ = 2 * MOST_RECOVERED
"""Records read at a time: the newest, so that what is written meanwhile must not push out what was missed."""

log = structlog.get_logger()


class MissedReader:
    """Reads the numbered records of one session, and hands them to ``deliver``; call ``finish`` when they have come."""

    __slots__ = ("_deliver", "_invalid", "_journal", "_reading", "_session_id")

    def __init__(self, session_id: str, journal: Journal, deliver: Callable[[MissedRecords], None]) -> None:
        self._session_id = session_id
        self._journal = journal
        self._deliver = deliver
        self._reading: asyncio.Task[None] | None = None
        self._invalid = False

    def read(self, after: int) -> None:
        """Begin to read what comes after a ``seq``; nothing while another read is under way."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read(after))

    def invalidate(self) -> None:
        """Mark what is being read as outdated: it may hold what was withdrawn meanwhile."""
        self._invalid = self._reading is not None

    def finish(self) -> bool:
        """End a read whose records have come; returns whether they are outdated and have to be read again."""
        self._reading = None
        invalid, self._invalid = self._invalid, False
        return invalid

    def cancel(self) -> None:
        """Give up the read under way."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self, after: int) -> None:
        records: Sequence[Record] = ()
        try:
            records = await self._journal.read_numbered(self._session_id, after, _MOST_READ)
        except JournalFailed as failed:
            log.error("journal unreadable", session_id=self._session_id, reason=failed.reason)
        self._deliver(MissedRecords(after, records))
