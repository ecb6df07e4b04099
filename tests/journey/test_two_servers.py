"""Two servers on one PostgreSQL: every request is answered by either, and one that dies takes no session with it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from engine.domain.instant import HOUR, iso
from halcytone.client import LiveClient, Refused
from tests.journey.cable import Cable
from tests.journey.server import HEADERS, OPERATOR, Server, asked, running_server, until_ready
from tests.journey.session import Log, created, published_page
from tests.postgres import PostgresCluster
from tests.publisher.samples import content

pytestmark = pytest.mark.long


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def servers(
    tmp_path: Path, postgres_url: str, http: aiohttp.ClientSession
) -> AsyncIterator[tuple[Server, Server]]:
    """Both know of each other."""
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(
                running_server(tmp_path / name, database_url=postgres_url, log_level="debug")
            )
            for name in ("one", "two")
        ]
        for server in (one, two):
            await until_nodes(http, server, 2)
        yield one, two


def logged_by(server: Server) -> list[dict[str, Any]]:
    """What a server and its publisher have logged."""
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


async def until_nodes(http: aiohttp.ClientSession, server: Server, number: int) -> list[dict[str, Any]]:
    """The nodes that a server sees, once there are so many."""
    async with asyncio.timeout(20):
        while True:
            nodes: list[dict[str, Any]] = (await asked(http, "GET", f"{server.url}/api/v2/nodes"))["nodes"]
            if len(nodes) == number:
                return nodes
            await asyncio.sleep(0.05)


async def reconnected(client: LiveClient, within: float = 20.0) -> dict[str, Any]:
    """The welcome, once somebody has the session again."""
    async with asyncio.timeout(within):
        while True:
            try:
                return await client.connect()
            except (Refused, aiohttp.ClientError):
                await asyncio.sleep(0.05)


async def test_any_server_answers_any_request(
    servers: tuple[Server, Server], http: aiohttp.ClientSession
) -> None:
    """A session of one is led and visited through the other, over HTTP and over sockets, as if there were one."""
    one, two = servers
    room = await created(http, one.url, "shared")
    log, leading = Log(), Log()
    person = LiveClient(http, two.url, "shared", name="Ann", on_message=log.add)
    instructor = LiveClient(
        http, one.url, "shared", role="instructor", token=room["tokens"]["instructor"], on_message=leading.add
    )
    await person.connect()
    await instructor.connect()
    assert (await asked(http, "POST", f"{two.url}/api/v2/sessions/shared/start"))["phase"] == "live"
    await person.send("chat", message="hello from the other server")
    await leading.until(lambda log: "chat_message" in log.kinds)
    big = "x" * 60_000
    async with http.post(
        f"{two.url}/api/v2/sessions/shared/events", headers=HEADERS, json={"type": "nothing", "padding": big}
    ) as refused:
        assert refused.status == 400
        assert len(refused.headers.getall("X-Request-ID")) == 1
    for server in servers:
        live = await asked(http, "GET", f"{server.url}/api/v2/sessions/live?include_metrics=true")
        assert [(each["session_id"], each["participant_count"]) for each in live["sessions"]] == [
            ("shared", 1)
        ]
        shown = await asked(http, "GET", f"{server.url}/api/v2/session/shared/content?include_replay=true")
        assert len(shown["replay"]["messages"]) >= 3
        async with http.get(f"{server.url}/sessions/join/shared") as join:
            assert f'<meta property="og:title" content="{room["title"]}">' in await join.text()
        async with http.get(f"{server.url}/api/v2/sessions/nowhere") as unknown:
            assert unknown.status == 404
        await asked(
            http,
            "POST",
            f"{server.url}/api/v2/sessions/create",
            409,
            {
                "session_id": "shared",
                "title": "Again",
                "scheduled_start": "2030-01-01T00:00:00Z",
                "instructor": "Willow",
            },
        )
    await created(http, two.url, "other")
    announcement = {"type": "info", "title": "To all", "message": "Breathe"}
    told = await asked(
        http,
        "POST",
        f"{one.url}/api/v2/live-announce",
        200,
        {"announcement": announcement, "broadcast_all": True},
    )
    assert sorted(told["sessions_notified"]) == ["other", "shared"]
    await log.until(lambda log: "To all" in [each["content"].get("title") for each in log.by_seq.values()])
    titles = [each["content"].get("title") for each in log.by_seq.values()]
    assert titles.count("To all") == 1
    nodes = await until_nodes(http, two, 2)
    assert sorted(node["url"] for node in nodes) == sorted(server.url for server in servers)
    # Nobody was in it where it was created: it went to where somebody came, and the second to come is passed on.
    async with http.get(f"{two.url}/metrics") as metrics:
        figures = (await metrics.text()).splitlines()
    (second,) = [node["node_id"] for node in nodes if node["url"] == two.url]
    labels = f'{{node="{second}"}}'
    assert {f"halcytone_nodes{labels} 2.0", f"halcytone_owned_sessions{labels} 2.0"} <= set(figures)
    async with http.get(f"{one.url}/metrics") as metrics:
        assert re.search(r'^halcytone_passed_on_sockets{node="\w+"} 1.0$', await metrics.text(), re.M)
    async with http.get(
        f"{one.url}/api/v2/sessions/shared", headers={**HEADERS, "X-Request-ID": "asked-once"}
    ) as answered:
        assert (answered.status, answered.headers.getall("X-Request-ID")) == (200, ["asked-once"])
    written = [logged_by(server) for server in servers]
    ids = [{node["url"]: node["node_id"] for node in nodes}[server.url] for server in servers]
    # The one that was asked has it from the client, the one that answers from the one that was asked.
    for lines, node_id in zip(written, ids, strict=True):
        assert {line["node"] for line in lines if line.get("request_id") == "asked-once"} == {node_id}
    started = [line for lines in written for line in lines if line["event"] == "session started"]
    assert [(line["session_id"], line["node"], line["term"]) for line in started] == [("shared", second, 2)]
    await asked(http, "POST", f"{two.url}/api/v2/sessions/shared/end")
    assert await asyncio.wait_for(person.closed(), 20) == 1000
    assert await asyncio.wait_for(instructor.closed(), 20) == 1000


async def test_a_server_that_dies_takes_no_session_with_it(
    servers: tuple[Server, Server], http: aiohttp.ClientSession
) -> None:
    """kill -9 of the owner: everybody is back at the other server with all they missed, and nothing is lost."""
    one, two = servers
    room = await created(http, one.url, "orphan")
    log, leading = Log(), Log()
    through = LiveClient(http, two.url, "orphan", name="Ann", on_message=log.add)
    instructor = LiveClient(
        http, two.url, "orphan", role="instructor", token=room["tokens"]["instructor"], on_message=leading.add
    )
    direct = LiveClient(http, one.url, "orphan", name="Bob")
    await direct.connect()
    epoch = (await through.connect())["epoch"]
    await instructor.connect()
    await asked(http, "POST", f"{one.url}/api/v2/sessions/orphan/start")
    for number in range(30):
        await instructor.command(str(number), "announce", title=f"Word {number}", message="…")
    await leading.until(lambda log: len(log.acknowledged) == 30)
    # Long enough for the other to believe what it sees.
    nodes = await until_nodes(http, two, 2)
    assert {node["alive"] for node in nodes} == {True}

    await one.kill()
    died = time.monotonic()
    assert {await each.closed() for each in (direct, through, instructor)} == {1006}
    welcomes = [await reconnected(through), await reconnected(instructor)]

    assert time.monotonic() - died < 12
    assert [(each["recovered"], each["epoch"]) for each in welcomes] == [(True, epoch)] * 2
    await instructor.command("last", "announce", title="Still here", message="Breathe on")
    await leading.until(lambda log: "last" in log.acknowledged)
    await log.until(lambda log: "Still here" in [m["content"].get("title") for m in log.by_seq.values()])
    assert sorted(log.by_seq) == list(range(min(log.by_seq), max(log.by_seq) + 1))
    titles = [message["content"].get("title") for message in log.by_seq.values()]
    assert [titles.count(f"Word {number}") for number in range(30)] == [1] * 30
    await until_nodes(http, two, 1)
    await asked(http, "POST", f"{two.url}/api/v2/sessions/orphan/end")
    assert await asyncio.wait_for(through.closed(), 20) == 1000


async def test_a_server_that_is_stopped_gives_its_sessions_to_the_other(
    servers: tuple[Server, Server], http: aiohttp.ClientSession
) -> None:
    """SIGTERM: its clients are told 4006 and are live at the other at once; nobody waits for an eviction."""
    one, two = servers
    await created(http, one.url, "handed")
    await asked(http, "POST", f"{one.url}/api/v2/sessions/handed/start")
    client = LiveClient(http, one.url, "handed", name="Alder")
    epoch = (await client.connect())["epoch"]

    stopping = asyncio.create_task(one.stop(within=10))
    assert await asyncio.wait_for(client.closed(), 10) == 4006
    # As a balancer would: what was at the one is at the other.
    client._url = client._url.replace(one.url, two.url)
    welcome = await reconnected(client, within=3)

    assert (welcome["recovered"], welcome["epoch"]) == (True, epoch)
    assert await stopping == 0
    assert (await asked(http, "GET", f"{two.url}/api/v2/sessions/live"))["count"] == 1
    await client.close()


async def test_a_server_that_stood_still_lets_go_of_what_others_have(
    servers: tuple[Server, Server], http: aiohttp.ClientSession
) -> None:
    """SIGSTOP until it is evicted, then CONT: it closes its sockets with 4006, writes nothing, and is a server again."""
    one, two = servers
    room = await created(http, one.url, "stopped")
    log = Log()
    client = LiveClient(http, one.url, "stopped", name="Alder", on_message=log.add)
    epoch = (await client.connect())["epoch"]
    await asked(http, "POST", f"{one.url}/api/v2/sessions/stopped/start")
    before = {node["node_id"] for node in await until_nodes(http, two, 2)}

    os.kill(one.pid, signal.SIGSTOP)
    # What was sent to it is carried out by nobody: its writes are refused when it goes on.
    await client.send("chat", message="into the silence")
    (survivor,) = await until_nodes(http, two, 1)
    other = LiveClient(
        http, two.url, "stopped", role="instructor", token=room["tokens"]["instructor"], on_message=log.add
    )
    assert (await reconnected(other))["epoch"] == epoch
    await other.command("word", "announce", title="Meanwhile", message="Breathe")
    await log.until(lambda log: "word" in log.acknowledged)
    os.kill(one.pid, signal.SIGCONT)

    assert await asyncio.wait_for(client.closed(), 10) == 4006
    after = {node["node_id"] for node in await until_nodes(http, two, 2)}
    assert after & before == {survivor["node_id"]}
    welcome = await reconnected(client)
    assert (welcome["recovered"], welcome["epoch"]) == (True, epoch)
    await log.until(lambda log: "Meanwhile" in [m["content"].get("title") for m in log.by_seq.values()])
    assert "chat_message" not in log.kinds
    await asked(http, "POST", f"{one.url}/api/v2/sessions/stopped/end")
    assert await asyncio.wait_for(client.closed(), 20) == 1000


async def test_a_server_cut_off_from_the_database_sends_its_people_to_the_others(
    tmp_path: Path, postgres_url: str, http: aiohttp.ClientSession
) -> None:
    """The others answer that they have what it lacks: it closes its sockets, and is a server again with its cable."""
    cable = Cable(postgres_url)
    await cable.plug_in()
    async with (
        running_server(tmp_path / "one", database_url=cable.url) as one,
        running_server(tmp_path / "two", database_url=postgres_url) as two,
    ):
        for server in (one, two):
            await until_nodes(http, server, 2)
        await created(http, one.url, "severed")
        log = Log()
        client = LiveClient(http, one.url, "severed", name="Alder", on_message=log.add)
        epoch = (await client.connect())["epoch"]
        await asked(http, "POST", f"{one.url}/api/v2/sessions/severed/start")

        await cable.cut()
        assert await asyncio.wait_for(client.closed(), 30) == 4006
        await until_nodes(http, two, 1)
        client._url = client._url.replace(one.url, two.url)
        welcome = await reconnected(client)
        assert (welcome["recovered"], welcome["epoch"]) == (True, epoch)

        await cable.plug_in()
        await until_nodes(http, two, 2)
        await asked(http, "POST", f"{one.url}/api/v2/sessions/severed/end")
        assert await asyncio.wait_for(client.closed(), 20) == 1000
    await cable.cut()


async def test_every_server_publishes_the_same_site(
    servers: tuple[Server, Server], http: aiohttp.ClientSession, tmp_path: Path, postgres_url: str
) -> None:
    """A session that ended at one is read at both, byte for byte the same, at a server that comes later too."""
    one, two = servers
    room = await created(http, one.url, "told")
    await asked(http, "POST", f"{two.url}/api/v2/sessions/told/start")
    client = LiveClient(http, two.url, "told", name="Ann")
    await client.connect()
    await asked(http, "POST", f"{two.url}/api/v2/sessions/told/end")
    for server in servers:
        assert room["title"] in await published_page(http, server.url, "told")
    # By a process of its own: it sorts hashes in another order than the forks do.
    async with running_server(tmp_path / "three", OPERATOR, database_url=postgres_url) as three:
        assert room["title"] in await published_page(http, three.url, "told")
        await until_same_sites(one, two, three)
        async with asyncio.timeout(10):
            while True:
                if all(node["site_at"] for node in await until_nodes(http, three, 3)):
                    break
                await asyncio.sleep(0.1)
    publication = await asked(http, "GET", f"{two.url}/api/v2/publications/told")
    assert {each["state"] for each in publication["channels"].values()} == {"done"}
    assert {each["attempts"] for each in publication["channels"].values()} == {1}
    await asked(http, "DELETE", f"{two.url}/api/v2/publications/told")
    await until(lambda: not any((each.data / "public" / "sessions" / "told").exists() for each in servers))


async def test_a_new_server_is_ready_once_it_has_the_site(
    tmp_path: Path, postgres_url: str, http: aiohttp.ClientSession
) -> None:
    """Until then a balancer sends readers and feed readers to those that have it; nobody finds a story missing."""
    async with running_server(tmp_path / "one", database_url=postgres_url) as one:
        body = content(
            session_id="told",
            session_date=iso((time.time_ns() // 1_000_000) - HOUR),
            publish_immediately=True,
        )
        await asked(http, "POST", f"{one.url}/api/v2/session-summary", 200, body)
        while (await until_nodes(http, one, 1))[0]["site_at"] is None:  # noqa: ASYNC110 — its next beat says it
            await asyncio.sleep(0.05)
        async with running_server(tmp_path / "new", database_url=postgres_url) as new:
            said = await until_ready(http, new.url)
            for path in ("/", "/sessions/told/", "/feed.xml"):
                async with http.get(f"{new.url}{path}") as page:
                    assert page.status == 200, path
            assert set(said) <= {"builds its first site"}


async def test_what_one_server_answered_is_so_at_the_other_at_once(
    servers: tuple[Server, Server], http: aiohttp.ClientSession
) -> None:
    """A key that was made there opens this one; a page that is published or withdrawn there is so here, without waiting."""
    one, two = servers
    await until(lambda: all((each.data / "public" / "index.html").exists() for each in servers))
    for number in range(3):
        asked_at, read_at = (one, two) if number % 2 else (two, one)
        made = await asked(http, "POST", f"{asked_at.url}/api/v2/keys", 201, {"name": f"Key {number}"})
        async with http.get(
            f"{read_at.url}/api/v2/series", headers={"Authorization": f"Bearer {made['key']}"}
        ) as opened:
            assert opened.status == 200, await opened.text()
        body = content(
            session_id=f"summary-{number}",
            session_date=iso((time.time_ns() // 1_000_000) - HOUR),
            channels=["web"],
            publish_immediately=True,
        )
        published = await asked(http, "POST", f"{asked_at.url}/api/v2/session-summary", 200, body)
        assert "web" in published["published_to"], published
        async with http.get(f"{read_at.url}/sessions/summary-{number}/") as page:
            assert page.status == 200
            assert body["title"] in await page.text()
        gone = await asked(http, "DELETE", f"{asked_at.url}/api/v2/publications/summary-{number}")
        assert gone["status"] == "withdrawn"
        async with http.get(f"{read_at.url}/sessions/summary-{number}/") as page:
            assert page.status == 410


async def test_an_idle_server_asks_the_database_little(
    tmp_path: Path, postgres: PostgresCluster, postgres_url: str
) -> None:
    """At most three statements a second, one of them its beat, once what a start brings is over: many share a database."""
    beats = 12
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET log_statement = 'all'")
    async with (
        running_server(tmp_path / "one", database_url=postgres_url) as one,
        running_server(tmp_path / "two", database_url=postgres_url) as two,
    ):
        await until(lambda: all((each.data / "public" / "index.html").exists() for each in (one, two)))
        async with asyncio.timeout(60):
            while (counted := await statements_within(postgres.folder / "log", beats)) > 3 * beats:
                pass
    assert counted >= beats


async def statements_within(log: Path, beats: int) -> int:
    """How many statements the database logs until its nodes have beaten so often, each once a second."""
    with log.open(encoding="utf-8") as file:
        file.seek(0, os.SEEK_END)
        text = ""
        async with asyncio.timeout(60):
            while text.count("WITH me AS (UPDATE nodes") < beats:
                await asyncio.sleep(0.1)
                text += file.read()
    return text.count("LOG:  statement:") + text.count("LOG:  execute ")


async def until(fact: Callable[[], bool]) -> None:
    """Return once something is so."""
    async with asyncio.timeout(40):
        while True:
            if fact():
                return
            await asyncio.sleep(0.1)


async def until_same_sites(*servers: Server) -> None:
    """Return once every server has the same files, and there are some."""

    def same() -> bool:
        sites = [site(server.data / "public") for server in servers]
        return all(each == sites[0] for each in sites) and "sessions/told/index.html" in sites[0]

    await until(same)


def site(public: Path) -> dict[str, bytes]:
    """Every file of a site; the search index has times of its own in it."""
    return {
        str(file.relative_to(public)): file.read_bytes()
        for file in public.rglob("*")
        if file.is_file() and file.relative_to(public).parts[0] != "pagefind"
    }
