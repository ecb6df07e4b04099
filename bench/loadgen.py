"""The load generator's process: reads a job as JSON from stdin and writes its figures as JSON to stdout.

``{"dialect", "port", "pid", "work", …parameters}``; `pid` is the server's, whose CPU is read beside ours, and ``owner`` the
port of the server that has the rooms, where that is another one. With
``"elsewhere"`` it takes its core before any other program on it, as people's own devices would, and its figures say
whether it was allowed to; with ``"yielding"`` it preempts no program there, where those that it wakes would wait for it.
"""

import json
import os
import resource
import sys
from typing import Any

from bench.halcytone_workloads import heart_rates, recovery, sessions
from bench.workloads import fan_out, fixed_rate, idle, open_field

__all__ = ["main"]


def run(job: dict[str, Any]) -> dict[str, float]:
    """The figures of one job."""
    where = (job["dialect"], job["port"], job["pid"])
    rooms, size = job.get("rooms", 0), job.get("sockets", 0)
    match job["work"]:
        case "fan_out":
            field = open_field(*where, rooms, size, job.get("name", "room"), job.get("owner"))
            return fan_out(field, in_flight=job["in_flight"], size=job["bytes"], seconds=job["seconds"])
        case "fixed_rate":
            # Jobs that follow each other on one server name their rooms apart.
            field = open_field(*where, rooms, size, job.get("name", "room"), job.get("owner"))
            return fixed_rate(
                field,
                deliveries_per_s=job["deliveries_per_s"],
                size=job["bytes"],
                seconds=job["seconds"],
                stalled=job.get("stalled", 0),
            )
        case "idle":
            return idle(*where, rooms=rooms, size=size)
        case "heart_rates":
            return heart_rates(*where[1:], rooms=rooms, size=size, seconds=job["seconds"])
        case "sessions":
            return sessions(*where[1:], count=job["count"])
        case "recovery":
            return recovery(*where[1:], clients=size, missed=job["missed"], size=job["bytes"])
        case other:
            raise ValueError(f"no work is called {other}")


def main() -> None:
    """Run the job on stdin."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    job = json.load(sys.stdin)
    figures: dict[str, float] = {}
    if job.get("elsewhere"):
        figures["elsewhere"] = float(_ahead_of_all())
    if job.get("yielding"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    json.dump({**run(job), **figures}, sys.stdout)


def _ahead_of_all() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    return True


if __name__ == "__main__":
    main()
