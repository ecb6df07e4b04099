"""A server under attack: what it logs, and what it holds before and after."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import tests.stress.probe
from tests.journey.server import Server
from tests.stress.logs import Faults

__all__ = ["WatchedServer", "compare", "watched_server"]

_SETTLED_WITHIN_S = 45.0
_EXACT = ("descriptors", "tasks", "seats")
_THREADS = 8
"""Threads of pools are started as they are needed, up to bounds of their own."""


class WatchedServer:
    """A server in a process of its own, with a window into it (``tests.stress.probe``)."""

    def __init__(self, server: Server, faults: Faults) -> None:
        self.server = server
        self.faults = faults

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.url.rpartition(":")[2])

    async def look(self) -> dict[str, Any]:
        """What it holds, once two looks show the same: nothing is under way any more."""
        deadline = asyncio.get_running_loop().time() + _SETTLED_WITHIN_S
        before: dict[str, Any] = {}
        while True:
            reader, writer = await asyncio.open_unix_connection(str(self.server.data / "probe.sock"))
            try:
                writer.write(b"look\n")
                look: dict[str, Any] = json.loads(await reader.readline())
            finally:
                writer.close()
            same = all(look[key] == before.get(key) for key in _EXACT)
            idle = look["seats"] == 0 and "RequestHandler.start" not in look["tasks"]
            if (same and idle) or asyncio.get_running_loop().time() > deadline:
                return look
            before = look
            await asyncio.sleep(0.3)

    def read_log(self) -> None:
        """Note every traceback and every error in the log."""
        for line in self.server.log.read_text(errors="replace").splitlines():
            if "Traceback" in line or '"level": "error"' in line or '"level": "critical"' in line:
                self.faults.add("logged", line[:2000])


@asynccontextmanager
async def watched_server(folder: Path, faults: Faults, **setting: str) -> AsyncIterator[WatchedServer]:
    """A server for the length of the block; its log is read at the end."""
    server = Server(
        folder / "data",
        # Safe path: what lies beside the program is not importable by its bare name.
        (sys.executable, "-P", tests.stress.probe.__file__),
        **{
            "rate_connections_per_minute": "0",
            "rate_requests_per_minute": "0",
            "log_level": "warning",
            **setting,
        },
    )
    await server.start()
    watched = WatchedServer(server, faults)
    try:
        yield watched
    finally:
        try:
            status = await server.stop(within=30)
        except TimeoutError:
            await server.kill()
            status = -9
        if status != 0:
            faults.add("ended", f"exit status {status}")
        watched.read_log()


def compare(before: dict[str, Any], after: dict[str, Any], faults: Faults, *, megabytes: float) -> list[str]:
    """Note what has grown: descriptors, tasks and sockets at all, threads and memory beyond a bound. Returns the figures."""
    for key in _EXACT:
        if after[key] != before[key]:
            faults.add(
                "left behind",
                f"{key}: {before[key]} before, {after[key]} after; {before['files']}, {after['files']}, {after['connections']}",
            )
    if after["threads"] - before["threads"] > _THREADS:
        faults.add("left behind", f"threads: {before['threads']} before, {after['threads']} after")
    for look in (before, after):
        if look["seats"]:
            held = "\n".join(line for lines in look["held"] for line in lines)
            faults.add("left behind", f"{look['seats']} seats, held by\n{held}")
        if "RequestHandler.start" in look["tasks"]:
            faults.add(
                "left behind",
                f"{look['tasks']['RequestHandler.start']} handlers of requests: {look['connections']}",
            )
    grown = (after["rss"] - before["rss"]) / 2**20
    if grown > megabytes:
        faults.add("left behind", f"{grown:.1f} MiB of memory, at most {megabytes:.0f}")
    return [
        f"descriptors {before['descriptors']} -> {after['descriptors']}, tasks"
        f" {sum(before['tasks'].values())} -> {sum(after['tasks'].values())} (both exactly), threads"
        f" {before['threads']} -> {after['threads']} (at most +{_THREADS})",
        f"memory {before['rss'] / 2**20:.1f} -> {after['rss'] / 2**20:.1f} MiB (at most +{megabytes:.0f})",
    ]
