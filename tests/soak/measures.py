"""What a server holds and has written, measured when nobody is there; and what may have grown."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.journey.server import Server

__all__ = ["Measure", "grown", "measure", "table"]

SERVER_MIB = 24.0
PUBLISHER_MIB = 24.0
"""The most by which the memory of a process may grow after its first measure."""
DESCRIPTORS = 4
THREADS = 4
"""Connections to the database and threads of pools are made as they are needed, up to bounds of their own."""
DATABASE_KIB_A_SESSION = 512.0
LOG_KIB_A_SESSION = 16.0
WAL_MIB = 32.0
"""It is made long at the start, and grows while a rebuild or a backup reads."""
_QUIET_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One moment; memory in MiB, files in KiB."""

    life: int
    """A process of the server's: those of different lives are not compared."""
    sessions: int
    published: int
    letters: int
    server: float
    publisher: float
    descriptors: int
    tasks: int
    threads: int
    database: float
    wal: float
    log: float
    site: int
    """Files of the published site."""


async def measure(server: Server, life: int, sessions: int, published: int, letters: int) -> Measure:
    """Measure once two looks show the same: nothing is under way any more."""
    deadline = asyncio.get_running_loop().time() + _QUIET_WITHIN_S
    before: dict[str, Any] = {}
    while True:
        look = await _look(server.data / "probe.sock")
        quiet = look["seats"] == 0 and look["tasks"] == before.get("tasks")
        if quiet or asyncio.get_running_loop().time() > deadline:
            break
        before = look
        await asyncio.sleep(0.5)
    data = server.data
    children = psutil.Process(server.pid).children()
    return Measure(
        life=life,
        sessions=sessions,
        published=published,
        letters=letters,
        server=look["rss"] / 2**20,
        publisher=sum(child.memory_info().rss for child in children) / 2**20,
        descriptors=look["descriptors"],
        tasks=sum(look["tasks"].values()),
        threads=look["threads"],
        database=_size(data / "halcytone.db"),
        wal=_size(data / "halcytone.db-wal"),
        log=_size(server.log),
        site=sum(1 for file in (data / "public").rglob("*") if file.is_file()),
    )


async def _look(probe: Path) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(probe))
    try:
        writer.write(b"look\n")
        look: dict[str, Any] = json.loads(await reader.readline())
    finally:
        writer.close()
    return look


def _size(file: Path) -> float:
    return file.stat().st_size / 1024 if file.exists() else 0.0


def grown(measures: list[Measure]) -> list[str]:
    """What is beyond its bound, in words; nothing is as it should be."""
    wrong = []
    for life in sorted({each.life for each in measures}):
        first, *rest = [each for each in measures if each.life == life]
        if not rest:
            continue
        last = rest[-1]
        for name, most in (
            ("server", SERVER_MIB),
            ("publisher", PUBLISHER_MIB),
            ("descriptors", DESCRIPTORS),
            ("threads", THREADS),
            ("tasks", 0),
        ):
            more = getattr(last, name) - getattr(first, name)
            if more > most:
                wrong.append(f"life {life}: {name} grew by {more:.1f}, at most {most}")
    first, last = measures[0], measures[-1]
    sessions = last.sessions - first.sessions
    if sessions:
        for name, most in (("database", DATABASE_KIB_A_SESSION), ("log", LOG_KIB_A_SESSION)):
            each = (getattr(last, name) - getattr(first, name)) / sessions
            if each > most:
                wrong.append(f"{name}: {each:.0f} KiB a session, at most {most:.0f}")
    return wrong + [
        f"after {one.sessions} sessions the write-ahead log had {one.wal / 1024:.0f} MiB"
        for one in measures
        if one.wal > WAL_MIB * 1024
    ]


def table(measures: list[Measure]) -> str:
    """A line each."""
    head = (
        "life  sessions  published  letters  server MiB  publisher MiB  fds  tasks  threads"
        "  database KiB  wal KiB  log KiB  site files"
    )
    rows = [
        f"{m.life:>4}  {m.sessions:>8}  {m.published:>9}  {m.letters:>7}  {m.server:>10.1f}  {m.publisher:>13.1f}"
        f"  {m.descriptors:>3}  {m.tasks:>5}  {m.threads:>7}  {m.database:>12.0f}  {m.wal:>7.0f}  {m.log:>7.1f}"
        f"  {m.site:>10}"
        for m in measures
    ]
    return "\n".join([head, *rows])
