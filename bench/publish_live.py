"""Publishing beside live sessions: how soon the page is published, and what a rebuild does to latency.

A real server with the whole archive, real sockets, both pinned as in the other benchmarks. The publisher is the
server's child; it leaves the first core to the server, so that it runs on the load's. People breathe with devices of
their own: where a room is measured beside a rebuild, the load goes before it on that core.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from bench import halcytone
from bench.dialects import text_frame
from bench.fleet import Fleet, Lost
from bench.run import LOAD_CORE, SERVER_CORE, load
from bench.servers import Running, free_port, launch

__all__ = ["end_of_session", "ends", "rebuild_beside_a_room"]

_PEOPLE = 25
_LONGEST_S = 20.0
_STILL_WITHIN_S, _STILL, _IDLE_SHARE = 600.0, 5, 0.05
_ASK_EVERY_S = 0.002
# What only the published page has; before it, the server answers the address itself.
_PUBLISHED = b"data-pagefind-body"
_END = text_frame(b'{"type":"end","data":{}}')


@contextlib.contextmanager
def serving(data: Path) -> Iterator[Running]:
    """Run our server on its core, with this data."""
    port = free_port()
    with launch(
        halcytone.NAME,
        "halcytone",
        halcytone.command(port, data),
        port,
        core=SERVER_CORE,
        environment=halcytone.ENVIRONMENT,
    ) as ready:
        _await_publisher(ready.pid)
        yield ready


def _await_publisher(pid: int) -> None:
    """Wait for the server's child, and let it leave the server's core: pinned, it could not see that there are more."""
    until = time.monotonic() + _LONGEST_S
    while not (children := psutil.Process(pid).children()):
        if time.monotonic() > until:
            raise RuntimeError("the server started no publisher")
        time.sleep(0.05)
    for child in children:
        child.cpu_affinity([LOAD_CORE])
    _await_stillness(pid)


def _publisher(pid: int) -> psutil.Process:
    """The publisher of a server."""
    child, *_ = psutil.Process(pid).children()
    return psutil.Process(child.pid)


def _await_stillness(pid: int) -> None:
    """Wait until a server's publisher has nothing left to do.

    After an import it indexes the search beside everything else, and cards follow a rebuild for minutes; the figures
    here are of other things.
    """
    publisher = _publisher(pid)
    before, still, until = -1.0, 0, time.monotonic() + _STILL_WITHIN_S
    while still < _STILL:
        if time.monotonic() > until:
            raise RuntimeError("the publisher does not come to rest")
        time.sleep(1.0)
        busy = sum(sum(each.cpu_times()[:2]) for each in (publisher, *publisher.children(recursive=True)))
        still = still + 1 if abs(busy - before) < _IDLE_SHARE else 0
        before = busy


def peak_mb(pid: int) -> float:
    """The most resident memory that a server's publisher had in its life, without the processes that it starts."""
    status = Path(f"/proc/{_publisher(pid).pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def ends(data: Path, sessions: int) -> dict[str, Any]:
    """Seconds from the instructor's ``end`` to the first answer that is the published page, session after session."""
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with serving(data) as server:
            took = [end_of_session([server.port], number)[0] for number in range(sessions + 1)][1:]
            memory = peak_mb(server.pid)
    finally:
        os.sched_setaffinity(0, {SERVER_CORE, LOAD_CORE})
    ordered = sorted(took)
    return {
        "sessions": sessions,
        "people": _PEOPLE,
        "p50_s": statistics.median(ordered),
        "p95_s": ordered[math.ceil(0.95 * len(ordered)) - 1],
        "most_s": ordered[-1],
        "publisher_peak_mb": memory,
    }


def end_of_session(ports: Sequence[int], number: int) -> list[float]:
    """Seconds from the instructor's ``end`` to the first answer that is the published page, at each of the servers.

    People are at the first of them.
    """
    session = halcytone.Api(ports[0]).create(f"ends-{number}", 100)
    fleet = Fleet(ports[0])
    fleet.join([halcytone.lead(session)])
    fleet.join([halcytone.join(session.session_id, f"P{each}") for each in range(_PEOPLE)])
    fleet.say(
        0, text_frame(b'{"type":"change_technique","data":{"technique":"Box Breathing","duration":300}}')
    )
    fleet.quiet(0.3, 1.0)
    with ThreadPoolExecutor(len(ports)) as readers:
        began = time.monotonic()
        fleet.say(0, _END)
        reading = [readers.submit(_read_until_published, port, session.session_id, began) for port in ports]
        while not all(each.done() for each in reading):
            # Everybody is told that the session is over, and then closed.
            try:
                fleet.read(_ASK_EVERY_S)
            except Lost:
                time.sleep(_ASK_EVERY_S)
    fleet.abort()
    return [each.result() for each in reading]


def _read_until_published(port: int, session_id: str, began: float) -> float:
    reader = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONGEST_S)
    while not _readable(reader, session_id):
        if time.monotonic() - began > _LONGEST_S:
            raise RuntimeError(f"no page of {session_id} after {_LONGEST_S:.0f} s")
        time.sleep(_ASK_EVERY_S)
    took = time.monotonic() - began
    reader.close()
    return took


