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


@pytest.mark.parametrize("draining", [False, True])
async def test_claims_that_come_during_one_share_the_next(
    ownership: SharedOwnership, postgres_url: str, monkeypatch: pytest.MonkeyPatch, draining: bool
) -> None:
    """A server to which thousands come at once sends a few statements; once it drains it sends none."""
    statements: list[list[str]] = []
    claim = NodeTable.claim

    def counted(
        table: NodeTable, node: str, session_ids: list[str], *, new: bool = False
    ) -> dict[str, Owner]:
        statements.append(session_ids)
        return claim(table, node, session_ids, new=new)

    monkeypatch.setattr(NodeTable, "claim", counted)
    with PostgresDatabase(postgres_url).connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE owners")
        claims = [asyncio.create_task(ownership.claim("a"))]
        while not statements:  # noqa: ASYNC110 — it is a thread that sends the first
            await asyncio.sleep(0)
        claims += [asyncio.create_task(ownership.claim(each)) for each in ("b", "nobody made it")]
        await asyncio.sleep(0)
        ownership.draining = draining
    first, *others = await asyncio.gather(*claims, return_exceptions=True)

    assert first == 1
    if draining:
        assert [type(each) for each in others] == [Unavailable, Unavailable]
        assert statements == [["a"]]
    else:
        assert others[0] == 1
        assert isinstance(others[1], NotFound)
        assert statements == [["a"], ["b", "nobody made it"]]


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


async def test_a_session_is_given_to_no_server_that_is_gone(
    ownership: SharedOwnership, postgres_url: str
) -> None:
    """It stays with its owner, whose own claim of it is no sign that a failover undid anything."""
    await ownership.claim("a")
    assert not await ownership.give("a", "gone")
    assert await ownership.claim("a") == 1
    assert not ownership.is_tail_lost("a")
    assert await ownership.give("a", "two")
    assert owners(postgres_url) == {"a": "two"}


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
