"""``python -m tests.cluster``: exit status 0 when the owner of a live session was killed and nothing was lost."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psycopg

from tests.cluster.balancer import Balancer
from tests.cluster.group import Group
from tests.cluster.server import BalancedServer
from tests.journey.server import KEY, asked
from tests.postgres import PostgresCluster, free_port

_SESSION = "together"
_NAMES = ("one", "two", "three")
_WORDS = 50


async def run(folder: Path, port: int, url: str, *, leave: bool) -> list[str]:
    """Play it; returns what went wrong."""
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {text}\n")
        sys.stdout.flush()

    public = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        servers = {name: BalancedServer(folder / name, free_port(), url, public) for name in _NAMES}
        for name, server in servers.items():
            server.data.mkdir(parents=True, exist_ok=True)
            await server.start()
            stack.push_async_callback(server.stop)
            say(f"server {name} is at {server.url}")
        balancer = Balancer(folder, port, {name: server.url for name, server in servers.items()})
        balancer.start()
        stack.callback(balancer.stop)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        )
        await _until_ready(http, public)
        say(f"HAProxy is at {public}; the administrator's key is {KEY}")
        body = {
            "session_id": _SESSION,
            "title": "A breath on three servers",
            "scheduled_start": datetime.now(UTC).isoformat(),
            "instructor": "Willow",
        }
        room = await asked(http, "POST", f"{public}/api/v2/sessions/create", 201, body)
        group = Group(http, public, _SESSION, room["tokens"]["instructor"])
        stack.push_async_callback(group.leave)
        await group.come()
        await asked(http, "POST", f"{public}/api/v2/sessions/{_SESSION}/start")
        owner, term = _owner(url)
        first = next(name for name, server in servers.items() if server.url == owner)
        say(
            f"{len(group.people)} people and their instructor are live; {first} owns the session (term {term})"
        )
        await group.say(_WORDS // 2, 0)

        speaking = asyncio.create_task(group.say(_WORDS // 2, _WORDS // 2))
        await asyncio.sleep(0.5)
        killed_at = time.monotonic()
        await servers[first].kill()
        say(f"kill -9 of {first}")
        await group.until(lambda: all(each.live_at > killed_at for each in group.everybody), 60)
        took = sorted(each.live_at - killed_at for each in group.everybody)
        owner, term = _owner(url)
        second = next(name for name, server in servers.items() if server.url == owner)
        say(
            f"everybody is live again, after {took[len(took) // 2]:.1f} s in the median and {took[-1]:.1f} s at most;"
            f" {second} owns the session (term {term})"
        )
        await speaking
        await asked(http, "POST", f"{public}/api/v2/sessions/{_SESSION}/end")
        await group.until(lambda: all(each.over for each in group.everybody))
        say("the session is over")
        ended_at = time.monotonic()
        wrong = _lost(group)
        for name in _NAMES:
            if name != first:
                await _until_page(http, servers[name].url)
                say(f"{name} serves its page, {time.monotonic() - ended_at:.1f} s after the end")
        await servers[first].start()
        await _until_page(http, servers[first].url)
        nodes = (await asked(http, "GET", f"{public}/api/v2/nodes"))["nodes"]
        say(f"{first} is back with its page; {len(nodes)} servers run")
        say("nothing was lost" if not wrong else f"WRONG: {'; '.join(wrong)}")
        if not leave:
            say(f"{public}/sessions/{_SESSION}/ – Ctrl-C ends it")
            await asyncio.Event().wait()
        return wrong


def _lost(group: Group) -> list[str]:
    """What a client was not told, or was told twice."""
    wrong = []
    words = {f"Word {number}" for number in range(_WORDS)}
    for each in group.everybody:
        name = each.client.client_id
        if len(each.epochs) != 1:
            wrong.append(f"{name} saw {len(each.epochs)} epochs")
        if not all(each.returns):
            wrong.append(f"{name} did not get everything that it missed")
        seqs = sorted(each.by_seq)
        if seqs != list(range(seqs[0], seqs[-1] + 1)):
            wrong.append(f"{name} has a hole in its log")
        told = [title for title in each.titles if title in words]
        if len(told) != len(set(told)):
            wrong.append(f"{name} was told something twice")
        if set(told) != words:
            wrong.append(f"{name} was not told {len(words - set(told))} words")
    return wrong


def _owner(url: str) -> tuple[str, int]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT url, term FROM owners JOIN nodes USING (node) WHERE session_id = %s", (_SESSION,)
        ).fetchone()
    assert row is not None
    return str(row[0]), int(row[1])


async def _until_ready(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with http.get(f"{url}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def _until_page(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(60):
        while True:
            async with http.get(f"{url}/feed.xml") as feed:
                if f"/sessions/{_SESSION}/" in await feed.text():
                    return
            await asyncio.sleep(0.05)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make cluster")
    parser.add_argument("--exit", action="store_true", help="end by itself, instead of serving on")
    parser.add_argument("--port", type=int, default=8000, help="the balancer's port")
    parser.add_argument("--data", type=Path, default=Path("var/cluster"), help="a folder for everything")
    options = parser.parse_args()
    folder = (options.data / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")).absolute()
    folder.mkdir(parents=True)
    # As Ctrl-C, which does not reach what runs in the background.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    database = PostgresCluster(durable=True)
    try:
        database.start()
        with database.database() as url:
            return 1 if asyncio.run(run(folder, options.port, url, leave=options.exit)) else 0
    except KeyboardInterrupt:
        return 0
    finally:
        database.stop()


if __name__ == "__main__":
    sys.exit(main())
