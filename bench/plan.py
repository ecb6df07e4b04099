"""The workloads with their parameters, and the targets that our server should reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.halcytone import NAME

__all__ = ["MARKS", "OFF", "WORKS", "Mark", "Medians", "Work"]

OFF = f"{NAME}, journal in memory"
"""Our server with its journal in memory, so that nothing waits for a disk."""

Medians = Callable[[str, str], float | None]
"""The median of a workload's figure for a server; None where there is none."""


@dataclass(frozen=True)
class Work:
    """One workload. `figure` is the one that is compared; `parameters` go to the load generator."""

    title: str
    figure: str
    unit: str
    more_is_better: bool
    parameters: Mapping[str, Any]
    scale: float = 1.0
    who: str = "everybody"
    """everybody · ours · with off (ours, and ours with its journal in memory and NATS…)"""

    def changed(self, **parameters: Any) -> "Work":
        """The same with other parameters."""
        return replace(self, parameters={**self.parameters, **parameters})


def _works(seconds: float) -> dict[str, Work]:
    all_read = Work(
        "20,000 deliveries/s in a room of 500, everybody reads: p99 latency",
        "p99_ms",
        "ms",
        False,
        {
            "work": "fixed_rate",
            "rooms": 1,
            "sockets": 500,
            "deliveries_per_s": 20_000,
            "bytes": 200,
            "seconds": seconds,
        },
        who="ours",
    )
    return {
        "one room": Work(
            "1 room × 1,000 sockets, 8 announcements of 200 bytes in flight",
            "deliveries_per_s",
            "deliveries/s",
            True,
            {
                "work": "fan_out",
                "rooms": 1,
                "sockets": 1000,
                "in_flight": 8,
                "bytes": 200,
                "seconds": seconds,
            },
            who="everybody and off",
        ),
        "many rooms": Work(
            "500 rooms × 4 sockets, 1 announcement of 200 bytes in flight each",
            "deliveries_per_s",
            "deliveries/s",
            True,
            {"work": "fan_out", "rooms": 500, "sockets": 4, "in_flight": 1, "bytes": 200, "seconds": seconds},
            who="everybody and off",
        ),
        "latency": Work(
            "40,000 deliveries/s to 2,000 sockets in 2 rooms: p99 latency",
            "p99_ms",
            "ms",
            False,
            {
                "work": "fixed_rate",
                "rooms": 2,
                "sockets": 1000,
                "deliveries_per_s": 40_000,
                "bytes": 200,
                "seconds": seconds,
            },
        ),
        "memory": Work(
            "memory per idle socket that has joined a room of 100",
            "bytes_each",
            "KB",
            False,
            {"work": "idle", "rooms": 40, "sockets": 100},
            scale=1e-3,
        ),
        "hearts": Work(
            "10,000 heart_rate messages/s in 400 rooms, metrics on: p99 of announcements",
            "p99_ms",
            "ms",
            False,
            {"work": "heart_rates", "rooms": 400, "sockets": 26, "seconds": seconds},
            who="ours",
        ),
        "silent sessions": Work(
            "a live session without sockets, 5,000 in one process",
            "bytes_each",
            "KB",
            False,
            {"work": "sessions", "count": 5000},
            scale=1e-3,
            who="ours",
        ),
        "recovery": Work(
            "1,000 clients lose the connection, each recovers 300 messages, no hole, no double",
            "seconds",
            "s",
            False,
            {"work": "recovery", "sockets": 1000, "missed": 300, "bytes": 200},
            who="ours",
        ),
        "restart": Work(
            "kill -9 with 1,000 live sessions, from start of the process until ready",
            "ready_s",
            "s",
            False,
            {"work": "restart", "count": 1000},
            who="ours",
        ),
        "all read": all_read,
        "one stalls": replace(
            all_read.changed(stalled=1),
            title="the same, and one reader stops reading: p99 of the others",
        ),
    }


WORKS = _works
"""The workloads by name, for a measured window of so many seconds."""


@dataclass(frozen=True)
class Mark:
    """A target: `value`, computed from the medians, must be at least or at most `bar`, and should reach `goal`."""

    text: str
    value: Callable[[Medians], float | None]
    bar: float
    goal: float
    at_least: bool

    def reached(self, value: float) -> str:
        """``goal``, ``bar`` or ``no``."""
        for name, limit in (("goal", self.goal), ("bar", self.bar)):
            if value >= limit if self.at_least else value <= limit:
                return name
        return "no"


def _times(work: str, peer: str, *, of: str = NAME) -> Callable[[Medians], float | None]:
    def ratio(medians: Medians) -> float | None:
        ours, theirs = medians(work, of), medians(work, peer)
        return ours / theirs if ours is not None and theirs else None

    return ratio


def _own(work: str) -> Callable[[Medians], float | None]:
    return lambda medians: medians(work, NAME)


def _stall(medians: Medians) -> float | None:
    stalled, free = medians("one stalls", NAME), medians("all read", NAME)
    return stalled / free if stalled is not None and free else None


MARKS = (
    Mark("one room, times NATS", _times("one room", "NATS over WebSocket"), 1.0, 1.5, True),
    Mark("one room, times Node ws", _times("one room", "Node ws"), 4.0, 4.0, True),
    Mark("one room, times python-socketio", _times("one room", "python-socketio"), 25.0, 25.0, True),
    Mark("many rooms, times Socket.IO", _times("many rooms", "Socket.IO on Node"), 1.0, 1.0, True),
    Mark("many rooms, times Node ws", _times("many rooms", "Node ws"), 1.0, 1.0, True),
    Mark("p99 latency, times Node ws", _times("latency", "Node ws"), 1.0, 1.0, False),
    Mark("p99 latency, times nchan", _times("latency", "nchan (nginx)"), 1.0, 1.0, False),
    Mark("p99 of announcements among 10,000 heart rates/s, ms", _own("hearts"), 100.0, 100.0, False),
    Mark("memory per idle participant, KB", _own("memory"), 20.0, 16.0, False),
    Mark("live session without sockets, KB", _own("silent sessions"), 16.0, 8.0, False),
    Mark("1,000 clients recover 300 messages, s", _own("recovery"), 2.0, 1.0, False),
    Mark("ready after kill -9 with 1,000 live sessions, s", _own("restart"), 3.0, 1.0, False),
    Mark("journal on, times journal in memory", _times("one room", OFF), 0.8, 0.95, True),
    Mark("p99 with one stalled reader, times without", _stall, 1.2, 1.0, False),
)
