"""A platform's event, carried out."""

from __future__ import annotations

from typing import Protocol

from engine.actors.messages import View
from engine.domain import commands as c
from engine.domain.session import Role
from engine.protocol.platform import Reported

__all__ = ["Sessions", "take_report"]


class Sessions(Protocol):
    """What is needed of the directory."""

    async def ask(
        self, session_id: str, command: c.Command, sender: c.Sender, *, event_id: str | None = None
    ) -> View:
        """Carry a command out."""
        ...


async def take_report(sessions: Sessions, session_id: str, reported: Reported) -> View:
    """Carry it out; the view is not ``accepted`` when its id was seen before. Durable on return.

    Raises:
        Rejected: the session refuses it, or there is none.
    """
    return await sessions.ask(session_id, reported.command, c.Sender(Role.ADMIN), event_id=reported.id)
