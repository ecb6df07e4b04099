"""What doctor finds of servers that share a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.operations.doctor_nodes import check_nodes
from engine.operations.findings import Finding, Verdict
from engine.storage.database import Database
from engine.storage.nodes import NodeTable
from engine.storage.postgres import PostgresDatabase
from publisher.rendering import studio


@pytest.fixture
def database(postgres_url: str) -> Database:
    return PostgresDatabase(postgres_url)


@pytest.fixture
async def healthy() -> AsyncIterator[str]:
    """The address of a server that is well."""

    async def alive(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/healthz", alive)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def join(database: Database, node: str, url: str, digest: str, version: str = "0.1.0") -> None:
    with database.connect() as connection:
        NodeTable(connection).join(node, url=url, version=version, studio_hash=digest)


async def found(database: Database, data: Path) -> list[Finding]:
    return [finding async for finding in check_nodes(database, data)]


async def test_servers_that_are_alike_and_answer_are_good(
    database: Database, tmp_path: Path, healthy: str
) -> None:
    """Each is named; before the first one that is said too."""
    studio.write_default(tmp_path)
    (nobody,) = await found(database, tmp_path)
    assert (nobody.verdict, nobody.sentence) == (Verdict.LOOK, "no server runs on this database")
    join(database, "one", healthy, studio.file_digest(tmp_path))
    findings = await found(database, tmp_path)
    assert [finding.verdict for finding in findings if healthy in finding.sentence] == [Verdict.GOOD]


async def test_a_server_out_of_reach_and_one_that_differs_are_to_be_mended(
    database: Database, tmp_path: Path, healthy: str
) -> None:
    """Nobody passes requests on to the one; the other's copy of the site is another one."""
    studio.write_default(tmp_path)
    join(database, "one", "http://127.0.0.1:9", studio.file_digest(tmp_path))
    join(database, "two", healthy, "another", version="9.9.9")
    findings = await found(database, tmp_path)
    mend = [finding.sentence for finding in findings if finding.verdict is Verdict.MEND]
    assert len(mend) == 2
    assert mend[0].startswith("http://127.0.0.1:9 does not answer")
    assert mend[1].startswith(f"the studio.toml of {healthy} is another one")
    assert any("9.9.9 runs" in finding.sentence for finding in findings)
