"""What it costs when people reach a session through another server than the one that has it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psutil

from bench.cluster.studio import Node, nodes, owners, pin, studio
from bench.run import LOAD_CORE, SERVER_CORE, load

__all__ = ["hop"]


async def hop(url: str, *, seconds: float, sockets: int) -> dict[str, float]:
    """Latency at 1,000 deliveries a second, and throughput of one room, straight and through the other server.

    The owner has a core; the other server shares one with the load and the database. ``full_cpu_us`` and ``steady_cpu_us``
    are what the server that passes on takes for a delivery, at full speed and at 1,000 a second beyond what it takes idle.

    Raises:
        RuntimeError: a room was not passed on, because the other server had it in the end.
    """
    async with studio(url, nodes=2) as opened:
        await opened.start(*opened.nodes)
        owner, other = opened.nodes
        pin(owner.pid, SERVER_CORE)
        pin(other.pid, LOAD_CORE)
        first = (await asyncio.to_thread(nodes, url))[f"http://127.0.0.1:{owner.port}"]

        async def measured(job: dict[str, Any], through: Node, name: str) -> dict[str, float]:
            asked = {**job, "name": name, "seconds": seconds, "bytes": 200, "rooms": 1, "owner": owner.port}
            return await asyncio.to_thread(load, through.running, asked)

        steady = {"work": "fixed_rate", "sockets": 20, "deliveries_per_s": 1000}
        full = {"work": "fan_out", "sockets": sockets, "in_flight": 8}
        idle, began = _cpu(other), time.monotonic()
        slow = await measured(steady, owner, "steady-straight")
        idle_busy = (_cpu(other) - idle) / (time.monotonic() - began)
        slow_passed = await measured(steady, other, "steady-passed-on")
        fast = await measured(full, owner, "full-straight")
        fast_passed = await measured(full, other, "full-passed-on")
        elsewhere = [
            key for key, (node, _) in (await asyncio.to_thread(owners, url)).items() if node != first
        ]
        if elsewhere:
            raise RuntimeError(f"the first server does not have {elsewhere}")
        return {
            "added_ms": slow_passed["p50_ms"] - slow["p50_ms"],
            "straight_p50_ms": slow["p50_ms"],
            "passed_on_p50_ms": slow_passed["p50_ms"],
            "steady_cpu_us": 1e6 * (slow_passed["alone_busy"] - idle_busy) / slow_passed["offered_per_s"],
            "full_cpu_us": 1e6 * fast_passed["alone_busy"] / fast_passed["deliveries_per_s"],
            "owner_cpu_us": 1e6 * fast["alone_busy"] / fast["deliveries_per_s"],
            "straight_per_s": fast["deliveries_per_s"],
            "passed_on_per_s": fast_passed["deliveries_per_s"],
            "throughput_ratio": fast_passed["deliveries_per_s"] / fast["deliveries_per_s"],
        }


def _cpu(node: Node) -> float:
    times = psutil.Process(node.pid).cpu_times()
    return float(times.user + times.system)
