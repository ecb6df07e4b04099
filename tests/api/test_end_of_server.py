"""What is left of a server that has ended, in a process that goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pykka

from tests.api.conftest import running


async def test_nothing_of_a_server_goes_on_after_its_end(tmp_path: Path) -> None:
    """Neither an actor nor a task: a session that is live would go on against a journal that is closed."""
    actors, tasks = set(pykka.ActorRegistry.get_all()), asyncio.all_tasks()
    async with running(tmp_path) as server:
        await server.create("tomorrow")
        await server.create("evening")
        started = await server.client.post("/api/v2/sessions/evening/start")
        assert started.status_code == 200
        assert len(set(pykka.ActorRegistry.get_all()) - actors) == 2
    assert set(pykka.ActorRegistry.get_all()) <= actors
    assert asyncio.all_tasks() <= tasks
