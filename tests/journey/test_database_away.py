"""The database of a live studio dies and comes back: a pause for everybody, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from halcytone.client import LiveClient
from tests.journey.server import HEADERS, running_server, until_ready
from tests.journey.session import Log, created, published_page
from tests.postgres import PostgresCluster

READING = (
    "sessions/pause",
    "sessions/elsewhere",
    "sessions",
    "series",
    "webhooks",
    "sessions/pause/registrations",
)
"""What the database is asked for."""
MANY = 40
"""More than there are threads that could wait."""
TEN_SECONDS = aiohttp.ClientTimeout(10)


@pytest.fixture
def own_server() -> Iterator[PostgresCluster]:
    """A PostgreSQL server that the test may kill."""
    cluster = PostgresCluster(durable=True)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


async def until_site(http: aiohttp.ClientSession, url: str) -> None:
    """Wait for the first site."""
    async with asyncio.timeout(30):
        while True:
            async with http.get(f"{url}/feed.xml") as feed:
                if feed.status == 200:
                    return
            await asyncio.sleep(0.05)


async def test_a_database_that_is_away_closes_no_socket(tmp_path: Path, own_server: PostgresCluster) -> None:
    """What is said meanwhile is told once the database is back; the session ends and is published as any other."""
    with own_server.database() as url:
        async with (
            running_server(tmp_path / "data", database_url=url) as server,
            aiohttp.ClientSession() as http,
        ):
            await until_ready(http, server.url)
            room = await created(http, server.url, "pause")
            log, leading = Log(), Log()
            person = LiveClient(http, server.url, "pause", name="Ann", on_message=log.add)
            instructor = LiveClient(
                http,
                server.url,
                "pause",
                role="instructor",
                token=room["tokens"]["instructor"],
                on_message=leading.add,
            )
            await person.connect()
            await instructor.connect()
            await instructor.command("start", "start")
            await leading.until(lambda log: "start" in log.acknowledged)

            own_server.kill()
            await instructor.command("away", "announce", title="Said while away", message="Breathe on")
            async with http.get(f"{server.url}/readyz") as response:
                assert response.status == 503
            assert "away" not in leading.acknowledged
            await asyncio.to_thread(own_server.start)

            await leading.until(lambda log: "away" in log.acknowledged)
            async with http.get(f"{server.url}/readyz") as response:
                assert response.status == 200
            await instructor.command("end", "end")
            assert await asyncio.wait_for(person.closed(), 20) == 1000
            titles = [message["content"].get("title") for message in log.by_seq.values()]
            assert titles.count("Said while away") == 1
            assert room["title"] in await published_page(http, server.url, "pause")


async def test_a_paused_database_keeps_neither_readers_nor_the_end_of_a_server(
    tmp_path: Path, own_server: PostgresCluster
) -> None:
    """Nothing answers, and connections stay open: the site is read all the same, and threads that wait keep the process
    from ending as little as the publisher's does."""
    with own_server.database() as url:
        async with (
            running_server(tmp_path / "data", database_url=url) as server,
            aiohttp.ClientSession(headers=HEADERS) as http,
        ):
            await until_ready(http, server.url)
            await created(http, server.url, "pause")
            await until_site(http, server.url)
            children = psutil.Process(server.pid).children(recursive=True)
            assert children
            own_server.pause()
            try:
                async with http.get(f"{server.url}/metrics", timeout=TEN_SECONDS) as metrics:
                    assert "halcytone_database_unanswered_seconds" in await metrics.text()
                paths = [*READING, *["keys"] * MANY]
                asking = [asyncio.ensure_future(http.get(f"{server.url}/api/v2/{path}")) for path in paths]
                await asyncio.wait(asking, timeout=1)
                async with http.get(f"{server.url}/feed.xml", timeout=TEN_SECONDS) as page:
                    assert page.status == 200
                assert not any(answered.done() for answered in asking)
                async with http.get(f"{server.url}/readyz", timeout=TEN_SECONDS) as ready:
                    assert ready.status == 503
                assert await server.stop(within=10) == 0
                await asyncio.gather(*asking, return_exceptions=True)
                assert psutil.wait_procs(children, timeout=5)[1] == []
            finally:
                own_server.resume()
