"""Refuses an id that differs from another session's by case alone: both would be one folder on many hosts."""

from __future__ import annotations

from aiohttp import web

from engine.api.http.app_keys import CATALOGUE
from engine.domain.rejection import Conflict
from engine.storage.database import Connection
from engine.storage.outbox import Outbox
from publisher.catalogue.published import Catalogue

__all__ = ["refuse_id_differing_by_case", "refuse_id_waiting_by_case"]


async def refuse_id_differing_by_case(request: web.Request, session_id: str) -> None:
    """Look among the sessions that are published, and those that are to come.

    Raises:
        Conflict: there is one.
    """
    other = await request.app[CATALOGUE].ask(
        lambda connection: Catalogue(connection).id_differing_by_case(session_id)
    )
    _refuse(session_id, other)


def refuse_id_waiting_by_case(connection: Connection, session_id: str) -> None:
    """Look among the stories that wait to be published, in the transaction that queues another.

    Raises:
        Conflict: there is one.
    """
    _refuse(session_id, Outbox(connection).id_differing_by_case(session_id))


def _refuse(session_id: str, other: str | None) -> None:
    if other is not None:
        raise Conflict(
            "session_exists",
            f"There is already a session {other}, and {session_id} differs from it by case alone.",
            {"session_id": f"differs from {other} by case alone"},
        )
