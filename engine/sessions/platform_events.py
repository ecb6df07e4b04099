"""Carry out the reports of platforms."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from engine.domain import commands as c
from engine.domain.session import Role
from engine.protocol.platform import PlatformReport
from engine.sessions.messages import View

__all__ = ["Sessions", "take_report"]


class Sessions(Protocol):
    """What is needed of the directory: a view, and carrying out a command."""

    async def view(self, session_id: str) -> View | None:
        """A session, or None."""
        ...

    async def ask(
        self, session_id: str, command: c.Command, sender: c.Sender, *, event_id: str | None = None
    ) -> View:
        """Carry a command out."""
        ...


async def take_report(sessions: Sessions, session_id: str, reported: PlatformReport) -> View:
    """Carry a report out; the view's ``outcome`` says whether anything came of it. Durable on return.

    Raises:
        Rejected: the session refuses it, or there is none.
    """
    command = reported.command
    if isinstance(command, c.ReportLeft) and reported.name is not None:
        command = _find_by_name(command, reported.name, await sessions.view(session_id))
    return await sessions.ask(session_id, command, c.Sender(Role.ADMIN), event_id=reported.key)


def _find_by_name(left: c.ReportLeft, name: str, view: View | None) -> c.ReportLeft:
    """Who is meant where a platform says only by name who left: whoever it reported under that name, the one who is
    still here first."""
    if view is None or left.client_id in view.state.members:
        return left
    found = [
        member
        for client_id, row in view.people.items()
        if row.name == name and (member := view.state.members.get(client_id)) is not None and member.external
    ]
    found.sort(key=lambda member: not member.is_here)
    return replace(left, client_id=found[0].client_id) if found else left
