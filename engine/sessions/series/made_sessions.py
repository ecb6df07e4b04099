"""The sessions of one series: makes those that are due, and brings those that have not begun to what the series says.

Every step is harmless when it is repeated, by this server or by another one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

from engine.clock import Clock
from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.rejection import Conflict, Rejected, Unavailable
from engine.domain.series import Occurrence, Series, session_id_of
from engine.domain.session import Details, Phase, Role
from engine.sessions.messages import View
from engine.storage.rows import RoomRow

__all__ = ["SeriesRooms", "SeriesSessions", "SessionMaker", "not_begun"]

_OTHER_ID = 20
"""Ids that are tried for one date, where others have them."""
_SERVER = c.Sender(Role.ADMIN)
_FOLLOWED = (
    *("title", "instructor", "description", "max_participants", "techniques", "access", "visibility"),
    *("place", "listen_url", "chat", "session_type", "duration_minutes"),
)
"""The fields of a session that are its series'."""


class SessionMaker(Protocol):
    """What the schedule needs of the directory."""

    async def create(self, session_id: str, details: Details) -> View:
        """Create a session; raises ``Conflict`` when the id is taken."""
        ...

    async def ask(self, session_id: str, command: c.Command, sender: c.Sender) -> View:
        """Carry a command out; raises ``Rejected`` when it is refused."""
        ...


class SeriesRooms(Protocol):
    """What the schedule needs of the catalogue of rooms."""

    async def get(self, session_id: str) -> RoomRow | None:
        """The row of a session, or None."""
        ...

    async def has_story(self, session_id: str) -> bool:
        """Whether something was published under this id."""
        ...

    async def among(self, session_ids: Collection[str]) -> Sequence[RoomRow]:
        """The rows of those of the sessions that there are."""
        ...

    async def stories_among(self, session_ids: Collection[str]) -> Set[str]:
        """Those of the ids under which something was published, with a session or without one."""
        ...

    async def id_differing_by_case(self, session_id: str) -> str | None:
        """The id of another session that is written alike but for its case, or None."""
        ...

    async def of_series(self, series_id: str) -> Sequence[RoomRow]:
        """The rooms of a series in any phase, by scheduled start."""
        ...


def not_begun(row: RoomRow) -> bool:
    """Whether a session is still to begin."""
    return row.phase in (Phase.SCHEDULED, Phase.WAITING) and not row.cancelled


