"""Requests that never end, connections that only wait, and a server that has too much open: raw sockets, a real server."""

from __future__ import annotations

import asyncio
import json
import resource
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvloop
from aiohttp import web

from engine.api.http import open_connections
from engine.api.http.open_connections import Deadlines, DescriptorLimit
from engine.app import running_server
from engine.clock import Clock
from tests.api.conftest import IDLE, KEY, Server, asking, creation, refused_over_wire, settings
from tests.plain_http import plain_client

SHORT = Deadlines(first_request=0.3, headers=0.3, body=0.4, response=0.6, idle=0.8)
CREATE = "POST /api/v2/sessions/create"


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[Server]:
    """A server on the loop that it has in production, whose transports are not those of asyncio, in a thread of its own."""
    url: Future[str] = Future()
    ended = threading.Event()

    async def serve() -> None:
        try:
            given = settings(data, rate_requests_per_minute=0)
            async with running_server(given, Clock(), publisher=IDLE) as here:
                url.set_result(here.url)
                await asyncio.to_thread(ended.wait)
        except BaseException as error:
            if not url.done():
                url.set_exception(error)
            raise

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        base = await asyncio.wrap_future(url)
        async with (
            plain_client(base_url=base, headers={"Authorization": f"Bearer {KEY}"}) as client,
            plain_client(base_url=base) as stranger,
        ):
            yield Server(base, data, client, stranger)
    finally:
        ended.set()
        await asyncio.to_thread(thread.join)


class Line:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ended(self) -> bytes:
        """What came before the server ended the connection."""
        try:
            return await asyncio.wait_for(self.reader.read(), 10)
        except ConnectionResetError:
            return b""

    async def answer(self) -> bytes:
        """One response with a known length."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            return head + await self.reader.readexactly(length)


@asynccontextmanager
async def line(server: Server) -> AsyncIterator[Line]:
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


async def ended_by(server: Server, reason: str) -> float:
    text = (await server.stranger.get("/metrics")).text
    name = f'halcytone_http_connections_ended_total{{reason="{reason}"}}'
    return next((float(row.split()[-1]) for row in text.splitlines() if row.startswith(name)), 0.0)


@pytest.fixture
async def hurried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server whose deadlines are short."""
    monkeypatch.setattr(open_connections, "DEADLINES", SHORT)
    async with running(tmp_path) as here:
        yield here


def test_the_deadlines_are_those_that_are_documented() -> None:
    """Long enough for a phone in a cellar."""
    limits = open_connections.DEADLINES
    assert (limits.first_request, limits.headers, limits.body, limits.idle) == (15, 15, 30, 75)


def test_aiohttp_still_has_what_the_deadlines_look_at() -> None:
    """Attributes of its request handler that it does not document."""
    for name in ("_messages", "_current_request", "_payload_parser", "_request_count", "_reading_paused"):
        assert hasattr(web.RequestHandler, name), name


async def test_a_silent_connection_is_ended(hurried: Server) -> None:
    """Nothing was asked, so nothing is answered."""
    async with line(hurried) as silent:
        assert await silent.ended() == b""
    assert await ended_by(hurried, "first_request") == 1


