"""Makes the sessions of series ahead of time, and carries changes of a series to them.

A change is stored first, marked as not applied; then each session is brought to what the series says (``series_sessions``).
Whatever stops that in between, the next round does the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import structlog

from engine.clock import Clock
from engine.domain.instant import MINUTE, SECOND, Millis
from engine.domain.rejection import Conflict, NotFound, Rejected, Unavailable
from engine.domain.series import Series
from engine.domain.session import Phase
from engine.sessions.series.dates_to_come import PlannedSession, date_to_come, missing_dates
from engine.sessions.series.made_sessions import SeriesRooms, SeriesSessions, SessionMaker, not_begun
from engine.storage.database import DatabaseError
from engine.storage.rows import RoomRow
from engine.storage.series import SeriesCatalogue

__all__ = ["SeriesSchedule", "unknown_series"]

_ROUND: Millis = MINUTE
"""The longest pause between two rounds."""
_RETRY: Millis = 10 * SECOND
_LOOK_EVERY_S = 1.0
"""Real seconds between two looks at whether another server changed a series."""
_ATTEMPTS = 5
_MADE_ELSEWHERE: Millis = 100
"""How long to wait for a session that another server makes, before looking again."""

log = structlog.get_logger()


def unknown_series(series_id: str) -> NotFound:
    """The refusal for a series that does not exist, or that whoever asks may not know of."""
    return NotFound(
        "unknown_series", f"There is no series {series_id}.", {"series_id": f"{series_id} is unknown"}
    )


class SeriesSchedule:
    """All series of this server. One per process; used on its loop only."""

    def __init__(
        self,
        *,
        series: SeriesCatalogue,
        rooms: SeriesRooms,
        sessions: SessionMaker,
        clock: Clock,
        shared: bool = False,
    ) -> None:
        """``shared``: other servers may change the table of series too; ``noticed`` is then called now and then."""
        self._series = series
        self._sessions = SeriesSessions(rooms=rooms, sessions=sessions, clock=clock)
        self._clock = clock
        self._look_every_s = _LOOK_EVERY_S if shared else None
        self._noticed = 0
        self._lock = asyncio.Lock()

    # -- queries -----------------------------------------------------------------------------------

    async def get(self, series_id: str) -> Series | None:
        """A series, or None."""
        return await self._series.get(series_id)

    async def all(self) -> Sequence[Series]:
        """Every series, ended ones too, by id."""
        return await self._series.all()

    async def rooms(self, series: Series) -> list[RoomRow]:
        """The sessions that were made and are part of the series, by their start."""
        return await self._sessions.part_of(series)

    async def planned(
        self,
        series: Series,
        first: Millis,
        last: Millis | None,
        *,
        limit: int,
        sees: Callable[[RoomRow], bool] = lambda row: True,
    ) -> list[PlannedSession]:
        """The times between two instants, both inclusive, those not made yet too, by their start.

        Without the sessions that ``sees`` is false for.
        """
        rows = await self.rooms(series)
        missing = missing_dates(series, rows, first, last, limit)
        ids = await self._sessions.ids_for(series, missing)
        planned = [
            PlannedSession(row.session_id, row.scheduled_start, row)
            for row in rows
            if row.scheduled_start >= first and (last is None or row.scheduled_start <= last) and sees(row)
        ]
        planned += [
            PlannedSession(session_id, occurrence.starts, None)
            for session_id, occurrence in zip(ids, missing, strict=True)
        ]
        return sorted(planned, key=lambda each: (each.starts, each.session_id))[:limit]

    async def current(
        self, series: Series, *, sees: Callable[[RoomRow], bool] = lambda row: True
    ) -> RoomRow | None:
        """The session that is live, else the one that is open or next, of those that ``sees`` is true for; None without one."""
        rows = [row for row in await self.rooms(series) if sees(row)]
        live = [row for row in rows if row.phase == Phase.LIVE]
        return next(iter([*live, *(row for row in rows if not_begun(row))]), None)

    # -- changes -----------------------------------------------------------------------------------

    async def create(self, series: Series, made_by: str | None = None) -> list[RoomRow]:
        """Store a new series, which the key ``made_by`` leads, and make its first sessions; returns them.

        Raises:
            Conflict: the id is taken.
        """
        async with self._lock:
            if not await self._series.add(series, made_by):
                raise Conflict(
                    "id_taken",
                    f"There is a series {series.series_id} already.",
                    {"series_id": f"{series.series_id} is taken"},
                )
            for _ in range(_ATTEMPTS):
                if not await self._sessions.make(series):
                    break
                # Another server saw the new series, and makes this session: a matter of one write.
                await self._clock.sleep_until(self._clock.now() + _MADE_ELSEWHERE)
        return await self.rooms(series)

    async def make_date(self, series_id: str, day: date) -> RoomRow:
        """Make the session of a local date sooner than it would be, to be changed or cancelled; returns it, also if it was there.

        Raises:
            Rejected: there is no such series, it has ended, or the day is no date of it that is to come.
        """
        async with self._lock:
            for _ in range(_ATTEMPTS):
                series = await self._series.get(series_id)
                if series is None:
                    raise unknown_series(series_id)
                for row in await self.rooms(series):
                    if row.occurrence == day.isoformat():
                        return row
                if await self._sessions.make_one(series, date_to_come(series, day, self._clock.now())):
                    # Another server makes it: a matter of one write.
                    await self._clock.sleep_until(self._clock.now() + _MADE_ELSEWHERE)
        raise Unavailable("unavailable", "The session is being made by another server; try again.")

    async def change(self, series_id: str, changed: Callable[[Series], Series]) -> Series:
        """Change a series and all of its sessions that have not begun and were not changed alone.

        ``changed`` gives the series as it shall be, and may refuse.

        Raises:
            Rejected: there is no such series, it has ended, or ``changed`` refuses.
        """
        async with self._lock:
            return await self._apply(
                await self._store(series_id, lambda series: self._changed(series, changed(series)))
            )

    async def end(self, series_id: str) -> Series:
        """End a series: cancel all of its sessions that have not begun. A second end is harmless.

        Raises:
            NotFound: there is no such series.
        """

        def ended(series: Series) -> Series:
            at = self._clock.now()
            return series if series.ended_at else replace(series, ended_at=at, updated_at=at, unapplied=True)

        async with self._lock:
            return await self._apply(await self._store(series_id, ended))

    def _changed(self, before: Series, after: Series) -> Series:
        if before.ended_at is not None:
            raise Conflict("series_over", f"Series {before.series_id} has ended.")
        if after == before:
            return before
        at = self._clock.now()
        moved = (after.starts, after.time_zone, after.rule) != (before.starts, before.time_zone, before.rule)
        since = at if moved else before.timetable_since
        return replace(after, updated_at=at, timetable_since=since, unapplied=True)

    async def _store(self, series_id: str, changed: Callable[[Series], Series]) -> Series:
        for _ in range(_ATTEMPTS):
            before = await self._series.get(series_id)
            if before is None:
                raise unknown_series(series_id)
            after = changed(before)
            if after == before:
                return before
            stored = await self._series.update(after)
            if stored is not None:
                return stored
        raise Conflict(
            "changed_meanwhile", f"Series {series_id} is being changed by somebody else; try again."
        )

    # -- as time passes ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Make sessions as time passes, until the task is cancelled."""
        while True:
            try:
                seen = await self._series.changes()
                await self._wait(await self.make_due(), seen)
            except (DatabaseError, Rejected) as error:
                # Locked for long, or the disk is full: the next round makes what is missing.
                log.error("series not continued", reason=str(error))
                await self._clock.sleep_until(self._clock.now() + _RETRY)

    async def _wait(self, wake_at: Millis, seen: int) -> None:
        """Return at an instant, or soon after a series was changed: perhaps by a server that does not have its sessions."""
        while self._clock.now() < wake_at:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_every_s):
                    await self._clock.sleep_until(wake_at)
            if self._noticed > seen:
                return

    def noticed(self, changes: int) -> None:
        """Take note of the number of changes (``SeriesCatalogue.changes``) that somebody saw. From any thread."""
        self._noticed = changes

    async def make_due(self) -> Millis:
        """Make every session that is due, and finish changes that were interrupted; returns when to look again."""
        wake_at = self._clock.now() + _ROUND
        for series_id in [series.series_id for series in await self._series.all()]:
            try:
                wake_at = min(wake_at, await self._continue(series_id))
            except DatabaseError:
                raise
            except Exception:
                # Whatever is wrong with one series, a zone that is no more for example: the others go on.
                log.exception("series not continued", series_id=series_id)
        return wake_at

    async def _continue(self, series_id: str) -> Millis:
        """Make what is due of one series; returns when to look at it again."""
        async with self._lock:
            # Read under the lock: it may just have been changed.
            series = await self._series.get(series_id)
            assert series is not None, "series are never deleted"
            if series.unapplied:
                series = await self._apply(series)
            elif series.ended_at is None:
                await self._sessions.make(series)
        # At the start of the next one, the one after it has to be there.
        now = self._clock.now()
        upcoming = [row.scheduled_start + 1 for row in await self.rooms(series) if not_begun(row)]
        retry = now + (_RETRY if series.unapplied else _ROUND)
        return min((retry, *(start for start in upcoming if start > now)))

    # -- inner parts -------------------------------------------------------------------------------

    async def _apply(self, series: Series) -> Series:
        """Bring every session to what the series says."""
        if not series.unapplied:
            return series
        dropped, left = await self._sessions.bring(series)
        if series.ended_at is None:
            await self._sessions.make(replace(series, dropped=tuple(dropped)))

        def applied(latest: Series) -> Series:
            # Another server may have changed it meanwhile: that change is still to be applied.
            return replace(
                latest,
                dropped=tuple(sorted(dropped.union(latest.dropped))),
                unapplied=left or (latest.unapplied and latest.version != series.version),
            )

        return await self._store(series.series_id, applied)
