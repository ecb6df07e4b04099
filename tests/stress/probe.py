"""``halcytone serve`` with a window into the process: a Unix socket that tells what lives, and fails an actor.

Run as a program, with the arguments of ``halcytone``; the socket is ``DIR/probe.sock``. One line in
(``look``, ``fail SESSION_ID``), one line of JSON out.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CoroutineType, FrameType, FunctionType, ModuleType
from typing import Any, cast

import psutil

import engine.app
from engine.cli import main
from engine.realtime.seat import Seat
from engine.sessions.directory import Directory
from engine.sessions.messages import Detach
from engine.settings import Settings
from engine.storage.sqlite import FILE_NAME

__all__ = ["look"]

_serve = engine.app.run
_directories: list[Directory] = []
_kept: list[object] = []
"""What would be collected otherwise."""


def look() -> dict[str, object]:
    """What is alive in this process, after a full collection; ``rss`` in bytes."""
    gc.collect()
    # What the allocator keeps for later is not left behind.
    ctypes.CDLL(None).malloc_trim(0)
    process = psutil.Process()
    seats = [thing for thing in gc.get_objects() if isinstance(thing, Seat)]
    tasks = Counter(_name(task) for task in asyncio.all_tasks() if not task.done())
    connections = Counter(
        f"{place.status} {place.laddr.port if place.laddr else '-'}" for place in process.net_connections()
    )
    files = Counter(Path(file.path).name for file in process.open_files())
    return {
        "rss": process.memory_info().rss,
        "blocks": sys.getallocatedblocks(),
        # But for SQLite's: it opens a connection's log at the first use, and keeps the descriptor of a closed connection
        # for the next one while others are open, since POSIX locks go with any close.
        "descriptors": process.num_fds() - files[FILE_NAME] - files[f"{FILE_NAME}-wal"],
        "connections": dict(connections),
        "files": dict(files),
        "tasks": dict(tasks),
        "threads": process.num_threads(),
        "seats": len(seats),
        "held": [_holders(seat, 4) for seat in seats[:3]],
        "cpu": sum(process.cpu_times()[:2]),
    }


def _holders(thing: object, depth: int) -> list[str]:
    """Who refers to a thing, and who to them, in words: what is left behind is left by somebody."""
    lines: list[str] = []
    for holder in gc.get_referrers(thing):
        # Lists are what this very search holds.
        if not isinstance(holder, list | type | ModuleType):
            named = isinstance(holder, FrameType | FunctionType | CoroutineType)
            lines.append(str(holder) if named else type(holder).__qualname__)
            if depth > 1:
                lines += [f"  {line}" for line in _holders(holder, depth - 1)[:12]]
    return lines


def _name(task: asyncio.Task[object]) -> str:
    work = task.get_coro()
    return str(getattr(work, "__qualname__", work))


class _Known(Directory):
    """The server's directory, which nobody else can ask for."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        _directories.append(self)


async def _fail(session_id: str) -> None:
    ref = await _directories[-1].find(session_id)
    # No code expects this one.
    ref.tell(Detach(cast(Any, None), clean=False))


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := (await reader.readline()).decode().split():
        answer: dict[str, object] = {}
        if line[0] == "look":
            answer = look()
        else:
            await _fail(line[1])
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    writer.close()


def _watched(
    settings: Settings, *, on_ready: Callable[[engine.app.RunningServer], None] = lambda _: None
) -> int:
    def ready(server: engine.app.RunningServer) -> None:
        async def listen() -> None:
            _kept.append(await asyncio.start_unix_server(_answer, settings.data / "probe.sock"))
            on_ready(server)

        _kept.append(asyncio.get_running_loop().create_task(listen()))

    return _serve(settings, on_ready=ready)


if __name__ == "__main__":
    engine.app.run = _watched
    vars(engine.app)["Directory"] = _Known
    main()
