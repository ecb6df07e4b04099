"""Three servers that have little to do: how soon a page is at each, and what they ask the database while idle."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import psycopg

from bench.cluster.people import share_within
from bench.cluster.studio import studio
from bench.publish_live import end_of_session
from tests.postgres import PostgresCluster

__all__ = ["idle_statements", "pages"]

_SETTLED_S = 15.0
_STATEMENT = re.compile(r"(?:LOG|STATEMENT):  (?:statement|execute [^:]*):")


async def pages(url: str, sessions: int) -> dict[str, float]:
    """Seconds from the end of a session of 25 until its page can be read at all three, at whichever it was."""
    async with studio(url) as opened:
        await opened.start(*opened.nodes)
        ports = [node.port for node in opened.nodes]
        took = []
        for number in range(sessions + 1):
            # The first is asked of another server each time.
            turned = ports[number % 3 :] + ports[: number % 3]
            took.append(max(await asyncio.to_thread(end_of_session, turned, number)))
        # The first has everything to compile.
        return {
            "p95_s": share_within(took[1:], 0.95),
            "p50_s": share_within(took[1:], 0.5),
            "most_s": max(took[1:]),
        }


async def idle_statements(server: PostgresCluster, seconds: float) -> dict[str, float]:
    """Statements a second that the database gets from each of three servers, publishers included, in which nobody is.

    The balancer's checks are not among them: each is one more.
    """
    with server.database() as url:
        async with studio(url) as opened:
            await opened.start(*opened.nodes)
            opened.close_doors()
            await asyncio.sleep(_SETTLED_S)
            with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
                await asyncio.to_thread(_log_statements, admin, True)
                before, began = _logged(server.folder / "log"), time.monotonic()
                await asyncio.sleep(seconds)
                after, elapsed = _logged(server.folder / "log"), time.monotonic() - began
                await asyncio.to_thread(_log_statements, admin, False)
            return {"per_s": (after - before) / elapsed / len(opened.nodes)}


def _log_statements(admin: psycopg.Connection, on: bool) -> None:
    admin.execute(f"ALTER SYSTEM SET log_statement = '{'all' if on else 'none'}'")
    admin.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)


def _logged(log: Path) -> int:
    return len(_STATEMENT.findall(log.read_text(errors="replace")))
