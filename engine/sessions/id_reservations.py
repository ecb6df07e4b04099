"""Reserves the id of a session that is being created: one that differs from another by case alone would be the same folder on file systems that ignore case."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from engine.domain.rejection import Conflict
from engine.storage.rooms import RoomCatalogue

__all__ = ["IdReservations"]


class IdReservations:
    """The ids of sessions that are being created. Used on one loop."""

    def __init__(self, rooms: RoomCatalogue) -> None:
        self._rooms = rooms
        self._creating: dict[str, str] = {}
        """By the same in lower case."""

    @contextlib.asynccontextmanager
    async def reserved(self, session_id: str) -> AsyncIterator[None]:
        """Refuse other spellings of an id while its session is created.

        Raises:
            Conflict: there is another, or one is being created.
        """
        folded = session_id.lower()
        other = self._creating.setdefault(folded, session_id)
        try:
            if other == session_id:
                other = await self._rooms.id_differing_by_case(session_id) or session_id
            if other != session_id:
                raise Conflict(
                    "session_exists",
                    f"There is already a session {other}, and {session_id} differs from it by case alone.",
                    {"session_id": f"differs from {other} by case alone"},
                )
            yield
        finally:
            if self._creating.get(folded) == session_id:
                del self._creating[folded]