class SeriesSessions:
    """Makes and changes the sessions of series, one series at a time."""

    def __init__(self, *, rooms: SeriesRooms, sessions: SessionMaker, clock: Clock) -> None:
        self._rooms = rooms
        self._sessions = sessions
        self._clock = clock

    async def part_of(self, series: Series) -> list[RoomRow]:
        """The sessions that were made and are part of the series, by their start."""
        return [
            row
            for row in await self._rooms.of_series(series.series_id)
            if row.session_id not in series.dropped
        ]

    async def bring(self, series: Series) -> tuple[set[str], bool]:
        """Bring every session that has not begun to what the series says.

        Returns the sessions that are no part of it any more, and whether others are left to another server.
        """
        rows = [row for row in await self.part_of(series) if not_begun(row)]
        starts = self._starts_of(series, rows)
        dropped, left = set(series.dropped), False
        for row in rows:
            if series.ended_at is not None:
                command: c.Command = c.Cancel()
            elif (day := row.occurrence or "") >= series.made_from and day not in starts:
                command = c.Cancel(by_series=True)
            else:
                kept = {name for name, before in series.kept.items() if day < before}
                command = _as_of(series.details, starts.get(day), kept)
            try:
                after = await self._sessions.ask(row.session_id, command, _SERVER)
            except Unavailable:
                # Another server has it: that one changes it in its next round.
                left = True
                continue
            except Rejected:
                # It began, or was cancelled, in this moment.
                continue
            if after.state.phase is Phase.CANCELLED:
                dropped.add(row.session_id)
        return dropped, left

    async def make(self, series: Series) -> bool:
        """Make what is to be there by now, and is not; returns whether some is being made by another server."""
        left = False
        of_days = {row.occurrence for row in await self.part_of(series)}
        for occurrence in series.timetable.ahead(self._clock.now()):
            if occurrence.day in of_days or occurrence.day < series.made_from:
                continue
            left |= await self.make_one(series, occurrence)
        return left

    async def make_one(self, series: Series, occurrence: Occurrence) -> bool:
        """Make the session of a date; returns whether another server is making it."""
        details = replace(
            series.details,
            scheduled_start=occurrence.starts,
            series_id=series.series_id,
            occurrence=occurrence.day,
        )
        taken: set[str] = set()
        while True:
            session_id, made = await self.id_for(series, occurrence, taken)
            if made:
                return False
            try:
                await self._sessions.create(session_id, details)
            except Unavailable:
                # Another server makes it at this moment, or this one in its next round.
                return True
            except Conflict:
                # Taken in this moment, by this series on another server or by somebody else; or too like another id.
                if await self._rooms.get(session_id) is not None:
                    continue
                if await self._rooms.id_differing_by_case(session_id) is None:
                    # Another server has begun to make it: whose it is will be known when it is stored.
                    return True
                taken.add(session_id)
                continue
            return False

    async def ids_for(self, series: Series, occurrences: Sequence[Occurrence]) -> list[str]:
        """The ids that the sessions of dates have or will have, in their order: queries for all of them, not some for each."""
        ids = [session_id_of(series.series_id, each.day) for each in occurrences]
        pending = list(range(len(ids)))
        for number in range(2, _OTHER_ID + 1):
            wanted = [ids[at] for at in pending]
            rows = await self._rooms.among(wanted)
            own = {row.session_id for row in rows if self._is_its_own(series, row)}
            others = {row.session_id for row in rows} | await self._rooms.stories_among(wanted)
            taken = [at for at in pending if ids[at] in others - own]
            for at in taken:
                ids[at] = session_id_of(series.series_id, occurrences[at].day, number)
            pending = taken
            if not pending:
                break
        return ids

    async def id_for(
        self, series: Series, occurrence: Occurrence, taken: Collection[str] = ()
    ) -> tuple[str, bool]:
        """The id of a date's session, none of those ``taken``, and whether it is there: another server may have made it.

        One under which somebody published without a session stays theirs.
        """
        for number in range(1, _OTHER_ID):
            session_id = session_id_of(series.series_id, occurrence.day, number)
            if session_id in taken:
                continue
            row = await self._rooms.get(session_id)
            if row is None:
                if await self._rooms.has_story(session_id):
                    continue
                return session_id, False
            if self._is_its_own(series, row):
                return session_id, True
        raise Conflict("id_taken", f"There is no free id for {occurrence.day} of series {series.series_id}.")

    @staticmethod
    def _is_its_own(series: Series, row: RoomRow) -> bool:
        return row.series_id == series.series_id and row.session_id not in series.dropped

    @staticmethod
    def _starts_of(series: Series, rows: Sequence[RoomRow]) -> dict[str, Millis]:
        """When the sessions of these rows begin by the present timetable, by their dates."""
        days = [row.occurrence for row in rows if row.occurrence]
        if not days:
            return {}
        last = max(days)
        starts: dict[str, Millis] = {}
        for occurrence in series.timetable.occurrences(date.fromisoformat(min(days))):
            if occurrence.day > last:
                break
            starts[occurrence.day] = occurrence.starts
        return starts


def _as_of(details: Details, start: Millis | None, kept: Collection[str]) -> c.ChangeDetails:
    """What brings a session to the details of its series, without the fields that it keeps."""
    values: dict[str, Any] = {name: getattr(details, name) for name in _FOLLOWED if name not in kept}
    return c.ChangeDetails(
        **values,
        scheduled_start=None if "starts" in kept else start,
        cleared=tuple(name for name in ("description", "listen_url") if values.get(name, "") is None),
        by_series=True,
    )
