"""Forwarding: never twice, never without an end, and to the right place with the client's own address."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from engine.api.http.addresses import Addresses
from engine.domain.rejection import Moved
from engine.nodes.forwarding import Forwarding
from engine.nodes.hop import HopSigner
from engine.storage.nodes import Owner

KEY = b"k" * 32
_HANDSHAKE = (
    b"GET /ws/x HTTP/1.1\r\nHost: first\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Servers:
    """Servers that all believe another one to be the owner of everything."""

    def __init__(self) -> None:
        self.stack = AsyncExitStack()
        self.asked: list[str] = []
        self.addresses: dict[str, Addresses] = {}
        self.forwarding: dict[str, Forwarding] = {}

    async def start(
        self, name: str, owner: str, url: Callable[[], str], looked: Callable[[], None] = lambda: None
    ) -> TestServer:
        async def whose(_: str) -> Owner:
            looked()
            return Owner(owner, url(), 1)

        addresses = self.addresses[name] = Addresses(["127.0.0.1"])
        forwarding = self.forwarding[name] = Forwarding(
            HopSigner(KEY, lambda: name),
            addresses.client_of,
            whose,
            lambda _: None,
            list,
            lambda request: request.read(),
        )

        def told(request: web.BaseRequest) -> str | None:
            hop = forwarding.hop(request)
            return None if hop is None else hop.address

        addresses.trust_hops(told)

        async def moved(request: web.Request) -> web.Response:
            self.asked.append(f"{name} {addresses.client_of(request)} {await request.text()}")
            if owner == name:
                return web.Response(text="the owner's", headers={"X-Own": "yes"}, status=201)
            raise Moved("s", owner, url())

        async def socket(request: web.Request) -> web.StreamResponse:
            self.asked.append(f"{name} {addresses.client_of(request)}")
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            if owner != name:
                await ws.close(code=4006)
                return ws
            async for message in ws:
                await ws.send_bytes(message.data * 2)
            return ws

        app = web.Application(middlewares=[forwarding.middleware])
        app.router.add_route("*", "/x", moved)
        app.router.add_get("/ws/x", forwarding.socket(socket, lambda _: None if owner == name else "s"))
        server = TestServer(app)
        await self.stack.enter_async_context(server)
        self.stack.push_async_callback(forwarding.close)
        return server


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    made = Servers()
    async with made.stack:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"X-Forwarded-For": "203.0.113.9"}) as session:
        yield session


Start = Callable[[str, str, Callable[[], str]], Awaitable[TestServer]]


async def test_the_owner_answers_with_the_clients_address_and_body(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    """Status, headers and content are the owner's; it sees the client and not the server between."""
    owner = await servers.start("owner", "owner", lambda: "")
    first = await servers.start("first", "owner", lambda: str(owner.make_url("")).rstrip("/"))
    async with http.post(first.make_url("/x"), data=b"body", headers={"X-Halcytone-Hop": "forged"}) as answer:
        assert (answer.status, answer.headers["X-Own"], await answer.text()) == (201, "yes", "the owner's")
    assert servers.asked == ["first 203.0.113.9 body", "owner 203.0.113.9 body"]


async def test_what_was_passed_on_is_not_passed_on_again(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    """Two servers that take each other for the owner: a 503 with Retry-After, and 4006 on a socket."""
    urls: dict[str, str] = {}
    a = await servers.start("a", "b", lambda: urls["b"])
    b = await servers.start("b", "a", lambda: urls["a"])
    urls |= {"a": str(a.make_url("")).rstrip("/"), "b": str(b.make_url("")).rstrip("/")}
    async with http.get(a.make_url("/x")) as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await answer.json())["error"] == "unavailable"
    assert len(servers.asked) == 2
    async with http.ws_connect(a.make_url("/ws/x")) as ws:
        assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == 4006
    assert servers.asked[2:] == ["b 203.0.113.9"]


