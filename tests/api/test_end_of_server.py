"""What is left of a server that has ended, in a process that goes on, and what of its sessions is on the disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pykka
import pytest
import structlog

import engine.app
from engine.sessions.directory import Directory
from engine.storage.group_commit import GroupCommitJournal
from engine.storage.sqlite import FILE_NAME, SqliteDatabase
from tests.api.conftest import Server, running


async def lives(server: Server, session_id: str) -> None:
    """A live session with this id."""
    await server.create(session_id)
    started = await server.client.post(f"/api/v2/sessions/{session_id}/start")
    assert started.status_code == 200


async def test_nothing_of_a_server_goes_on_after_its_end(tmp_path: Path) -> None:
    """Neither an actor nor a task: a session that is live would go on against a journal that is closed."""
    actors, tasks = set(pykka.ActorRegistry.get_all()), asyncio.all_tasks()
    async with running(tmp_path) as server:
        await server.create("tomorrow")
        await lives(server, "evening")
        assert len(set(pykka.ActorRegistry.get_all()) - actors) == 2
    assert set(pykka.ActorRegistry.get_all()) <= actors
    assert asyncio.all_tasks() <= tasks


async def test_sessions_that_are_being_loaded_end_with_the_server(tmp_path: Path) -> None:
    """It is stopped as soon as it has started; nobody is told that a session has failed."""
    actors, tasks = set(pykka.ActorRegistry.get_all()), asyncio.all_tasks()
    async with running(tmp_path, rate_requests_per_minute=0) as server:
        for number in range(60):
            await lives(server, f"evening-{number}")
    with structlog.testing.capture_logs() as lines:
        async with running(tmp_path):
            pass
        assert set(pykka.ActorRegistry.get_all()) <= actors
        assert asyncio.all_tasks() <= tasks
    assert [line for line in lines if line["log_level"] in ("error", "warning")] == []


async def test_no_session_is_taken_over_by_a_server_that_ends(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last look at the others may find one without an owner while the journal is being closed."""
    actors = set(pykka.ActorRegistry.get_all())
    built: list[Directory] = []
    build, close = engine.app._build_directory, GroupCommitJournal.close
    left: list[int] = []

    def kept(*given: Any) -> Directory:
        built.append(build(*given))
        return built[0]

    async def taken_over_first(journal: GroupCommitJournal[Any]) -> None:
        await built[0].take_over(["evening"])
        left.append(len(set(pykka.ActorRegistry.get_all()) - actors))
        await close(journal)

    monkeypatch.setattr(engine.app, "_build_directory", kept)
    monkeypatch.setattr(GroupCommitJournal, "close", taken_over_first)
    async with running(tmp_path, database_url=postgres_url) as server:
        await lives(server, "evening")
    assert left == [0]


async def test_who_took_part_just_before_the_end_did_so(tmp_path: Path) -> None:
    """They are written together every few seconds, and once more at the end."""
    async with running(tmp_path) as server, aiohttp.ClientSession() as http:
        await lives(server, "evening")
        socket = await http.ws_connect(f"{server.url}/ws/live-updates?session_id=evening&name=Ada")
        await socket.send_json({"type": "chat", "id": "1", "data": {"message": "hello"}})
        while (await socket.receive_json())["type"] != "ack":
            pass
        reading = asyncio.ensure_future(socket.receive())
    await reading
    with SqliteDatabase(tmp_path / FILE_NAME).connect() as connection:
        rows = connection.rows("SELECT event FROM journal ORDER BY position")
    assert sum(b"engaged" in bytes(row["event"]) for row in rows) == 1
