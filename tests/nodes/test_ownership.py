"""A server claims the sessions to which people come, until it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

import engine.nodes.ownership
from engine.domain.rejection import NotFound, Unavailable
from engine.nodes.ownership import SharedOwnership
from engine.storage.nodes import NodeTable, Owner
from engine.storage.postgres import PostgresDatabase
from engine.storage.rows import ROOMS
from tests.storage.rows import room


@pytest.fixture
async def ownership(postgres_url: str) -> AsyncIterator[SharedOwnership]:
    """That of the node ``one`` of two, and two sessions that somebody created."""
    database = PostgresDatabase(postgres_url)
    with database.connect() as connection:
        for node in ("one", "two"):
            NodeTable(connection).join(node, url=f"http://{node}", version="1", studio_hash="h")
        for session_id in ("a", "b"):
            connection.execute(ROOMS.upsert, **ROOMS.values(room(session_id, phase="live")))
    owned = SharedOwnership(database)
    owned.node = "one"
    yield owned
    owned.close()


def owners(url: str) -> dict[str, str]:
    """The node of each session that has one."""
    with PostgresDatabase(url).connect() as connection:
        return {
            session_id: owner.node for session_id, owner in NodeTable(connection).owners(["a", "b"]).items()
        }


async def test_a_session_is_claimed_for_whoever_comes_first(
    ownership: SharedOwnership, postgres_url: str
) -> None:
    """Asked who owns a session that nobody owns, it owns it."""
    assert (await ownership.owner("a")).url == ""
    assert owners(postgres_url) == {"a": "one"}


async def test_the_log_says_which_sessions_another_server_had_before(
    ownership: SharedOwnership, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line each; one for all where a server is gone that had many."""
    with PostgresDatabase(postgres_url).connect() as connection:
        NodeTable(connection).claim("two", ["b"])
        NodeTable(connection).release("two", [("b", 1)])
    with capture_logs() as logged:
        await asyncio.gather(ownership.claim("a"), ownership.claim("b"))
    assert logged == [
        {"event": "session taken over", "session_id": "b", "node": "one", "term": 2, "log_level": "info"}
    ]

    monkeypatch.setattr(engine.nodes.ownership, "_MOST_LINES", 1)
    await ownership.release(["a", "b"])
    with capture_logs() as logged:
        await asyncio.gather(ownership.claim("a"), ownership.claim("b"))
    assert logged == [{"event": "sessions taken over", "sessions": 2, "node": "one", "log_level": "info"}]


async def test_claims_that_come_during_one_share_the_next(
    ownership: SharedOwnership, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server to which thousands come at once sends a few statements, not one for each session."""
    statements: list[list[str]] = []
    claim = NodeTable.claim

    def counted(
        table: NodeTable, node: str, session_ids: list[str], *, new: bool = False
    ) -> dict[str, Owner]:
        statements.append(session_ids)
        return claim(table, node, session_ids, new=new)

    monkeypatch.setattr(NodeTable, "claim", counted)
    async with asyncio.TaskGroup() as claims:
        with PostgresDatabase(postgres_url).connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE owners")
            for session_id in ("a", "b", "nobody made it"):
                claims.create_task(owner_or_none(ownership, session_id))
                while len(statements) < 1:  # noqa: ASYNC110 — it is a thread that sends the first
                    await asyncio.sleep(0)

    assert statements == [["a"], ["b", "nobody made it"]]
    assert owners(postgres_url) == {"a": "one", "b": "one"}


async def owner_or_none(ownership: SharedOwnership, session_id: str) -> Owner | None:
    """The owner of a session, None for one that nobody made."""
    try:
        return await ownership.owner(session_id)
    except NotFound:
        return None


async def test_what_a_server_gave_up_is_looked_for_at_the_others(
    ownership: SharedOwnership, postgres_url: str
) -> None:
    """A request for it waits until it is given up, and a moment for its next owner."""
    await ownership.claim("a")
    looking = asyncio.create_task(ownership.successor("a"))
    ownership.draining = True
    await ownership.release(["a"])
    with PostgresDatabase(postgres_url).connect() as connection:
        NodeTable(connection).claim("two", ["a"])

    found = await looking
    assert found is not None
    assert (found.node, found.url) == ("two", "http://two")
    assert await ownership.successor("b") is None, "whoever is asked for it claims it"


async def test_a_server_that_stops_does_not_claim_back_what_it_gave_up(
    ownership: SharedOwnership, postgres_url: str
) -> None:
    """Somebody who comes to it all the same is refused, so that the others have the session at once."""
    await ownership.claim("a")
    ownership.draining = True

    assert (await ownership.owner("a")).url == "", "it goes on with what it has"
    await ownership.release(["a"])

    for session_id in ("a", "b"):
        with pytest.raises(Unavailable):
            await ownership.owner(session_id)
        with pytest.raises(Unavailable):
            await ownership.claim(session_id)
    assert owners(postgres_url) == {}
