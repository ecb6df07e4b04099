"""A real server in a process of its own, with the settings of an operator."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.fork_server import fork_of, halcytone

__all__ = ["HEADERS", "KEY", "OPERATOR", "Server", "asked", "environment", "running_server", "until_ready"]

OPERATOR = (sys.executable, "-m", "engine.cli")
"""The command of an operator, which imports everything: for tests of the start and of equal bytes."""

KEY = "the-administrators-key-of-this-test"
HEADERS = {"Authorization": f"Bearer {KEY}"}
_READY_WITHIN = 30.0
_GREETING = re.compile(r"Halcytone Live is at (http://\S+?)/(?:\s|$)")


class Server:
    """``halcytone serve`` on a data folder; may be killed and started again on the same port."""

    def __init__(self, data: Path, command: Sequence[str] = (), **setting: str) -> None:
        """``command`` is another program than the forked one; ``setting`` are ``HALCYTONE_*`` variables, without the prefix."""
        self.data = data
        self.url = ""
        self.log = data.parent / f"{data.name}.log"
        self._command = tuple(command) or halcytone()
        self._environment = {"HALCYTONE_API_KEY": KEY, **environment(setting)}
        self._process: Process | None = None
        self._port = "0"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                "serve",
                "--port",
                self._port,
                "--data",
                str(self.data),
                stdout=PIPE,
                stderr=log,
                env=self._environment,
                cwd=self.data.parent,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(_READY_WITHIN):
            while not (found := _GREETING.search(await self.line())):
                pass
        self.url = found[1]
        self._port = self.url.rpartition(":")[2]

    async def line(self) -> str:
        """The next line that it prints; what it logs is in ``log``."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the server ended before it was ready:\n{self.log.read_text()}")
        return line.decode()

    async def rest(self) -> str:
        """Everything that it printed and nobody has read, after its end."""
        assert self._process is not None
        assert self._process.stdout is not None
        return (await self._process.stdout.read()).decode()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return fork_of(self._process.pid) if self._command == halcytone() else self._process.pid

    async def kill(self) -> None:
        """As a power cut does it."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self, within: float = 10.0) -> int:
        """SIGTERM; answers the exit status.

        Raises:
            TimeoutError: it did not end within so many seconds.
        """
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(within):
            return await self._process.wait()


@asynccontextmanager
async def running_server(data: Path, command: Sequence[str] = (), **setting: str) -> AsyncIterator[Server]:
    """A server that is there for the length of the block, however often it was killed inside."""
    server = Server(data, command, **setting)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def asked(
    http: aiohttp.ClientSession, method: str, url: str, status: int = 200, body: object = None
) -> dict[str, Any]:
    """The JSON answer to a request with the administrator's key, whose status must be the given one."""
    async with http.request(method, url, json=body, headers=HEADERS) as response:
        text = await response.text()
        assert response.status == status, text
        answer: dict[str, Any] = await response.json()
    return answer


def environment(setting: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process with these settings, ``HALCYTONE_*`` without the prefix, and none of whoever runs the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HALCYTONE_")}
    given = {f"HALCYTONE_{name.upper()}": value for name, value in setting.items()}
    return clean | given


async def until_ready(http: aiohttp.ClientSession, url: str) -> list[str]:
    """Why the server was not ready, each time that it was asked until it was."""
    said: list[str] = []
    async with asyncio.timeout(30):
        while True:
            async with http.get(f"{url}/readyz") as answer:
                status = (await answer.json())["status"]
                if answer.status == 200:
                    return said
            said.append(status)
            await asyncio.sleep(0.05)
