"""What it costs when people reach a session through another server than the one that has it."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import psutil

from bench.cluster.studio import Node, nodes, owners, pin, studio
from bench.run import LOAD_CORE, SERVER_CORE, load

__all__ = ["hop"]

_Figures = dict[str, float]

_TURNS = 3
"""Windows straight and passed on take turns, so that both meet the machine at the same pace; a figure is the median of its own."""


async def hop(url: str, *, seconds: float, sockets: int) -> _Figures:
    """Latency at 1,000 deliveries a second, and throughput of one room, straight and through the other server.

    The owner has a core; the other server shares one with the load and the database, and the load does not preempt it.
    ``full_cpu_us`` and ``steady_cpu_us`` are what the server that passes on takes for a delivery, at full speed and at 1,000 a
    second beyond what it takes idle.

    Raises:
        RuntimeError: a room was not passed on, because the other server had it in the end.
    """
    async with studio(url, nodes=2) as opened:
        await opened.start(*opened.nodes)
        owner, other = opened.nodes
        pin(owner.pid, SERVER_CORE)
        pin(other.pid, LOAD_CORE)
        first = (await asyncio.to_thread(nodes, url))[f"http://127.0.0.1:{owner.port}"]

        async def in_turn(job: dict[str, Any], name: str) -> tuple[_Figures, _Figures]:
            """The figures of all windows straight, and of all passed on: medians."""
            asked = {
                **job,
                "seconds": seconds,
                "bytes": 200,
                "rooms": 1,
                "owner": owner.port,
                "yielding": True,
            }
            straight: list[_Figures] = []
            passed_on: list[_Figures] = []
            for turn in range(_TURNS):
                for through, windows in ((owner, straight), (other, passed_on)):
                    before, began = _cpu(other), time.monotonic()
                    room = {"name": f"{name}-{turn}-{through.port}"}
                    figures = await asyncio.to_thread(load, through.running, {**asked, **room})
                    figures["other_busy"] = (_cpu(other) - before) / (time.monotonic() - began)
                    windows.append(figures)
            return _medians(straight), _medians(passed_on)

        slow, slow_passed = await in_turn(
            {"work": "fixed_rate", "sockets": 20, "deliveries_per_s": 1000}, "steady"
        )
        fast, fast_passed = await in_turn({"work": "fan_out", "sockets": sockets, "in_flight": 8}, "full")
        elsewhere = [
            key for key, (node, _) in (await asyncio.to_thread(owners, url)).items() if node != first
        ]
        if elsewhere:
            raise RuntimeError(f"the first server does not have {elsewhere}")
        return {
            "added_ms": slow_passed["p50_ms"] - slow["p50_ms"],
            "straight_p50_ms": slow["p50_ms"],
            "passed_on_p50_ms": slow_passed["p50_ms"],
            "steady_cpu_us": 1e6
            * (slow_passed["alone_busy"] - slow["other_busy"])
            / slow_passed["offered_per_s"],
            "full_cpu_us": 1e6 * fast_passed["alone_busy"] / fast_passed["deliveries_per_s"],
            "owner_cpu_us": 1e6 * fast["alone_busy"] / fast["deliveries_per_s"],
            "straight_per_s": fast["deliveries_per_s"],
            "passed_on_per_s": fast_passed["deliveries_per_s"],
            "throughput_ratio": fast_passed["deliveries_per_s"] / fast["deliveries_per_s"],
        }


def _medians(windows: list[_Figures]) -> _Figures:
    return {figure: statistics.median(window[figure] for window in windows) for figure in windows[0]}


def _cpu(node: Node) -> float:
    times = psutil.Process(node.pid).cpu_times()
    return float(times.user + times.system)