@pytest.mark.parametrize("part", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: he", asking("GET /")[:-2]])
async def test_half_a_head_is_answered_408(hurried: Server, part: bytes) -> None:
    """The first one's time began with the connection."""
    async with line(hurried) as half:
        half.writer.write(part[:3])
        await asyncio.sleep(SHORT.headers / 3)
        half.writer.write(part[3:])
        answer = await half.ended()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert refused_over_wire(answer, 408) == {}
    assert await ended_by(hurried, "headers") == 1


async def test_a_head_that_drips_is_ended_all_the_same(hurried: Server) -> None:
    """Each byte is progress, and the head has one deadline as a whole."""
    async with line(hurried) as dripping:
        dripping.writer.write(b"GET / HTTP/1.1\r\nX: ")
        async with asyncio.timeout(10):
            while not dripping.reader.at_eof() and not dripping.writer.is_closing():
                dripping.writer.write(b"x")
                await asyncio.sleep(SHORT.headers / 10)
    assert await ended_by(hurried, "headers") == 1


async def test_half_a_body_is_answered_408(hurried: Server) -> None:
    """And the connection ends, since where the next request begins is unknown."""
    request = asking(CREATE, f"Authorization: Bearer {KEY}", body=json.dumps(creation()).encode())
    async with line(hurried) as half:
        half.writer.write(request[:-20])
        answer = await half.ended()
        assert refused_over_wire(answer, 408) == {}
    assert await ended_by(hurried, "body") == 1


async def test_a_slow_upload_that_moves_is_taken(hurried: Server) -> None:
    """Three times as long as the deadline, a piece at a time."""
    body = json.dumps(creation()).encode()
    request = asking(CREATE, f"Authorization: Bearer {KEY}", body=body)
    async with line(hurried) as slow:
        slow.writer.write(request[: -len(body)])
        size = -(-len(body) // 12)
        for at in range(0, len(body), size):
            await asyncio.sleep(SHORT.body / 4)
            slow.writer.write(body[at : at + size])
        assert (await slow.answer()).startswith(b"HTTP/1.1 201 ")
    assert await ended_by(hurried, "body") == 0


async def test_an_idle_connection_is_ended_and_a_busy_one_is_not(hurried: Server) -> None:
    """Each request begins the time anew; half a later head has the time of a head."""
    loop = asyncio.get_running_loop()
    async with line(hurried) as kept:
        began = loop.time()
        for _ in range(4):
            kept.writer.write(asking("GET /healthz"))
            assert b"ok" in await kept.answer()
            await asyncio.sleep(SHORT.idle / 2)
        assert loop.time() - began > SHORT.idle
        kept.writer.write(asking("GET /healthz"))
        assert b"ok" in await kept.answer()
        assert await kept.ended() == b""
    assert await ended_by(hurried, "idle") == 1
    async with line(hurried) as half:
        half.writer.write(asking("GET /healthz"))
        await half.answer()
        half.writer.write(asking("GET /healthz")[:-3])
        assert (await half.ended()).startswith(b"HTTP/1.1 408 ")


async def test_a_response_that_nobody_reads_is_ended(hurried: Server) -> None:
    """A file larger than every buffer on the way; whoever reads it, however slowly, gets all of it."""
    size = 24 * 1024 * 1024
    (hurried.data / "public").mkdir(exist_ok=True)
    (hurried.data / "public" / "long.webp").write_bytes(bytes(size))
    async with line(hurried) as stalled:
        stalled.writer.transport.pause_reading()  # type: ignore[attr-defined]
        stalled.writer.write(asking("GET /long.webp"))
        async with asyncio.timeout(10):
            while not await ended_by(hurried, "response"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    async with line(hurried) as slow:
        slow.writer.write(asking("GET /long.webp"))
        head = await slow.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        came = 0
        while came < size:
            came += len(await slow.reader.readexactly(min(size - came, 4 * 1024 * 1024)))
            await asyncio.sleep(SHORT.response / 4)
    assert await ended_by(hurried, "response") == 1


UPGRADE = (
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip


async def test_a_live_socket_has_deadlines_of_its_own(hurried: Server) -> None:
    """It may be silent for longer than a connection of HTTP."""
    await hurried.create()
    async with line(hurried) as live:
        live.writer.write(asking("GET /ws/live-updates?session_id=morning", *UPGRADE))
        assert b" 101 " in await live.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(SHORT.idle + SHORT.first_request)
        text = b'{"type":"heartbeat"}'
        live.writer.write(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)
        assert await asyncio.wait_for(live.reader.readuntil(b"heartbeat_ack"), 5)


# -- too many connections, too few descriptors ---------------------------------------------------------


@pytest.fixture
async def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server that may have 20 connections open, and has 16 descriptors in reserve."""
    monkeypatch.setattr(open_connections, "_SETTLING", 0.0)
    monkeypatch.setattr(DescriptorLimit, "of_process", lambda: DescriptorLimit(20, 16))
    async with running(tmp_path) as here:
        yield here


async def connected(server: Server) -> Line:
    parts = urlsplit(server.url)
    return Line(*await asyncio.open_connection(parts.hostname, parts.port))


@asynccontextmanager
async def lines(server: Server, number: int) -> AsyncIterator[list[Line]]:
    """So many connections, one after the other."""
    opened = []
    try:
        for _ in range(number):
            opened.append(await connected(server))
            await asyncio.sleep(0.002)
        yield opened
    finally:
        for each in opened:
            each.writer.close()


async def test_an_address_has_so_many_half_open_connections(narrow: Server) -> None:
    """The oldest give way; those that ask are served."""
    async with lines(narrow, 11) as half:
        for oldest in half[:3]:
            assert await oldest.ended() == b""
        half[-1].writer.write(asking("GET /healthz"))
        assert b"ok" in await half[-1].answer()
        half[3].writer.write(asking("GET /healthz"))
        assert b"ok" in await half[3].answer()
    assert await ended_by(narrow, "half_open") == 3


async def test_connections_that_wait_give_way_to_those_that_come(
    narrow: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """However many idle connections one address holds, others are served; it is logged once."""
    async with lines(narrow, 0) as idle:
        for _ in range(60):
            each = await connected(narrow)
            idle.append(each)
            each.writer.write(asking("GET /healthz"))
            assert b"ok" in await each.answer()
        async with plain_client(base_url=narrow.url) as visitor:
            assert (await visitor.get("/subscribe")).status_code in (200, 308, 404)
            assert (await visitor.get("/healthz")).status_code == 200
        assert await idle[0].ended() == b""
    assert await ended_by(narrow, "crowded") > 30
    assert "".join(capfd.readouterr()).count("file descriptors are short") == 1


async def test_the_reserve_is_for_health_and_for_those_inside(narrow: Server) -> None:
    """A house full of live sockets: whoever else comes gets 503 and when to come again; those inside their files."""
    await narrow.create()
    (narrow.data / "public").mkdir(exist_ok=True)
    (narrow.data / "public" / "feed.xml").write_text("<rss/>")
    await narrow.client.aclose()
    await narrow.stranger.aclose()
    body = json.dumps(creation("evening")).encode()
    async with lines(narrow, 0) as inside:
        for number in range(20):
            inside.append(await connected(narrow))
            if number:
                inside[-1].writer.write(asking("GET /ws/live-updates?session_id=morning", *UPGRADE))
                assert b" 101 " in await inside[-1].reader.readuntil(b"\r\n\r\n")
            else:
                # Under way, so that it does not give way.
                inside[0].writer.write(asking(CREATE, f"Authorization: Bearer {KEY}", body=body)[:-1])
        async with lines(narrow, 1) as (late,):
            late.writer.write(asking("GET /feed.xml"))
            answer = await late.ended()
            assert refused_over_wire(answer, 503) == {}
            assert b"Retry-After: 5" in answer
        async with lines(narrow, 1) as (health,):
            for path in ("/healthz", "/readyz", "/metrics"):
                health.writer.write(asking(f"GET {path}"))
                assert b" 200 OK" in await health.answer()
        async with lines(narrow, 1) as (late,):
            late.writer.write(asking("GET /ws/live-updates?session_id=morning", *UPGRADE))
            assert refused_over_wire(await late.ended(), 503) == {}
        inside[0].writer.write(body[-1:])
        assert b" 201 " in await inside[0].answer()
        inside[0].writer.write(asking("GET /feed.xml"))
        assert b" 200 OK" in await inside[0].answer()


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Server]:
    """A server as it is."""
    async with running(tmp_path) as here:
        yield here


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Nothing more can be opened by this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_file_that_cannot_be_opened_for_want_of_descriptors_is_503(
    plain: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is there: 404 would have it taken out of feeds and searches. One line in the log, each time in the metrics."""
    public = plain.data / "public"
    public.mkdir(exist_ok=True)
    (public / "feed.xml").write_text("<rss/>")
    (public / "404.html").write_text("<p>Nothing.</p>")
    async with line(plain) as inside:
        inside.writer.write(asking("GET /healthz"))
        await inside.answer()
        with no_descriptor_left():
            answers = []
            for path in ("/feed.xml", "/nowhere", "/healthz"):
                inside.writer.write(asking(f"GET {path}", "Accept: text/html"))
                answers.append(await inside.answer())
        for answer in answers[:2]:
            assert refused_over_wire(answer, 503) == {}
            assert b"Retry-After: 5" in answer
        assert b" 200 OK" in answers[2]
        inside.writer.write(asking("GET /feed.xml"))
        assert b" 200 OK" in await inside.answer()
    assert "halcytone_descriptors_short_total 2.0" in (await plain.stranger.get("/metrics")).text
    assert "".join(capfd.readouterr()).count("file descriptors are short") == 1
