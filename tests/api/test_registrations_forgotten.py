"""What is kept of somebody who said that they come goes when they take it back, and at the latest with retention."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine.domain.instant import HOUR, MINUTE, iso
from engine.operations import maintenance
from engine.storage.database import Database
from engine.storage.opening import database_of
from tests.api.conftest import Server, running
from tests.api.test_me import join
from tests.api.test_registrations import come, leave
from tests.realtime.hand_clock import HandClock
from tests.soak.letters import mail_server

WHO = ("Anna", "Ben", "Cleo")


def kept(database: Database, person: str) -> set[str]:
    """The tables in which somebody's name or address stands."""
    with database.connect() as connection:
        return {
            table
            for table in connection.tables()
            for row in connection.rows(f"SELECT * FROM {table}")
            if f"{person} Telltale" in str(dict(row))
            or f"{person.lower()}@telltale.example" in str(dict(row))
        }


def files_with(folder: Path, pattern: bytes) -> list[Path]:
    """The files in which something stands."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if re.search(pattern, file.read_bytes())]


async def until_kept_nowhere(database: Database, people: Iterable[str]) -> None:
    """Nothing is left of them."""
    async with asyncio.timeout(60):
        for person in people:
            while await asyncio.to_thread(kept, database, person):  # noqa: ASYNC110 — the publisher is a process of its own
                await asyncio.sleep(0.05)


async def registered(server: Server, person: str) -> dict[str, str]:
    """Somebody who said so with name and address."""
    return await come(
        server, "evening", name=f"{person} Telltale", address=f"{person.lower()}@telltale.example"
    )


def tokens(database: Database) -> list[str]:
    """What the mails that ask to confirm have."""
    with database.connect() as connection:
        return [row["token"] for row in connection.rows("SELECT token FROM registrations")]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_registrations_reminders_and_webhooks_are_forgotten(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One withdraws in the session, one cancels, and of the third nothing is kept past the retention."""
    monkeypatch.setattr(maintenance, "_INTERVAL", 0.05)
    monkeypatch.setattr(maintenance, "_DAY", HOUR)
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
    (tmp_path / "studio.toml").write_text('name = "Breath Room"\nsender = "hello@example.org"\n')
    clock = HandClock(start=time.time_ns() // 1_000_000)
    async with mail_server() as letters:
        given = {
            "smtp_url": SecretStr(letters.url),
            "database_url": None if url is None else SecretStr(url),
            "webhook_allow_private": True,
            "retention_days": 7,
            "rate_requests_per_minute": 0,
        }
        async with running(tmp_path, None, clock=clock, **given) as server:
            database = database_of(tmp_path, url)
            hook = {
                "url": "http://127.0.0.1:9/",
                "events": ["registration.created", "registration.cancelled"],
            }
            assert (await server.client.post("/api/v2/webhooks", json=hook)).status_code == 201
            await server.create("evening", scheduled_start=iso(clock.now() + 40 * MINUTE))
            anna, ben, _ = [await registered(server, person) for person in WHO]
            async with asyncio.timeout(60):
                while letters.taken.total() < len(WHO):  # noqa: ASYNC110 — they come over a socket
                    await asyncio.sleep(0.05)
            for token in tokens(database):
                assert (await server.stranger.post(f"/coming/{token}")).status_code == 200
            for person in WHO:
                assert kept(database, person) >= {"registrations", "deliveries", "webhook_deliveries"}
            with database.connect() as connection:
                waiting = "SELECT count(*) FROM deliveries WHERE kind = 'place_soon' AND state = 'preparing'"
                assert connection.value(waiting) == len(WHO)

            assert await leave(server, "evening", ben) == 200
            assert kept(database, "Ben") == set()

            clock.jump(30 * MINUTE)
            there = await join(
                server,
                session_id="evening",
                client_id=anna["registration"],
                resume=anna["secret"],
                name="Anna%20Telltale",
            )
            await server.client.post("/api/v2/sessions/evening/start")
            me = "/api/v2/sessions/evening/me"
            assert (await server.stranger.delete(me, headers=there.headers)).status_code == 200
            await there.socket.wait_closed()
            assert kept(database, "Anna") <= {"deliveries"}
            await server.client.post("/api/v2/sessions/evening/end")
            # The publisher forgets where it sends.
            await until_kept_nowhere(database, ["Anna"])
            assert "registrations" in kept(database, "Cleo")
            clock.jump(8 * 24 * HOUR)
            await until_kept_nowhere(database, WHO)
        if url is None:
            assert files_with(tmp_path, rb"(?i)telltale") == []
