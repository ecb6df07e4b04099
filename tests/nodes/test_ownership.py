"""A server claims the sessions to which people come, until it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine.domain.rejection import Unavailable
from engine.nodes.ownership import SharedOwnership
from engine.storage.nodes import NodeTable
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
