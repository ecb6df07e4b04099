"""The routes that servers have for each other: there for a server that asks itself, and for nobody else."""

from __future__ import annotations

from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from engine.api.http.addresses import Addresses
from engine.cluster import add_internal_routes
from engine.nodes.forwarding import Forwarding
from engine.nodes.hop import HOP_HEADER, Hop, HopSigner
from engine.sessions.directory import Directory

KEY = b"k" * 32


class Sessions:
    """What the routes ask of the directory; every session is given up."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, session_id: str, *_: Any) -> None:
        self.asked.append(session_id)

    async def yield_idle(self, session_id: str, to: str) -> bool:
        self.asked.append(f"{session_id} {to}")
        return True


@pytest.mark.parametrize(
    ("path", "asked"), [("/internal/published/s", "s"), ("/internal/yield/s/one", "s one")]
)
async def test_only_a_server_itself_is_answered(path: str, asked: str) -> None:
    """Not a client, and not a client whose request another server passed on."""

    async def nobody(_: str) -> Any:
        raise AssertionError

    sessions, app = Sessions(), web.Application()
    passing = Forwarding(
        HopSigner(KEY, lambda: "two"),
        Addresses().client_of,
        nobody,
        lambda _: None,
        list,
        lambda request: request.read(),
    )
    add_internal_routes(app, cast(Directory, sessions), passing)
    one = HopSigner(KEY, lambda: "one")
    async with TestClient(TestServer(app)) as client:
        of_client = one.sign("POST", path, Hop("203.0.113.9", "http"), "two")
        for headers in ({}, {HOP_HEADER: "forged"}, {HOP_HEADER: of_client}):
            assert (await client.post(path, headers=headers)).status == 404
        assert sessions.asked == []
        own = one.sign("POST", path, Hop("", "http"), "two")
        assert (await client.post(path, headers={HOP_HEADER: own})).status == 204
    assert sessions.asked == [asked]
