"""Servers on one PostgreSQL with HAProxy before them, each a process, as ``deploy/`` says it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import psycopg

from bench import halcytone
from bench.servers import Running
from tests.cluster.balancer import Balancer
from tests.cluster.server import BalancedServer
from tests.postgres import PostgresCluster, free_port

__all__ = ["Node", "Studio", "durable_postgres", "many_files", "nodes", "owners", "pin", "studio"]

_ENDED_WITHIN_S = 25.0
_SETTINGS = {
    name.removeprefix("HALCYTONE_").lower(): value
    for name, value in halcytone.ENVIRONMENT.items()
    if name.startswith("HALCYTONE_")
}


class Node(BalancedServer):
    """One server of the studio, without limits on how often one address comes."""

    def __init__(self, data: Path, database_url: str, public_url: str) -> None:
        super().__init__(data, free_port(), database_url, public_url, **_SETTINGS)
        data.mkdir(parents=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._port)

    @property
    def running(self) -> Running:
        """As the load generator takes it."""
        return Running(halcytone.NAME, "halcytone", self.port, self.pid)

    def pause(self) -> None:
        """Let it stand still: its connections stay open, and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)


class Studio:
    """Its servers, and the balancer's port."""

    def __init__(self, folder: Path, database_url: str, nodes: int) -> None:
        self.port = free_port()
        public_url = f"http://127.0.0.1:{self.port}"
        self.nodes = [Node(folder / f"node-{number}", database_url, public_url) for number in range(nodes)]
        self._started: list[Node] = []
        self._addresses = {
            f"node{number}": f"http://127.0.0.1:{node.port}" for number, node in enumerate(self.nodes)
        }
        self._balancer = Balancer(folder, self.port, self._addresses)

    async def start(self, *nodes: Node) -> None:
        """Start servers, one after the other; returns when the balancer has seen that they are ready."""
        for node in nodes:
            await node.start()
            self._started.append(node)
        # Two checks of the balancer, a second apart, and it sends people there.
        await asyncio.sleep(2.5)

    def open(self) -> None:
        """Start the balancer."""
        self._balancer.start()

    def close_doors(self) -> None:
        """Stop the balancer."""
        self._balancer.stop()

    async def close(self) -> None:
        """Stop everything that runs."""
        self.close_doors()
        await asyncio.gather(*(_ended(node) for node in self._started))


async def _ended(node: Node) -> None:
    with contextlib.suppress(ProcessLookupError):
        node.resume()
    try:
        await node.stop(within=_ENDED_WITHIN_S)
    except TimeoutError:
        await node.kill()


@contextlib.asynccontextmanager
async def studio(database_url: str, nodes: int = 3) -> AsyncIterator[Studio]:
    """A balancer that waits for its servers: none of them is started yet."""
    with tempfile.TemporaryDirectory(prefix="bench-cluster-") as name:
        opened = Studio(Path(name), database_url, nodes)
        opened.open()
        try:
            yield opened
        finally:
            await opened.close()


@contextlib.contextmanager
def durable_postgres(*settings: str) -> Iterator[PostgresCluster]:
    """A PostgreSQL that waits for its disk, as one is installed."""
    server = PostgresCluster(durable=True, settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def pin(pid: int, core: int) -> None:
    """Let a process, its children, and those that it starts from now on, run on one core."""
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.cpu_affinity([core])


def owners(url: str) -> dict[str, tuple[str | None, int]]:
    """Node and term by session, as the database has them."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT session_id, node, term FROM owners").fetchall()
    return {session_id: (node, term) for session_id, node, term in rows}


def nodes(url: str) -> dict[str, str]:
    """Node by its address, as the database has them."""
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT url, node FROM nodes").fetchall())


def many_files() -> None:
    """Allow this process, and those that it starts, as many open files as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
