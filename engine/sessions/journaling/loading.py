"""Load a session from its journal: the only way in which one gets into memory."""

from __future__ import annotations

import asyncio

import structlog

from engine.domain.events import decode
from engine.domain.evolve import evolve
from engine.domain.rejection import Unavailable, unknown_session
from engine.domain.session import Session
from engine.sessions.journaling.journal_entries import STATE
from engine.storage.journal import Append, Journal, JournalFailed, Loaded

__all__ = ["SessionLoader"]

log = structlog.get_logger()


class SessionLoader:
    """Reads the journals of all sessions, and replays them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def load(self, session_id: str) -> tuple[Session, Loaded]:
        """The state that a session's journal gives, and what was read.

        Raises:
            NotFound: nobody created this session.
            Unavailable: its journal cannot be read, or records are missing from it.
        """
        try:
            loaded = await self._journal.load(session_id)
        except JournalFailed as failed:
            log.error("journal unreadable", session_id=session_id, reason=failed.reason)
            raise Unavailable(
                "storage_failed", "The session's log cannot be read; ask the operator."
            ) from None
        if loaded is None:
            raise unknown_session(session_id)
        if loaded.hole is not None:
            log.error("journal has a hole", session_id=session_id, position=loaded.hole)
            raise Unavailable("storage_failed", "The session's log is damaged; ask the operator.")
        state = _replay(loaded)
        if state is None:
            raise unknown_session(session_id)
        return state, loaded

    async def writes_settled(self) -> None:
        """Return once everything that was appended so far is written or refused, so that a load sees it."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def answered(_: BaseException | None) -> None:
            if not settled.done():
                settled.set_result(None)

        # Answers come in the order of the appends, whatever becomes of this empty one.
        self._journal.append(Append("", 0, ()), answered)
        await settled


def _replay(loaded: Loaded) -> Session | None:
    state = None if loaded.state is None else STATE.validate_json(loaded.state.state)
    for record in loaded.records:
        state = evolve(state, decode(record.event), record.at)
    return state