async def test_an_owner_that_is_gone_is_no_endless_wait(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    """Nobody listens where it was."""
    first = await servers.start("first", "owner", lambda: f"http://127.0.0.1:{unused_port()}")
    async with asyncio.timeout(5):
        async with http.get(first.make_url("/x")) as answer:
            assert answer.status == 503
        async with http.ws_connect(first.make_url("/ws/x")) as ws:
            await ws.receive()
            assert ws.close_code == 4006


@pytest.mark.parametrize("upgrades", [True, False])
async def test_an_owner_that_stands_still_is_waited_for_until_it_is_evicted(
    servers: Servers, http: aiohttp.ClientSession, upgrades: bool
) -> None:
    """Its kernel takes connections, and nothing ends: a 503, a socket that ends, and what the owner never took is dropped."""
    taken = asyncio.Queue[asyncio.StreamWriter]()

    async def stopped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        servers.stack.callback(writer.transport.abort)
        head = await reader.readuntil(b"\r\n\r\n")
        if b"POST /internal/yield" in head:
            writer.write(b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n")
            return
        if upgrades and b"Upgrade: websocket" in head:
            writer.write(_UPGRADED)
        taken.put_nowait(writer)

    owner = await asyncio.start_server(stopped, "127.0.0.1", 0)
    servers.stack.push_async_callback(_closed, owner)
    port = owner.sockets[0].getsockname()[1]
    first = await servers.start("first", "owner", lambda: f"http://127.0.0.1:{port}")

    async def on_a_socket() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", first.port)
        writer.write(_HANDSHAKE)
        told = bytearray()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1000):
                told += data
        writer.close()
        return bytes(told)

    async def asked() -> int:
        async with http.get(first.make_url("/x")) as answer:
            return answer.status

    async with asyncio.timeout(10):
        waiting: list[asyncio.Task[Any]] = [asyncio.create_task(on_a_socket()), asyncio.create_task(asked())]
        for _ in waiting:
            await taken.get()
        servers.forwarding["first"].gone({"first", "owner"})
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        servers.forwarding["first"].gone({"first"})
        told, status = await asyncio.gather(*waiting)
    assert told.startswith(b"HTTP/1.1 101") is upgrades
    assert status == 503


async def _closed(server: asyncio.Server) -> None:
    server.close()


async def test_those_who_come_at_once_share_what_the_owner_yields(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    """It gives the session up once; who comes meanwhile is served here too, and not refused there."""
    asked, there = 0, asyncio.Semaphore(0)

    async def give_up(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        for _ in range(5):
            await there.acquire()
        return web.Response(status=204 if asked == 1 else 409)

    app = web.Application()
    app.router.add_post("/internal/yield/s/first", give_up)
    owner = TestServer(app)
    await servers.stack.enter_async_context(owner)
    first = await servers.start(
        "first", "owner", lambda: str(owner.make_url("")).rstrip("/"), looked=there.release
    )

    async def come() -> None:
        async with http.ws_connect(first.make_url("/ws/x")) as ws:
            await ws.receive()

    async with asyncio.timeout(10):
        await asyncio.gather(*(come() for _ in range(5)))
    assert asked == 1
    assert servers.asked == ["first 203.0.113.9"] * 5


async def test_a_socket_passes_every_byte_both_ways(servers: Servers, http: aiohttp.ClientSession) -> None:
    """Many megabytes to a client that reads late are held back, not piled up, and arrive whole."""
    owner = await servers.start("owner", "owner", lambda: "")
    first = await servers.start("first", "owner", lambda: str(owner.make_url("")).rstrip("/"))
    async with http.ws_connect(first.make_url("/ws/x"), max_msg_size=0) as ws:
        sent = [bytes([number]) * 500_000 for number in range(20)]

        async def send() -> None:
            for part in sent:
                await ws.send_bytes(part)

        sending = asyncio.create_task(send())
        for part in sent:
            assert (await ws.receive_bytes()) == part * 2
        await sending
        await ws.close()
    assert servers.asked == ["owner 203.0.113.9"]
