"""``python -m bench.run``: every workload on every server, in interleaved rounds; medians, a table, a chart."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import halcytone
from bench.plan import OFF, WORKS, Work
from bench.report import Results, machine, write
from bench.servers import PEERS, Peer, Running, free_port, launch, usage

__all__ = ["main"]

SERVER_CORE, LOAD_CORE = 0, 1
_JOB_S = 180


@dataclass(frozen=True)
class Options:
    """The options of a run."""

    rounds: int
    seconds: float
    works: list[str]
    servers: list[str]
    output: Path


def _ours(name: str) -> Peer:
    def command(port: int, folder: Path) -> list[str]:
        started = halcytone.command(port, folder)
        return [sys.executable, "-m", "bench.journal_off", *started[3:]] if name == OFF else started

    return Peer(name, "halcytone", command, lambda: None, halcytone.ENVIRONMENT)


OURS, OURS_OFF = _ours(halcytone.NAME), _ours(OFF)


def servers_of(work: Work) -> list[Peer]:
    """The servers that run a workload."""
    match work.who:
        case "ours":
            return [OURS]
        case "everybody and off":
            return [OURS, OURS_OFF, *PEERS]
        case _:
            return [OURS, *PEERS]


@contextlib.contextmanager
def running(server: Peer, folder: Path) -> Iterator[Running]:
    """Run `server` on its core, with its data in `folder`."""
    port = free_port()
    with launch(
        server.name,
        server.dialect,
        server.command(port, folder),
        port,
        core=SERVER_CORE,
        environment=server.environment,
    ) as ready:
        yield ready


def load(server: Running, parameters: dict[str, Any]) -> dict[str, float]:
    """The figures of one job of the load generator, on a core of its own.

    Raises:
        RuntimeError: it failed; the message is its last line.
    """
    job = {**parameters, "dialect": server.dialect, "port": server.port, "pid": server.pid}
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "bench.loadgen"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=_JOB_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1][:400])
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def restart(server: Peer, folder: Path, count: int) -> dict[str, float]:
    """Seconds until /readyz after a kill -9 with `count` live sessions, and the CPU seconds that they took."""
    with running(server, folder) as first:
        load(first, {"work": "sessions", "count": count})
        os.kill(first.pid, signal.SIGKILL)
    port = free_port()
    began = time.monotonic()
    with launch(
        server.name,
        server.dialect,
        server.command(port, folder),
        port,
        core=SERVER_CORE,
        environment=server.environment,
    ) as second:
        while not _ready(port):
            if time.monotonic() - began > 60:
                raise RuntimeError("not ready within 60 s")
            time.sleep(0.005)
        return {"ready_s": time.monotonic() - began, "cpu_s": usage(second.pid)[0]}


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def measure(server: Peer, work: Work) -> dict[str, float]:
    """Run one workload once, on a server started for it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        if work.parameters["work"] == "restart":
            return restart(server, folder, work.parameters["count"])
        with running(server, folder) as ready:
            return load(ready, dict(work.parameters))


def run(options: Options) -> Results:
    """Run all rounds. A server that cannot run, or fails a workload, is left out of it, with the reason."""
    works = {name: work for name, work in WORKS(options.seconds).items() if name in options.works}
    results = Results(
        command=" ".join(["python -m bench.run", *sys.argv[1:]]), machine=machine(), works=works
    )
    for round_number in range(1, options.rounds + 1):
        for name, work in works.items():
            for server in servers_of(work):
                if options.servers and not any(part in server.name for part in options.servers):
                    continue
                if sentence := server.missing():
                    results.missing[server.name] = sentence
                    continue
                _one(results, name, work, server, f"{round_number}/{options.rounds}")
    return results


def _one(results: Results, name: str, work: Work, server: Peer, where: str) -> None:
    try:
        figures = measure(server, work)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        results.failed.setdefault(name, {})[server.name] = str(error).strip()[:400]
        print(f"{where} {name:16} {server.name:38} failed: {error}", flush=True)
        return
    results.rounds.setdefault(name, {}).setdefault(server.name, []).append(figures)
    value = figures[work.figure] * work.scale
    busy = f"load {figures['busy']:4.0%}, server {figures['server_busy']:4.0%}" if "busy" in figures else ""
    print(f"{where} {name:16} {server.name:38} {value:12,.1f} {work.unit:13} {busy}", flush=True)


def main() -> None:
    """Parse the options, measure, write the report."""
    names = list(WORKS(0))
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are of these (3)")
    parser.add_argument("--seconds", type=float, default=5, help="length of a measured window (5)")
    parser.add_argument(
        "--works", nargs="+", choices=names, default=names, metavar="WORK", help=", ".join(names)
    )
    parser.add_argument(
        "--servers", nargs="+", default=[], metavar="PART", help="only servers with this in their name"
    )
    parser.add_argument("--output", type=Path, default=Path("bench/results.json"), help="bench/results.json")
    given = parser.parse_args()
    results = run(Options(given.rounds, given.seconds, given.works, given.servers, given.output))
    write(results, given.output)


if __name__ == "__main__":
    main()
