"""One server on PostgreSQL and on SQLite, by the workloads of ``make bench``; the database is on the load's core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench import halcytone
from bench.cluster.studio import durable_postgres, pin
from bench.plan import WORKS
from bench.run import LOAD_CORE, SERVER_CORE, measure
from bench.servers import Peer

__all__ = ["appends", "hearts", "many_rooms", "ready"]

_JOB_S = 120


@contextmanager
def _on(store: str) -> Iterator[Mapping[str, str]]:
    """The environment of a server on a store that is empty."""
    if store == "SQLite":
        yield {}
        return
    with durable_postgres() as server, server.database() as url:
        pin(server.pid, LOAD_CORE)
        yield {"HALCYTONE_DATABASE_URL": url}


def _measured(store: str, work: str, seconds: float, **changed: Any) -> dict[str, float]:
    planned = WORKS(seconds)[work]
    with _on(store) as environment:
        server = Peer(
            store, "halcytone", halcytone.command, lambda: None, {**halcytone.ENVIRONMENT, **environment}
        )
        return measure(server, planned.changed(**changed))


def many_rooms(store: str, seconds: float, rooms: int) -> dict[str, float]:
    """Rooms of four that all talk: CPU of our process for a delivery, in microseconds, and deliveries a second."""
    figures = _measured(store, "many rooms", seconds, rooms=rooms)
    return {
        "cpu_us": 1e6 * figures["alone_busy"] / figures["deliveries_per_s"],
        "deliveries_per_s": figures["deliveries_per_s"],
    }


def hearts(store: str, seconds: float, rooms: int) -> dict[str, float]:
    """The p99 of commits beside 25 straps in each room that send an interval a second."""
    figures = _measured(store, "hearts", seconds, rooms=rooms)
    return {name: figures[name] for name in ("commit_p99_ms", "heart_rates_per_s", "p99_ms", "server_busy")}


def ready(store: str, sessions: int) -> dict[str, float]:
    """Seconds from the start of the process until it is ready, after a kill -9 with so many live sessions."""
    return _measured(store, "restart", 0, count=sessions)


def appends(store: str, seconds: float, sessions: int) -> dict[str, float]:
    """Appends a second of sessions that each keep one under way, in a process of its own."""
    with _on(store) as environment, tempfile.TemporaryDirectory(prefix="bench-") as name:
        job = {"url": environment.get("HALCYTONE_DATABASE_URL"), "sessions": sessions, "seconds": seconds}
        done = subprocess.run(
            ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "bench.cluster.appending", name],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=_JOB_S,
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1][:400])
        figures: dict[str, float] = json.loads(done.stdout)
        return figures
