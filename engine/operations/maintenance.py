"""Periodic maintenance of a running server: silent sockets, pings, garbage collection, the end of retention."""

from __future__ import annotations

import asyncio
import gc

import structlog

from engine.clock import Clock
from engine.domain.instant import HOUR, Millis
from engine.domain.registrations import UNCONFIRMED_KEPT
from engine.operations.garbage_collection import CollectionSchedule
from engine.realtime.event_socket import EventSockets
from engine.realtime.live_metrics import LiveMetrics
from engine.realtime.open_sockets import OpenSockets
from engine.runtime.loop_actor import mailbox_depth
from engine.sessions.directory import Directory
from engine.storage.database import Database, DatabaseError
from engine.storage.people import People
from engine.storage.registrations import Registrations
from engine.storage.webhooks import Webhooks
from publisher.catalogue.forgetting import enforce_retention

__all__ = ["Maintenance"]

_INTERVAL = 5.0
"""Seconds between two rounds."""
_DAY: Millis = 24 * HOUR

log = structlog.get_logger()


class Maintenance:
    """One task of the server, which looks after what nothing else triggers. A round that fails is logged by whoever runs it."""

    def __init__(
        self,
        *,
        clock: Clock,
        sockets: OpenSockets,
        event_sockets: EventSockets,
        directory: Directory,
        people: People,
        metrics: LiveMetrics,
        database: Database,
        retention_days: int,
    ) -> None:
        self._clock = clock
        self._sockets = sockets
        self._event_sockets = event_sockets
        self._directory = directory
        self._people = people
        self._metrics = metrics
        self._database = database
        self._retention: Millis = retention_days * _DAY
        self._collection = CollectionSchedule(clock.elapsed())
        self._next_retention = clock.elapsed()
        # Not right after a restart in the middle of a session, whose people are on their way back.
        self._next_leisure = clock.elapsed() + HOUR

    async def run(self) -> None:
        """Repeat the rounds until the task is cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL / self._clock.rate)
            self._look_after_sockets()
            self._metrics.mailbox(max((mailbox_depth(ref) for ref in self._directory.actors()), default=0))
            if self._clock.elapsed() >= self._next_retention:
                await self._enforce_retention()
            if self._clock.elapsed() >= self._next_leisure and not self._sockets:
                await self._discard_at_leisure()

    async def _discard_at_leisure(self) -> None:
        """Once an hour, while nobody is here: what takes long is left for such a time."""
        self._next_leisure = self._clock.elapsed() + HOUR
        try:
            done = await asyncio.to_thread(_discard_deleted, self._database, at_leisure=True)
        except DatabaseError:
            done = False
        if not done:
            log.error("deleted content may stay in the file", again_in="an hour")

    def _look_after_sockets(self) -> None:
        self._sockets.close_silent()
        self._event_sockets.close_silent()
        self._sockets.ping_some()
        if self._collection.is_due(
            alive=len(self._sockets), ended=self._sockets.ended, at=self._clock.elapsed()
        ):
            gc.collect()

    async def _enforce_retention(self) -> None:
        """Once a day, delete what is older than the retention: rows of people, names in memory, published quotes.

        And the addresses that nobody confirmed, which are kept for three days.
        """
        self._next_retention = self._clock.elapsed() + _DAY
        now = self._clock.now()
        before = now - self._retention
        try:
            # First those in memory: a session that still knows its people could write a row back.
            await self._directory.forget_people(before)
            forgotten = await self._people.forget(before)
            await asyncio.to_thread(_forget_registrations, self._database, before, now)
            await asyncio.to_thread(enforce_retention, self._database, before)
            await asyncio.to_thread(_forget_deliveries, self._database, before)
            if forgotten:
                await asyncio.to_thread(_discard_deleted, self._database)
        except DatabaseError as error:
            # Locked for long, or the disk is full: the other rounds must go on.
            log.error("retention failed", reason=str(error), again_in="an hour")
            self._next_retention = self._clock.elapsed() + HOUR
            return
        if forgotten:
            log.info("retention", people_forgotten=forgotten)


def _discard_deleted(database: Database, *, at_leisure: bool = False) -> bool:
    with database.connect() as connection:
        return connection.discard_deleted(at_leisure=at_leisure)


def _forget_deliveries(database: Database, before: Millis) -> None:
    with database.connect() as connection:
        Webhooks(connection).forget(before)


def _forget_registrations(database: Database, before: Millis, now: Millis) -> None:
    with database.connect() as connection:
        registrations = Registrations(connection)
        if registrations.forget(before) + registrations.forget_unconfirmed(now - UNCONFIRMED_KEPT):
            connection.discard_deleted()
