"""``python -m bench.cluster``: every step in rounds, one after the other; a table, ``cluster.md`` and ``cluster.json``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from bench.cluster import stores
from bench.cluster.database_goes import database_killed, failed_over
from bench.cluster.hop import hop
from bench.cluster.owner_goes import GOES, Goes, owner_goes
from bench.cluster.studio import durable_postgres, many_files
from bench.cluster.table import markdown
from bench.cluster.three_servers import idle_statements, pages
from bench.report import machine
from tests.postgres import programs_folder

__all__ = ["main"]

Step = Callable[[], dict[str, float]]
_Result = TypeVar("_Result")

_SIZE = 5
_STORES = ("SQLite", "PostgreSQL")
_ONCE = ("pages", "idle")
"""Steps that consist of many measurements themselves."""


def _on_loop(work: Coroutine[Any, Any, _Result]) -> _Result:
    # The people are to cost as little as can be: their devices are elsewhere.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _goes(how: Goes, rooms: int) -> dict[str, float]:
    with durable_postgres() as server, server.database() as url:
        return _on_loop(owner_goes(url, how, rooms=rooms, size=_SIZE))


def _hop(seconds: float, sockets: int) -> dict[str, float]:
    with durable_postgres() as server, server.database() as url:
        return _on_loop(hop(url, seconds=seconds, sockets=sockets))


def _failover(behind: bool, rooms: int) -> dict[str, float]:
    return _on_loop(failed_over(behind=behind, rooms=rooms, size=_SIZE))


def _database_killed(rooms: int) -> dict[str, float]:
    return _on_loop(database_killed(rooms=rooms, size=_SIZE))


def _pages(sessions: int) -> dict[str, float]:
    with durable_postgres() as server, server.database() as url:
        return _on_loop(pages(url, sessions))


def _idle(seconds: float) -> dict[str, float]:
    with durable_postgres() as server:
        return _on_loop(idle_statements(server, seconds))


def steps(rooms: int, seconds: float) -> Mapping[str, Step]:
    """What is measured, by name; ``rooms`` is 200, and everything else is in proportion to it."""
    share = rooms / 200

    def many(number: int) -> int:
        return max(2, round(number * share))

    found: dict[str, Step] = {}
    # Side by side: what is compared meets the machine at the same pace.
    for name, work in (
        ("many rooms", partial(stores.many_rooms, seconds=seconds, rooms=many(500))),
        ("appends", partial(stores.appends, seconds=seconds, sessions=many(500))),
        ("hearts", partial(stores.hearts, seconds=seconds, rooms=many(400))),
    ):
        for store in _STORES:
            found[f"{name}, {store}"] = partial(work, store)
    found["ready, PostgreSQL"] = partial(stores.ready, "PostgreSQL", many(1000))
    for how in GOES:
        found[how] = partial(_goes, how, rooms)
    found["hop"] = partial(_hop, seconds, many(1000))
    found["failover in step"] = partial(_failover, False, rooms)
    found["failover behind"] = partial(_failover, True, rooms)
    found["database killed"] = partial(_database_killed, rooms)
    found["pages"] = partial(_pages, many(30))
    found["idle"] = partial(_idle, max(10.0, 4 * seconds))
    return found


def run(chosen: Mapping[str, Step], rounds: int) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The figures of every round by step, and why steps failed."""
    figures: dict[str, Any] = {}
    failed: dict[str, list[str]] = {}
    for number in range(1, rounds + 1):
        for name, step in chosen.items():
            if number > 1 and name in _ONCE:
                continue
            began = time.monotonic()
            try:
                measured = step()
            except (RuntimeError, OSError, AssertionError, TimeoutError, subprocess.SubprocessError) as error:
                failed.setdefault(name, []).append(f"{type(error).__name__}: {str(error).strip()[:300]}")
                print(f"{number}/{rounds} {name:24} failed: {error}", flush=True)
                continue
            figures.setdefault(name, []).append(measured)
            shown = ", ".join(f"{figure} {value:,.3g}" for figure, value in measured.items())
            print(f"{number}/{rounds} {name:24} {time.monotonic() - began:4.0f} s  {shown}", flush=True)
    return figures, failed


def _postgresql() -> str:
    asked = [str(programs_folder() / "postgres"), "--version"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[2]


def main() -> int:
    """Parse the options, measure, write the report; 1 when a step failed."""
    names = list(steps(200, 5))
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="rounds; medians are of these (2)")
    parser.add_argument(
        "--rooms", type=int, default=200, help="live rooms of five; the rest in proportion (200)"
    )
    parser.add_argument("--seconds", type=float, default=5, help="length of a measured window (5)")
    parser.add_argument(
        "--steps", nargs="+", choices=names, default=names, metavar="STEP", help="; ".join(names)
    )
    parser.add_argument("--output", type=Path, default=Path("bench/cluster.json"), help="bench/cluster.json")
    given = parser.parse_args()
    many_files()
    # Ended from outside, everything that was started is stopped all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    load_before, began = os.getloadavg()[0], time.monotonic()
    found = steps(given.rooms, given.seconds)
    rounds, failed = run({name: found[name] for name in found if name in given.steps}, given.rounds)
    results = {
        "command": " ".join(["python -m bench.cluster", *sys.argv[1:]]),
        "machine": machine(),
        "postgresql": _postgresql(),
        "rooms": given.rooms,
        "seconds": time.monotonic() - began,
        "load_before": load_before,
        "rounds": rounds,
        "failed": failed,
    }
    given.output.write_text(json.dumps(results, indent=1) + "\n")
    table = markdown(results)
    given.output.with_suffix(".md").write_text(table)
    print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
