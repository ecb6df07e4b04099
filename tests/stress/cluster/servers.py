"""Servers on one database, each with wires of its own to the database and from the others."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.journey.server import HEADERS, Server
from tests.stress.cluster.network import Network, Plug

__all__ = ["Studio", "StudioServer"]

_PUBLIC = "http://studio.example"
_STUDIO = 'name = "Storm"\nsender = "storm@studio.example"\n[automatic]\npersonal = true\n'


class StudioServer(Server):
    """A server where its plug is; people reach it at ``url``."""

    def __init__(self, data: Path, plug: Plug, smtp: tuple[str, int]) -> None:
        super().__init__(
            data,
            (*plug.inside, sys.executable, "-m", "engine.cli"),
            host=plug.host,
            database_url=plug.database_url,
            node_url=plug.node_url,
            public_url=_PUBLIC,
            smtp_url=f"smtp://{smtp[0]}:{smtp[1]}",
            rate_messages_per_minute="0",
            rate_connections_per_minute="0",
            rate_requests_per_minute="0",
            log_level="info",
        )
        self.plug = plug
        self.open = False
        """Whether a balancer would send anybody here."""
        data.mkdir(parents=True)
        (data / "studio.toml").write_text(_STUDIO)

    @property
    def port(self) -> int:
        """Where people reach it."""
        return self.plug.door

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._port = str(self.plug.port)
        await super().start()
        self.url = f"http://127.0.0.1:{self.port}"
        self.open = True

    async def kill(self) -> None:
        """As a power cut does it."""
        self.open = False
        await super().kill()

    async def stop(self, within: float = 20.0) -> int:
        """SIGTERM; answers the exit status."""
        self.open = False
        return await super().stop(within)

    def pause(self) -> None:
        """Let it stand still: its connections stay open, and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def logged(self) -> list[dict[str, Any]]:
        """What it and its publisher have logged."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def site(self) -> dict[str, bytes]:
        """Every file of its copy of the site; the search index has times of its own in it."""
        public = self.data / "public"
        return {
            str(file.relative_to(public)): file.read_bytes()
            for file in public.rglob("*")
            if file.is_file() and file.relative_to(public).parts[0] != "pagefind"
        }


class Studio:
    """The servers that run at present, and what is asked of any of them."""

    def __init__(self, folder: Path, network: Network, smtp: tuple[str, int]) -> None:
        self._folder = folder
        self._network = network
        self._smtp = smtp
        self.servers: list[StudioServer] = []
        self.gone: list[StudioServer] = []
        self._made = 0

    @property
    def open(self) -> list[StudioServer]:
        """Those that a balancer would send people to."""
        return [server for server in self.servers if server.open]

    async def add(self) -> StudioServer:
        """One more server."""
        self._made += 1
        plug = await self._network.plug(self._made)
        server = StudioServer(self._folder / f"server-{self._made}", plug, self._smtp)
        await server.start()
        self.servers.append(server)
        return server

    async def take_away(self, server: StudioServer) -> int:
        """Stop a server for good; answers its exit status."""
        status = await server.stop()
        await server.plug.unplug()
        self.servers.remove(server)
        self.gone.append(server)
        return status

    async def ask(
        self,
        http: aiohttp.ClientSession,
        method: str,
        path: str,
        body: object = None,
        token: str | None = None,
    ) -> tuple[int, Any]:
        """The status and JSON of an answer: of any server, and of another one while they refuse for the moment."""
        headers = HEADERS if token is None else {"Authorization": f"Bearer {token}"}
        last: Any = "nobody is open"
        for attempt in range(120):
            servers: Sequence[StudioServer] = self.open
            if servers:
                server = servers[attempt % len(servers)]
                try:
                    async with asyncio.timeout(10):
                        async with http.request(
                            method, server.url + path, json=body, headers=headers
                        ) as answer:
                            last = answer.status
                            if answer.status < 500:
                                return answer.status, await answer.json(content_type=None)
                except (aiohttp.ClientError, TimeoutError, ValueError) as reason:
                    last = repr(reason)
            await asyncio.sleep(0.25)
        raise AssertionError(f"{method} {path}: {last}")

    async def until_whole(self, http: aiohttp.ClientSession, within: float = 45.0) -> str | None:
        """Wait until every server is ready and sees exactly the others; else what is not so after so many seconds."""
        loop = asyncio.get_running_loop()
        until, wrong = loop.time() + within, ""
        while loop.time() < until:
            wrong = ""
            for server in self.servers:
                try:
                    async with asyncio.timeout(5):
                        async with http.get(f"{server.url}/readyz") as ready:
                            if ready.status != 200:
                                wrong = f"{server.data.name} is not ready: {await ready.text()}"
                        async with http.get(f"{server.url}/api/v2/nodes", headers=HEADERS) as answer:
                            nodes = (await answer.json())["nodes"]
                            if len(nodes) != len(self.servers) or not all(node["alive"] for node in nodes):
                                wrong = f"{server.data.name} sees {[(n['url'], n['alive']) for n in nodes]}"
                except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as reason:
                    wrong = f"{server.data.name}: {reason!r}"
            if not wrong:
                return None
            await asyncio.sleep(0.2)
        return wrong
