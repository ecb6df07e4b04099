"""Our server with its journal in memory, to measure what durability costs. Arguments as `halcytone`."""

import asyncio
from typing import Any

import engine.app
from engine.cli import main
from engine.storage.database import Database
from tests.storage.memory_journal import MemoryJournal, MemoryRooms

_journals: list[MemoryJournal] = []


def _journal(database: Database, loop: asyncio.AbstractEventLoop, on_commit: Any = None) -> MemoryJournal:
    journal = MemoryJournal()
    _journals.append(journal)
    return journal


class _Rooms(MemoryRooms):
    """The catalogue of that journal, closed like the one on disk."""

    def __init__(self, database: Database) -> None:
        super().__init__(_journals[-1]._logs, _journals[-1].snapshots)

    def close(self) -> None:
        """There is nothing to close."""


if __name__ == "__main__":
    vars(engine.app).update(open_journal=_journal, Rooms=_Rooms)
    main()
