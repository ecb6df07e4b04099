"""What a server hears from another of which it asks whether the database answers there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.cluster import others_may_have_a_site
from engine.nodes.membership import NodeFacts
from engine.nodes.node import Node
from engine.storage.nodes import BUILDS_FIRST_SITE, NodeRow
from engine.storage.postgres import PostgresDatabase


@pytest.mark.parametrize(
    ("status", "said", "answers"),
    [
        (200, {"status": "ready"}, True),
        (503, {"status": BUILDS_FIRST_SITE}, True),
        (503, {"status": "database does not answer"}, False),
    ],
)
async def test_a_server_without_a_site_has_a_database(
    tmp_path: Path, status: int, said: Mapping[str, str], answers: bool
) -> None:
    """It is no place for readers yet; whoever is cut off from the database hears from it that the others are not."""

    async def readyz(_: web.Request) -> web.Response:
        return web.json_response(said, status=status)

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    facts = NodeFacts("http://127.0.0.1:1", "1", "")
    node = Node(PostgresDatabase("postgresql://127.0.0.1:1/none"), tmp_path, facts, lambda: 0)
    try:
        async with TestServer(app) as peer:
            assert await node._ask_peer(str(peer.make_url("")).rstrip("/")) is answers
        assert await node._ask_peer("http://127.0.0.1:1") is None
    finally:
        await node.leave()


def row(node: str, site_at: int | None = None, *, draining: bool = False) -> NodeRow:
    """A node as a look shows it."""
    return NodeRow(node, "", 1, True, draining, "1", "", site_at, 0)


@pytest.mark.parametrize(
    ("seen", "have"),
    [
        ((), True),
        ((row("me"),), False),
        ((row("me"), row("new")), False),
        ((row("me"), row("leaving", 1, draining=True)), False),
        ((row("me"), row("old", 1)), True),
    ],
)
def test_readers_are_sent_elsewhere_where_there_is_a_site(
    tmp_path: Path, seen: Sequence[NodeRow], have: bool
) -> None:
    """Servers that all begin without one take part at once: live sessions need none. Not known yet is taken for yes."""
    node = Node(
        PostgresDatabase("postgresql://127.0.0.1:1/none"), tmp_path, NodeFacts("", "1", ""), lambda: 0
    )
    node.membership.node = "me"
    node.membership._nodes = seen
    assert others_may_have_a_site(node) is have
