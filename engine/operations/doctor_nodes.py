"""The checks of ``halcytone doctor`` where servers share a database: whether each can be reached, and is like this one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from importlib import metadata
from pathlib import Path

import aiohttp

from engine.operations.findings import Finding, Verdict
from engine.settings import PREFIX
from engine.storage.database import Database
from engine.storage.nodes import NodeRow, NodeTable
from publisher.rendering.studio import FILE_NAME as STUDIO_FILE
from publisher.rendering.studio import file_digest

__all__ = ["check_nodes"]

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_CLOCK_DIFFERS_S = 2.0


async def check_nodes(database: Database, data: Path) -> AsyncIterator[Finding]:
    """Yield what is found of the servers on a database, and of its clock.

    Raises:
        DatabaseError: it cannot be asked.
    """
    nodes, ahead = await asyncio.to_thread(_look, database)
    if abs(ahead) > _CLOCK_DIFFERS_S:
        sentence = f"the database's clock and this machine's differ by {abs(ahead):.0f} s"
        yield Finding("clock", Verdict.LOOK, sentence, "Let both follow a time server (NTP).")
    if not nodes:
        yield Finding("servers", Verdict.LOOK, "no server runs on this database")
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False) as http:
        for node in nodes:
            yield await _reached(http, node)
    for finding in _differences(nodes, data):
        yield finding


def _look(database: Database) -> tuple[list[NodeRow], float]:
    with database.connect() as connection:
        table = NodeTable(connection)
        return table.all(), table.clock_ahead_s(time.time_ns() // 1_000_000)


async def _reached(http: aiohttp.ClientSession, node: NodeRow) -> Finding:
    try:
        async with http.get(f"{node.url}/healthz") as response:
            problem = None if response.status == 200 else f"answers {response.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        problem = f"does not answer: {error or 'in time'}"
    if problem is None:
        return Finding("servers", Verdict.GOOD, f"{node.url} answers, and owns {node.sessions} sessions")
    remedy = f"Set {PREFIX}NODE_URL to an address at which the other servers reach that one."
    return Finding("servers", Verdict.MEND, f"{node.url} {problem}", remedy)


def _differences(nodes: Sequence[NodeRow], data: Path) -> list[Finding]:
    found = []
    here = metadata.version("halcytone-live")
    others = sorted({node.version for node in nodes} - {here})
    if others:
        found.append(
            Finding(
                "servers",
                Verdict.LOOK,
                f"here is version {here}, and {', '.join(others)} runs",
                "Bring all servers to one version, one after the other.",
            )
        )
    own = file_digest(data)
    different = [node.url for node in nodes if node.studio_hash != own]
    if different:
        sentence = (
            f"the {STUDIO_FILE} of {', '.join(different)} is another one than here, or its pictures are"
        )
        remedy = (
            f"Copy one {STUDIO_FILE} with its pictures to every server: the copies of the site differ else."
            " Restart them."
        )
        found.append(Finding("servers", Verdict.MEND, sentence, remedy))
    return found
