"""A platform's event, carried out: the report, and the name that came with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.session import Role
from engine.protocol.platform import Reported
from engine.sessions.messages import View
from engine.storage.rows import PersonRow

__all__ = ["Sessions", "take_report"]


class Sessions(Protocol):
    """What is needed of the directory."""

    async def look(self, session_id: str) -> View | None:
        """A session, or None."""
        ...

    async def ask(
        self,
        session_id: str,
        command: c.Command,
        sender: c.Sender,
        *,
        people: Sequence[PersonRow] = (),
        event_id: str | None = None,
    ) -> View:
        """Carry a command out."""
        ...


async def take_report(sessions: Sessions, session_id: str, reported: Reported, at: Millis) -> View:
    """Carry it out; the view is not ``accepted`` when its id was seen before. Durable on return.

    Raises:
        Rejected: the session refuses it, or there is none.
    """
    people: tuple[PersonRow, ...] = ()
    if isinstance(reported.command, c.ReportJoined) and reported.name is not None:
        client_id = reported.command.client_id
        view = await sessions.look(session_id)
        known = None if view is None else view.people.get(client_id)
        known = known or PersonRow(session_id, client_id, at)
        # A name that somebody gave here is theirs; a platform does not overwrite it.
        if known.name is None:
            people = (replace(known, name=reported.name, updated_at=at),)
    return await sessions.ask(
        session_id, reported.command, c.Sender(Role.ADMIN), people=people, event_id=reported.id
    )
