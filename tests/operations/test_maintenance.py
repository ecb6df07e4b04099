"""What the running server deletes by itself, once a day."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest

from engine.domain.instant import HOUR, Millis
from engine.operations import maintenance
from engine.operations.maintenance import Maintenance
from engine.storage import sqlite
from engine.storage.database import Database
from engine.storage.rows import ROOMS
from publisher.catalogue.registrar import Registrar
from tests.publisher.studio_data import Publisher
from tests.realtime.hand_clock import HandClock
from tests.storage.rows import room


def maintained(studio: Publisher, clock: HandClock, sockets: MagicMock) -> Maintenance:
    """What the server of a studio does by itself, where no session is in memory."""
    return Maintenance(
        clock=clock,
        sockets=sockets,
        event_sockets=Mock(),
        directory=Mock(actors=list, forget_people=AsyncMock()),
        people=Mock(forget=AsyncMock(return_value=0)),
        metrics=Mock(),
        database=studio.database,
        retention_days=90,
    )


async def test_an_address_that_nobody_confirms_is_gone_from_disk_within_four_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its mail, long before the retention of the rest; its place stays."""
    monkeypatch.setattr(maintenance, "_INTERVAL", 0.01)
    clock, studio = HandClock(), Publisher(tmp_path / "data")
    row = room("evening", scheduled_start=clock.now() + 40 * 24 * HOUR)
    studio.connection.execute(ROOMS.upsert, **ROOMS.values(row))
    studio.catalogue.set_meta("sends_mail", "yes")
    registrar = Registrar(studio.catalogue)
    made = registrar.register(
        [row],
        series_id=None,
        name=None,
        address="unconfirmed@x.example",
        mailbox="m",
        network="n",
        at=clock.now(),
    )
    server = maintained(studio, clock, MagicMock(ended=0))
    rounds: asyncio.Queue[None] = asyncio.Queue()
    last, loop = maintenance._forget_deliveries, asyncio.get_running_loop()

    def forget_deliveries(database: Database, before: Millis) -> None:
        last(database, before)
        loop.call_soon_threadsafe(rounds.put_nowait, None)

    monkeypatch.setattr(maintenance, "_forget_deliveries", forget_deliveries)
    task, addresses = asyncio.create_task(server.run()), []
    for days in (0, 2, 2):
        clock.jump(days * 24 * HOUR)
        await asyncio.wait_for(rounds.get(), 20)
        found = registrar.registrations.get(made.registration.registration)
        assert found is not None
        addresses.append(found.address)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert addresses == ["unconfirmed@x.example", "unconfirmed@x.example", None]
    assert len(registrar.places.places("evening")) == 1
    on_disk = [file.read_bytes() for file in studio.data.rglob("*") if file.is_file()]
    assert not any(b"unconfirmed@x.example" in content for content in on_disk)
    studio.close()


async def test_what_takes_long_is_discarded_once_an_hour_while_nobody_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not beside a session: everybody who writes waits for it."""
    monkeypatch.setattr(maintenance, "_INTERVAL", 0.01)
    monkeypatch.setattr(sqlite, "_REWRITTEN_AT_ONCE", 0)
    clock, studio = HandClock(), Publisher(tmp_path / "data")
    assert studio.connection.discard_deleted()
    sockets: dict[str, Any] = {"somebody": Mock()}
    rounds: asyncio.Queue[None] = asyncio.Queue()
    server = maintained(
        studio,
        clock,
        MagicMock(ended=0, __bool__=lambda _: bool(sockets), close_silent=lambda: rounds.put_nowait(None)),
    )

    def is_left() -> bool:
        return bool(studio.connection.value("PRAGMA user_version"))

    async def some_rounds() -> None:
        for _ in range(5):
            await rounds.get()

    task = asyncio.create_task(server.run())
    await some_rounds()
    clock.jump(HOUR)
    await some_rounds()
    assert is_left()
    sockets.clear()
    async with asyncio.timeout(10):
        while is_left():
            await rounds.get()
    # The next round begins when this one has discarded.
    while not rounds.empty():
        rounds.get_nowait()
    await rounds.get()
    assert studio.connection.discard_deleted()
    await some_rounds()
    assert is_left()
    clock.jump(HOUR)
    async with asyncio.timeout(10):
        while is_left():
            await rounds.get()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    studio.close()
