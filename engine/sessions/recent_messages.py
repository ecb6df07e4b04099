"""The newest numbered messages of a session, read from its journal."""

from __future__ import annotations

from typing import Protocol

from engine.domain.events import decode
from engine.domain.rejection import Unavailable
from engine.domain.session import Session
from engine.protocol.outgoing import Message, numbered
from engine.sessions.messages import View
from engine.storage.journal import Journal, JournalFailed

__all__ = ["recent_messages"]


class Views(Protocol):
    """The durable views of sessions: the directory."""

    async def view(self, session_id: str) -> View | None:
        """What is durable of a session; None for one that nobody created."""
        ...


async def recent_messages(sessions: Views, journal: Journal, session_id: str, limit: int) -> list[Message]:
    """The newest ``limit`` messages at most, in order, as clients got them, names as they are known now.

    Raises:
        Unavailable: the journal cannot be read.
    """
    view = await sessions.view(session_id)
    while view is not None:
        state = view.state
        try:
            records = await journal.read_numbered(session_id, max(0, state.seq - limit), limit)
        except JournalFailed:
            raise Unavailable(
                "storage_failed", "The session's log cannot be read; ask the operator."
            ) from None
        view = await sessions.view(session_id)
        # What was read before a withdrawal or a deletion is not shown after it: it is read again.
        if view is not None and _last_redaction(view.state) == _last_redaction(state):
            break
    if view is None:
        return []
    names = view.names
    return [
        numbered(
            decode(record.event),
            session_id=session_id,
            epoch=state.epoch,
            seq=record.seq or 0,
            at=record.at,
            names=names,
            instructor=state.details.instructor,
        )
        for record in records
    ]


def _last_redaction(state: Session) -> int:
    """The position of the newest event that took words out of the log."""
    withdrawn = max((member.withdrawn for member in state.members.values()), default=0)
    return max(withdrawn, state.messages_deleted)
