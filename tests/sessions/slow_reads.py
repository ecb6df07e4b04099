"""A disk that takes its time to read: what was missed is on its way while other things happen."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.storage.journal import Record
from engine.storage.opening import database_of
from engine.storage.sqlite_journal import SqliteJournal

__all__ = ["SlowReads"]


class SlowReads(SqliteJournal):
    """What is read is handed out when it is let go."""

    def __init__(self, data: Path) -> None:
        super().__init__(database_of(data), asyncio.get_running_loop())
        self.under_way = asyncio.Event()
        self.let_go = asyncio.Event()

    async def read_numbered(self, session_id: str, after_seq: int, limit: int) -> list[Record]:
        """As the journal, and then a pause."""
        records = await super().read_numbered(session_id, after_seq, limit)
        self.under_way.set()
        await self.let_go.wait()
        return records