def _readable(reader: http.client.HTTPConnection, session_id: str) -> bool:
    reader.request("GET", f"/sessions/{session_id}/")
    answer = reader.getresponse()
    body = answer.read()
    return answer.status == 200 and _PUBLISHED in body


def rebuild_beside_a_room(data: Path, *, seconds: float, rounds: int, anew: bool) -> dict[str, Any]:
    """p99 in a live room of 100, without and with ``halcytone rebuild`` of everything going on.

    Windows without and with take turns, and each pair begins with the other one: the machine has its own moods. Before
    each the publisher is at rest. ``anew``: the studio has another name before each rebuild, so that no page may stay as
    it is.
    """
    work = {
        "work": "fixed_rate",
        "rooms": 1,
        "sockets": 100,
        "deliveries_per_s": 2_000,
        "bytes": 200,
        "seconds": seconds,
        "elsewhere": True,
    }
    p99_ms: dict[bool, list[float]] = {False: [], True: []}
    rebuilt, elsewhere = 0, True
    with serving(data) as server:
        for number in range(rounds):
            for rebuilding in (False, True) if number % 2 == 0 else (True, False):
                _await_stillness(server.pid)
                beside: contextlib.AbstractContextManager[list[float]] = (
                    _rebuilding(data, anew=anew) if rebuilding else contextlib.nullcontext([])
                )
                with beside as done:
                    figures = load(server, {**work, "name": f"{server.port}-{rebuilding}-{number}-"})
                p99_ms[rebuilding].append(figures["p99_ms"])
                elsewhere = elsewhere and bool(figures["elsewhere"])
                rebuilt += len(done)
        memory = peak_mb(server.pid)
    return {
        "rounds": rounds,
        "rebuilds": rebuilt,
        "elsewhere": elsewhere,
        "alone_p99_ms": p99_ms[False],
        "beside_p99_ms": p99_ms[True],
        "ratio": statistics.median(p99_ms[True]) / statistics.median(p99_ms[False]),
        "publisher_peak_mb": memory,
    }


@contextlib.contextmanager
def _rebuilding(data: Path, *, anew: bool) -> Iterator[list[float]]:
    """Rebuilds one after the other until the block ends; the last one is waited for. Yields how long each took.

    One process asks for all of them as ``halcytone rebuild`` does: what is measured is the building, not Python's start.
    """
    took: list[float] = []
    asking = subprocess.Popen(
        [sys.executable, "-m", "bench.rebuilding", str(data), *(["anew"] if anew else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert asking.stdin is not None
    assert asking.stdout is not None
    if asking.stdout.readline() != "began\n":
        raise RuntimeError("no rebuild was asked for")
    try:
        yield took
    finally:
        asking.stdin.close()
        took += [float(line) for line in asking.stdout]
        failed = asking.wait()
    if failed:
        raise RuntimeError("a rebuild failed: what is wrong stands above")
