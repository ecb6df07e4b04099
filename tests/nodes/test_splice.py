"""A handshake that is passed on: real sockets through a real server to another one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
import uvloop
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.nodes.splice import splice

HANDSHAKE = b"".join(
    (
        b"GET %b HTTP/1.1\r\nHost: front\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
)


@asynccontextmanager
async def front_of_an_owner(asked: list[str]) -> AsyncIterator[TestServer]:
    """A server that passes every handshake on to another one; ``asked`` gets the paths that arrive there."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        asked.append(request.path)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    async def other(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=404, text="x" * 200_000 if request.path == "/long" else "no")

    behind = web.Application()
    behind.router.add_get("/ws", echo)
    behind.router.add_get("/{path:.*}", other)
    async with TestServer(behind) as owner:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            return await splice(request, f"http://127.0.0.1:{owner.port}", {})

        before = web.Application()
        before.router.add_get("/{path:.*}", pass_on)
        front = TestServer(before)
        async with front:
            yield front


async def test_frames_go_both_ways() -> None:
    """An upgraded connection carries every byte, also what came right behind the handshake."""
    asked: list[str] = []
    async with front_of_an_owner(asked) as front, aiohttp.ClientSession() as http:
        async with http.ws_connect(front.make_url("/ws")) as socket:
            for text in ("one", "x" * 100_000):
                await socket.send_str(text)
                assert await socket.receive_str(timeout=5) == text
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(HANDSHAKE % b"/ws" + b"\x81\x82\x00\x00\x00\x00hi")
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(4), 5) == b"\x81\x02hi"
        writer.close()
    assert asked == ["/ws", "/ws"]


@pytest.mark.parametrize("path", [b"/refused", b"/long"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_refused_handshake_opens_no_way_to_the_owner(path: bytes, at_once: bool) -> None:
    """The refusal arrives whole and the connection ends; a further request on it reaches nobody."""
    asked: list[str] = []
    further = b"GET /metrics HTTP/1.1\r\nHost: front\r\n\r\n"
    async with front_of_an_owner(asked) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(HANDSHAKE % path + (further if at_once else b""))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b" 404 " in head
        if not at_once:
            writer.write(further)
        body = await asyncio.wait_for(reader.read(-1), 5)
        writer.close()
    assert body == (b"x" * 200_000 if path == b"/long" else b"no")
    assert asked == [path.decode()]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("first", [30_000, 250_000])
def test_an_owner_waits_for_a_client_who_does_not_take_the_first_bytes(
    new_loop: Callable[[], asyncio.AbstractEventLoop], first: int
) -> None:
    """What comes in one piece with the upgrade may stand in the client's transport when the two are connected."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_first_bytes_not_taken(first))


async def _first_bytes_not_taken(first: int) -> None:
    bodies, body = 256, b"x" * 262_144
    sent = 0

    async def own(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"y" * first)
        with suppress(ConnectionError):  # The client leaves before it has everything.
            while sent < bodies:
                await writer.drain()
                writer.write(body)
                sent += 1
        writer.close()

    async with await asyncio.start_server(own, "127.0.0.1") as owner:
        url = f"http://127.0.0.1:{owner.sockets[0].getsockname()[1]}"
        app = web.Application()

        async def pass_on(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            wire = request.transport.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
            return await splice(request, url, {})

        app.router.add_get("/", pass_on)
        async with TestServer(app) as front:
            narrow = socket.socket()
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            narrow.setblocking(False)
            await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", front.port))
            await asyncio.get_running_loop().sock_sendall(narrow, HANDSHAKE % b"/")
            before = -1
            while before < sent < bodies or not sent:
                before = sent
                for _ in range(500):
                    await asyncio.sleep(0)
            assert sent < bodies // 2, "the owner was read on although nobody took it"
            reader, writer = await asyncio.open_connection(sock=narrow)
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert await asyncio.wait_for(reader.readexactly(first), 10) == b"y" * first
            writer.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("to_client", [True, False])
def test_who_sends_waits_for_who_reads(
    new_loop: Callable[[], asyncio.AbstractEventLoop], to_client: bool
) -> None:
    """What one side does not take is not kept for it; it gets all of it once it does."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_sent_faster_than_read(to_client))


async def _sent_faster_than_read(to_client: bool) -> None:
    chunk, chunks = b"x" * 262_144, 256  # More than the system keeps for all four ends.
    owners: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def own(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        owners.put_nowait((reader, writer))

    async with await asyncio.start_server(own, "127.0.0.1") as owner:
        url = f"http://127.0.0.1:{owner.sockets[0].getsockname()[1]}"
        app = web.Application()

        async def pass_on(request: web.Request) -> web.StreamResponse:
            return await splice(request, url, {})

        app.router.add_get("/", pass_on)
        async with TestServer(app) as front:
            reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
            writer.write(HANDSHAKE % b"/")
            await reader.readuntil(b"\r\n\r\n")
            owner_reader, owner_writer = await owners.get()
            sender, receiver = (owner_writer, reader) if to_client else (writer, owner_reader)
            sent = 0

            async def send() -> None:
                nonlocal sent
                for _ in range(chunks):
                    sender.write(chunk)
                    await sender.drain()
                    sent += 1

            sending = asyncio.create_task(send())
            before = -1
            while before < sent < chunks:
                before = sent
                for _ in range(500):
                    await asyncio.sleep(0)
            waited = not sending.done()
            for _ in range(chunks):
                assert await asyncio.wait_for(receiver.readexactly(len(chunk)), 30) == chunk
            await sending
            writer.close()
            assert await asyncio.wait_for(owner_reader.read(), 30) == b"", (
                "the end of one is that of the other"
            )
            owner_writer.close()
            assert waited
